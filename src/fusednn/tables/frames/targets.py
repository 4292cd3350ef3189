"""Targets in memory: class labels as they are, and quantities."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fusednn.tables.columns import Column, NumberColumn
from fusednn.tables.errors import TableError, shown

from .arrays import columns_of_array
from .declared import BOOLEANS, DATES, MIXED, NUMBERS, kind_of
from .in_memory import frames_module
from .objects import column_of_objects


class Classes(NamedTuple):
    """
    Class labels.

    Parameters
    ----------
    labels : ndarray of shape (n_classes,)
        Distinct and ascending: bool, integers, floating-point numbers, or objects that are str.
    places : ndarray of int of shape (n_rows,)
        Each row's index in `labels`.
    """

    labels: np.ndarray
    places: np.ndarray


class Quantities(NamedTuple):
    """
    Targets of a regression.

    Parameters
    ----------
    values : ndarray of float64 of shape (n_rows,) or (n_rows, n_targets)
    names : tuple of str
        Names of the targets, where y has them.
    """

    values: np.ndarray
    names: tuple[str, ...]


def class_labels(y: Any, rows: int | None = None, *, least: int = 2) -> Classes:
    """
    Read class labels.

    Parameters
    ----------
    y : array-like of shape (n_rows,) or (n_rows, 1), series, or frame of one column
        Booleans, whole numbers, texts or categories.
    rows : int, default=None
        The number of rows of X.
    least : {1, 2}, default=2
        The least number of classes.

    Raises
    ------
    TableError
        If a label is missing, there are too few classes, numbers are not whole, there are several
        columns, values have several types, or y has another number of rows.
    """
    columns, _ = _columns(y, rows)
    if len(columns) > 1:
        raise TableError(
            f"y has {len(columns)} columns: give one column of labels, and a classifier for each"
        )
    [column] = columns
    name = _called(column)
    kind = kind_of(column)
    if kind in (MIXED, DATES):
        what = "dates" if kind == DATES else "values of several types"
        raise TableError(f"{name} has {what}, which are no labels: make texts of them")
    numbers = column.array if isinstance(column, NumberColumn) else None
    if numbers is not None:
        labels, places = np.unique(numbers, return_inverse=True)
        odd = labels[~np.isfinite(labels) | (labels != np.floor(labels))]
        if odd.size:
            raise TableError(
                f"Unknown label type: {name} has {odd[0]:g}, which is not a whole number: fit a"
                " regressor, or make texts of the labels"
            )
    else:
        texts = np.array(column.values, object)
        labels, places = np.unique(texts[column.codes], return_inverse=True)
        labels = labels == "True" if kind == BOOLEANS else labels
    if len(labels) < least:
        raise TableError(
            f"{name} has one class only, {labels[0]}: give rows of at least two classes"
        )
    return Classes(labels, places)


def quantities(y: Any, rows: int | None = None) -> Quantities:
    """
    Read the targets of a regression.

    Parameters
    ----------
    y : array-like of shape (n_rows,) or (n_rows, n_targets), series or frame
        Numbers; booleans are 0 and 1.
    rows : int, default=None
        The number of rows of X.

    Raises
    ------
    TableError
        If a value is missing, infinite or no number, or y has another number of rows.
    """
    columns, flat = _columns(y, rows)
    found = []
    for column in columns:
        if kind_of(column) == BOOLEANS:
            ones = np.array([text == "True" for text in column.values], float)
            numbers: np.ndarray | None = ones[column.codes]
        else:
            numbers = column.numbers() if kind_of(column) == NUMBERS else None
        name = _called(column)
        if numbers is None:
            text = column.take(np.arange(1)).texts()[0]
            raise TableError(
                f"{name} has {shown(text)}, which is no number: give numbers, or fit a classifier"
            )
        infinite = np.flatnonzero(np.isinf(numbers))
        if infinite.size:
            raise TableError(
                f"{name} contains infinity, in row {infinite[0] + 1}: leave such rows out"
            )
        found.append(numbers)
    names = tuple(column.name for column in columns if column.name)
    return Quantities(found[0] if flat else np.column_stack(found), names)


def _columns(y: Any, rows: int | None) -> tuple[list[Column], bool]:
    """The columns of y, without missing values, and whether y has only one axis."""
    module = frames_module(y)
    if module is not None and module.is_frame(y):
        columns = module.columns_of_frame(module.without_categories(y))
        flat = len(columns) == 1
    elif module is not None and module.is_series(y):
        name = "" if y.name is None else str(y.name)
        column = module.column_of(name or "y", module.without_categories(y))
        columns, flat = [column.renamed(name)], True
    else:
        columns, flat = _of_array(y)
    if not columns or not len(columns[0]):
        raise TableError("y has no values: give a target for each row of X")
    if rows is not None and len(columns[0]) != rows:
        raise TableError(
            f"y has {len(columns[0]):,} rows and X has {rows:,}: give one target for each row"
        )
    for column in columns:
        gone = np.flatnonzero(column.missing())
        if gone.size:
            raise TableError(
                f"{_called(column)} is missing in row {gone[0] + 1} ({gone.size:,} in all): leave"
                " such rows out"
            )
    return columns, flat


def _of_array(y: Any) -> tuple[list[Column], bool]:
    readable = hasattr(y, "__len__") or hasattr(y, "__array__")
    if y is None:
        raise TableError(
            "requires y to be passed, but the target y is None: give a target for each row of X"
        )
    if hasattr(y, "toarray"):
        raise TableError("y is sparse: give y.toarray()")
    if isinstance(y, (str, bytes, dict, set, frozenset)) or not readable:
        raise TableError(
            f"y is {y!r:.60}, of type {type(y).__name__}: give an array, a list or a series with a"
            " target for each row of X"
        )
    if isinstance(y, (list, tuple)) and not any(np.ndim(one) for one in y):
        return [column_of_objects("y", y).renamed("")], True
    try:
        array = y if isinstance(y, np.ma.MaskedArray) else np.asarray(y)
    except ValueError:
        raise TableError("y has rows of several lengths: give rows of one length") from None
    if array.ndim not in (1, 2):
        raise TableError(f"y has {array.ndim} axes: give one column, or one for each target")
    if array.dtype.kind in "UST":  # words, even if they are digits
        array = array.astype(object)
    flat = array.ndim == 1 or array.shape[1] == 1
    columns = columns_of_array(array[:, np.newaxis] if array.ndim == 1 else array)
    return [column.renamed("") if flat else column for column in columns], flat


def _called(column: Column) -> str:
    return f"the target {shown(column.name)}" if column.name else "y"
