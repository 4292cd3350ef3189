"""Converts callers' rows, or refuses them with scikit-learn's messages."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from .sequences import are_sequences, refuse_mixed, stacked

if TYPE_CHECKING:
    from fusednn.graph.time_axis import Series


def converted(
    X,
    dtype: np.dtype,
    names: tuple[str, str],
    features,
    columns=None,
    axes: Sequence[tuple[int, ...]] = (),
    series: Series | None = None,
) -> np.ndarray:
    """Converts X to a two-dimensional, C-contiguous, aligned array; a vector is one row.

    X may be anything that NumPy converts: lists, arrays, frames of pandas and polars, tables of
    pyarrow. If `columns` is given, the columns that it does not choose may hold values that are
    not numbers. If the first step is a ColumnTransformer, columns are found by name. Samples may
    have one of some `axes`, and so may a single sample. Those of `series` may have any number of
    steps, and X may list series of unequal lengths, which get padding.

    Raises
    ------
    TypeError
        If X is sparse, or only some names of its columns are strings.
    ValueError
        If X cannot be converted, or its columns have other names.
    """
    first, _ = names
    if is_sparse(X):
        raise TypeError(
            "Sparse data was passed for X, but dense data is required. Use '.toarray()' to"
            " convert to a dense numpy array, or a predictor that fusednn.freeze or fusednn.load"
            " makes, which takes sparse rows."
        )
    found, order = _names_of(X), None
    if features is not None and found is not None:
        order = _order(found, features, first, columns)
    if are_sequences(X):
        if series is not None and series.may_be_padded:
            X = stacked(X, series.steps, dtype.type, series.padding, series)
        elif (axes or series is not None) and len({len(sample) for sample in X}) > 1:
            why = f"is expecting samples with axes {axes[0]}" if axes else "has no padding"
            raise ValueError(f"X lists samples of unequal lengths, but {first} {why}.")
    try:
        given = np.asarray(X)
    except ValueError:
        refuse_mixed(X)
        raise
    if given.dtype == object and hasattr(X, "iloc"):  # pandas' missing values become NaN
        given = X.to_numpy(object, na_value=np.nan)
    if isinstance(X, str) and series is not None and series.are_tokens:
        raise TypeError(
            f"X is a text, but {first} takes codes, as a tokenizer's encode gives them."
        )
    if given.ndim == 0:
        raise ValueError(
            f"Expected 2D array, got scalar array instead:\narray={given}.\nReshape your data"
            " either using array.reshape(-1, 1) if your data has a single feature or"
            " array.reshape(1, -1) if it contains a single sample."
        )
    if given.ndim > 2 or (axes and is_sample(given.shape, shapes_of_a_sample(axes), series)):
        given = _without_axes(given, axes, series, first)
    check_real(given)
    if given.dtype.kind in "USV":
        raise ValueError(
            "dtype='numeric' is not compatible with arrays of bytes/strings.Convert your data to"
            " numeric values explicitly instead."
        )
    if order is not None:
        given = given[:, order]
    if columns is not None and given.dtype == object and given.shape[-1] == columns[0]:
        numbers, chosen = np.zeros(given.shape, object), list(columns[1])
        numbers[..., chosen] = given[..., chosen]
        given = numbers
    with np.errstate(over="ignore"):  # too large values become infinite and are refused
        array = np.atleast_2d(np.ascontiguousarray(given, dtype))
    return array if array.flags.aligned else array.copy()


def shapes_of_a_sample(axes: Sequence[tuple[int, ...]]) -> frozenset[tuple[int, ...]]:
    """The shapes, of two axes or more, that a single sample may have: those of some axes.

    A last axis of one channel may be left out.

    An array of such a shape that is rows as well has one row, of the same numbers.
    """
    found = [*axes, *(shape[:-1] for shape in axes if shape[-1] == 1)]
    return frozenset(shape for shape in found if len(shape) > 1)


def is_sample(shape: tuple[int, ...], known: frozenset, series: Series | None) -> bool:
    """Whether an array of this shape is one sample with axes: known ones, or of other steps.

    An array of as many columns as a sample of the fit has elements is rows.
    """
    if shape in known:
        return True
    if series is None or series.features == 1:
        return False
    return series.steps_of(shape) > 0 and shape[1] != series.steps * series.features


def _without_axes(X: np.ndarray, axes, series: Series | None, name: str) -> np.ndarray:
    """Flattens samples that have one of these axes, or the array if it is one sample."""
    if not axes:
        raise ValueError(f"Found array with dim {X.ndim}, while dim <= 2 is required by {name}.")
    known = shapes_of_a_sample(axes)
    if is_sample(X.shape, known, series):
        return X.reshape(1, X.size)
    if series is not None and series.steps_of(X.shape[1:]):
        return X.reshape(len(X), prod(X.shape[1:]))
    if X.shape[1:] not in known:
        wanted = axes[0] if series is None else series.free_text
        raise ValueError(
            f"X has samples with axes {X.shape[1:]}, but {name} is expecting samples with axes"
            f" {wanted}."
        )
    return X.reshape(len(X), prod(axes[0]))


def is_sparse(X) -> bool:
    """Whether X is a sparse matrix or array of SciPy; does not import SciPy."""
    return hasattr(X, "tocsr")


def sparse_rows(X):
    """Checks a sparse matrix of real numbers; a vector becomes one row."""
    check_real(X)
    return X.reshape(1, -1) if X.ndim == 1 else X


def check_real(X) -> None:
    """Refuses complex numbers in arrays and sparse matrices."""
    if X.dtype.kind == "c":
        raise ValueError(f"Complex data not supported\n{X}\n")


def check_out(out, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Refuses an `out` that answers cannot be written to."""
    if type(out) is not np.ndarray or not out.flags.carray or out.dtype != dtype:
        raise ValueError(
            f"out must be a C-contiguous, writeable NumPy array of {dtype}; got {_described(out)}."
        )
    if out.shape != shape:
        raise ValueError(f"out must be of shape {shape}; got {out.shape}.")


