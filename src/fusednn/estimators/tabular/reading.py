"""Reads what users give `fit` and `predict`: tables, targets and weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import DataConversionWarning
from sklearn.utils.validation import _check_sample_weight

from fusednn.estimators.input.sample_weights import check_class_weight
from fusednn.tables.errors import TableError, in_python
from fusednn.tables.frames.in_memory import table_of
from fusednn.tables.frames.targets import Classes, Quantities, class_labels, quantities
from fusednn.tables.preparing.preparation import Preparation
from fusednn.tables.table import Table
from fusednn.training.warn import warn_user

Found = Classes | Quantities
IN_VALIDATION = "In the validation set (X_val, y_val): "
"""How errors of a validation set begin."""
LEAST = 2
"""Rows: one to train on, and one that judges."""


class Samples(NamedTuple):
    """
    Rows of a user's data that have a weight.

    Parameters
    ----------
    table : Table
    found : Classes or Quantities
    weights : ndarray of float64 of shape (n_rows,) or None
    kept : ndarray of int of shape (n_rows,)
        The places of these rows among all that were given.
    given : int
        How many rows were given.
    """

    table: Table
    found: Found
    weights: np.ndarray | None
    kept: np.ndarray
    given: int


@contextmanager
def in_words(where: str = "") -> Iterator[None]:
    """
    Raise errors of tables as ValueErrors that say what to do in Python.

    Their `__context__` is the error of the table, for programs with remedies of their own.
    """
    try:
        yield
    except TableError as error:
        raise ValueError(f"{where}{in_python(error)}.") from None


def read_table(X: Any) -> Table:
    """
    Read a table of features.

    Raises
    ------
    TableError
        See `table_of`.
    """
    shape: Any = getattr(X, "shape", ())
    if len(shape) == 2 and shape[1] == 0:
        raise TableError(
            f"Found array with 0 feature(s) (shape={tuple(shape)}) while a minimum of 1 is"
            " required: give columns"
        )
    return table_of(X)


def read_target(y: Any, rows: int, classify: bool, least: int = 2) -> Found:
    """
    Read class labels, of `least` classes or more, or quantities.

    Raises
    ------
    TableError
        See `class_labels` and `quantities`.
    """
    if not classify:
        return quantities(y, rows)
    if isinstance(y, np.ndarray) and y.ndim == 2 and y.shape[1] == 1:
        warn_user(
            "A column-vector y was passed when a 1d array was expected. Please change the shape of"
            " y to (n_samples, ), for example using ravel().",
            DataConversionWarning,
        )
    return class_labels(y, rows, least=least)


def read_samples(X: Any, y: Any, sample_weight: Any, classify: bool) -> Samples:
    """
    Read training data. Rows of weight 0 are as if they were not there.

    Raises
    ------
    TableError
        If the table, a target or a weight cannot be used.
    """
    table = read_table(X)
    given = table.rows
    found = read_target(y, given, classify)
    kept, weights = np.arange(given), None
    if sample_weight is not None:
        weights = checked_weights(sample_weight, given)
        if not weights.all():
            kept = np.flatnonzero(weights)
            table, weights = table.take(kept).trimmed(), weights[kept]
            found = taken(found, kept)
    if len(kept) < LEAST:
        raise TableError(f"X has {len(kept)} sample: give at least {LEAST} samples")
    return Samples(table, found, weights, kept, given)


def read_validation(X_val: Any, y_val: Any, classify: bool) -> tuple[Table, Found] | None:
    """
    Read a validation set.

    Returns
    -------
    (Table, Classes or Quantities), or None without one

    Raises
    ------
    ValueError
        If one of both is missing, or cannot be used.
    """
    if X_val is None and y_val is None:
        return None
    for one, other, name in ((X_val, "X_val", "y_val"), (y_val, "y_val", "X_val")):
        if one is None:
            raise ValueError(f"{name} is provided, but {other} was not provided: give both.")
    table = read_table(X_val)
    return table, read_target(y_val, table.rows, classify, least=1)


def taken(found: Found, rows: np.ndarray) -> Found:
    """The targets of the chosen rows, with the classes that occur in them."""
    if isinstance(found, Quantities):
        return found._replace(values=found.values[rows])
    present, places = np.unique(found.places[rows], return_inverse=True)
    if len(present) < 2:
        raise TableError(
            f"y has one class only, {found.labels[present[0]]}, in rows of positive weight: give"
            " rows of at least two classes"
        )
    return Classes(found.labels[present], places)


def checked_weights(sample_weight: Any, rows: int) -> np.ndarray:
    """
    Check the weights of rows.

    Raises
    ------
    ValueError
        If one is negative, or they add up to 0 or infinity, or there are more or fewer than rows.
    """
    try:
        np.asarray(sample_weight, np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            "sample_weight has values that are no numbers: give a number for each row."
        ) from None
    weights = _check_sample_weight(sample_weight, np.empty((rows, 1)), dtype=np.float64)
    if weights.min() < 0:
        raise ValueError(f"sample_weight has {weights.min():g}: give weights of 0 or more.")
    if not weights.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    with np.errstate(over="ignore"):
        if not np.isfinite(weights.sum()):
            raise ValueError("sample_weight adds up to infinity: divide it by a large number.")
    return weights


def factors_of_classes(
    class_weight: Any, found: Classes, weights: np.ndarray | None
) -> np.ndarray | None:
    """
    The factors of the weights of each class's rows, by the training rows.

    Parameters
    ----------
    class_weight : None, "balanced", or dict from label to weight
    found : Classes
    weights : ndarray of shape (n_rows,) or None

    Returns
    -------
    ndarray of float64 of shape (n_classes,), or None without `class_weight`

    Raises
    ------
    ValueError
        If a weight is negative or infinite, or a label is unknown.
    """
    if class_weight is None:
        return None
    labels = found.labels.tolist()
    if isinstance(class_weight, str):
        own = np.ones(len(found.places)) if weights is None else weights
        totals = np.bincount(found.places, own, len(labels))
        return own.sum() / (len(labels) * totals)
    check_class_weight(class_weight)
    strange = [label for label in class_weight if label not in labels]
    if strange:
        raise ValueError(
            f"class_weight names {strange[0]!r}, which is no label of y: its labels are"
            f" {', '.join(map(str, labels[:8]))}."
        )
    return np.array([float(class_weight.get(label, 1)) for label in labels])


def weighed(
    weights: np.ndarray | None, factors: np.ndarray | None, classes: np.ndarray
) -> np.ndarray | None:
    """
    The weights of rows times those of their classes.

    Parameters
    ----------
    weights : ndarray of shape (n_rows,) or None
    factors : ndarray of shape (n_classes,) or None
        See `factors_of_classes`.
    classes : ndarray of int of shape (n_rows,)
        Places of labels; not looked at without factors.

    Raises
    ------
    TableError
        If no row keeps a weight.
    """
    if factors is None:
        return weights
    found = factors[classes] if weights is None else weights * factors[classes]
    if not found.any():
        raise TableError("class_weight leaves no row with a weight: give one above 0 to a class")
    return found


def matrix(preparation: Preparation, table: Table) -> np.ndarray:
    """A table as inputs of networks, float32 of shape (n_rows, n_inputs): values, then codes."""
    values, codes = preparation.inputs(table)
    return np.hstack([values, codes.astype(np.float32)]) if codes.size else values