def check_codes(X: np.ndarray, columns, categories) -> None:
    """Refuses finite values that are not codes of an Embedding; other checks refuse the rest.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    columns, categories : sequence of int
        The columns of codes, and the number of codes of each.

    Raises
    ------
    ValueError
        The message names the column.
    """
    for column, count in zip(columns, categories, strict=True):
        values = X[:, column]
        largest = values.dtype.type(count - 1)
        if float(largest) > count - 1:  # from 2**24 on float32 does not hold every integer
            largest = np.nextafter(largest, values.dtype.type(0))
        odd = (values < 0) | (values > largest) | (values != np.floor(values))
        wrong = odd & np.isfinite(values)
        if wrong.any():
            raise ValueError(
                f"X[:, {column}] holds codes of an Embedding, integers from 0 to {count - 1};"
                f" found {values[wrong][0]:g}."
            )


def check_tokens(X: np.ndarray, count: int, padding: int | None = None) -> None:
    """Refuses finite values that are not tokens of a TokenEmbedding, which is the first layer.

    It also refuses samples of nothing but padding.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_steps)
        Integers, or floats; other checks refuse those that are not finite.
    count : int
        The number of codes, which X's type holds exactly.
    padding : int, optional
        The code that fills the ends of samples.
    """
    with np.errstate(invalid="ignore"):
        wrong = (X < 0) | (count <= X)
        if X.dtype.kind == "f":
            wrong = (wrong | (np.floor(X) != X)) & np.isfinite(X)
    if wrong.any():
        raise ValueError(
            f"X holds tokens of layers[0], a TokenEmbedding: whole numbers from 0 to {count - 1};"
            f" found {X[wrong][0]:{'g' if X.dtype.kind == 'f' else 'd'}}."
        )
    if padding is not None and (X[:, 0] == padding).any():
        empty = np.flatnonzero(np.equal(X, padding).all(axis=1))
        if len(empty):
            raise ValueError(
                f"X[{empty[0]}] holds nothing but {padding}, the padding of layers[0], a"
                " TokenEmbedding: a sample needs a token."
            )


def _described(out) -> str:
    if type(out) is not np.ndarray:
        return type(out).__name__
    for name, word in (
        ("c_contiguous", "not C-contiguous"),
        ("writeable", "read-only"),
        ("aligned", "not aligned"),
    ):
        if not getattr(out.flags, name):
            return f"{out.dtype} {word}"
    return str(out.dtype)


def _order(found: list, expected: tuple[str, ...], first: str, columns) -> list[int] | None:
    """Indices of the expected columns in a frame; None if they already are in this order."""
    if first != "ColumnTransformer" or found == list(expected):
        _check_features(found, expected)
        return None
    read = expected if columns is None else [expected[column] for column in columns[1]]
    lost = set(read) - set(found)
    if lost:
        raise ValueError(f"columns are missing: {lost}")
    return [found.index(name) if name in found else 0 for name in expected]


def _names_of(X) -> list[str] | None:
    """Names of the columns of a frame or table; None if it has no names of strings."""
    names = getattr(X, "column_names", None)  # pyarrow, whose `columns` are arrays
    names = list(getattr(X, "columns", [])) if names is None else names
    kinds = sorted({type(name).__qualname__ for name in names})
    if len(kinds) > 1 and "str" in kinds:
        raise TypeError(
            "Feature names are only supported if all input features have string names, but your"
            f" input has {kinds} as feature name / column name types. If you want feature names"
            " to be stored and validated, you must convert them all to strings, by using"
            " X.columns = X.columns.astype(str) for example. Otherwise you can remove feature /"
            " column names from your input data, or convert them all to a non-string data type."
        )
    return names if kinds == ["str"] else None


def _check_features(found: list, expected: tuple[str, ...]) -> None:
    if found == list(expected):
        return
    new, lost = sorted(set(map(str, found)) - set(expected)), sorted(set(expected) - set(found))
    words = ["The feature names should match those that were passed during fit."]
    for names, title in (
        (new, "Feature names unseen at fit time:"),
        (lost, "Feature names seen at fit time, yet now missing:"),
    ):
        if names:
            words += [title, *(f"- {name}" for name in names[:5])]
            words += ["- ..."] if len(names) > 5 else []
    if not new and not lost:
        words.append("Feature names must be in the same order as they were in fit.")
    raise ValueError("\n".join(words) + "\n")
