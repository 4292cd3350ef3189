"""Rows as callers hand them over: converted, or refused in scikit-learn's words."""

from __future__ import annotations

import numpy as np

SEE = (
    "For supervised learning, you might want to consider sklearn.ensemble"
    ".HistGradientBoostingClassifier and Regressor which accept missing values encoded as NaNs"
    " natively. Alternatively, it is possible to preprocess the data, for instance by using an"
    " imputer transformer in a pipeline or drop samples with missing values. See"
    " https://scikit-learn.org/stable/modules/impute.html You can find a list of all estimators"
    " that handle NaN values at the following page: https://scikit-learn.org/stable/modules/"
    "impute.html#estimators-that-handle-nan-values"
)


def converted(X, dtype: np.dtype, names: tuple[str, str], features) -> np.ndarray:
    """X as a two-dimensional, C-contiguous, aligned array of `dtype`; a vector is one row.

    Raises
    ------
    TypeError
        If X is sparse.
    ValueError
        If it is not such an array, holds what `dtype` cannot, or its columns have other names.
    """
    first, _ = names
    if hasattr(X, "tocsr"):
        raise TypeError(
            "Sparse data was passed for X, but dense data is required. Use '.toarray()' to"
            " convert to a dense numpy array."
        )
    if features is not None and hasattr(X, "columns"):
        _check_features(list(X.columns), features)
    given = np.asarray(X)
    if given.ndim == 0:
        raise ValueError(
            f"Expected 2D array, got scalar array instead:\narray={given}.\nReshape your data"
            " either using array.reshape(-1, 1) if your data has a single feature or"
            " array.reshape(1, -1) if it contains a single sample."
        )
    if given.ndim > 2:
        raise ValueError(
            f"Found array with dim {given.ndim}, while dim <= 2 is required by {first}."
        )
    if given.dtype.kind == "c":
        raise ValueError(f"Complex data not supported\n{given}\n")
    if given.dtype.kind in "USV":
        raise ValueError(
            "dtype='numeric' is not compatible with arrays of bytes/strings.Convert your data to"
            " numeric values explicitly instead."
        )
    with np.errstate(over="ignore"):  # what the type cannot hold is refused as infinite
        array = np.atleast_2d(np.ascontiguousarray(given, dtype))
    return array if array.flags.aligned else array.copy()


def refuse_columns(X: np.ndarray, inputs: int, names: tuple[str, str]) -> ValueError:
    """The error for rows of another number of columns."""
    return ValueError(
        f"X has {X.shape[-1]} features, but {names[0]} is expecting {inputs} features as input."
    )


def refuse_empty(X: np.ndarray, names: tuple[str, str]) -> ValueError:
    """The error for no rows."""
    return ValueError(
        f"Found array with {len(X)} sample(s) (shape={X.shape}) while a minimum of 1 is required"
        f" by {names[0]}."
    )


def refuse_values(X: np.ndarray, names: tuple[str, str]) -> ValueError:
    """The error for rows that hold NaN or infinity."""
    if not np.isnan(X).any():
        return ValueError(
            f"Input X contains infinity or a value too large for dtype('{X.dtype}')."
        )
    return ValueError(
        f"Input X contains NaN.\n{names[1]} does not accept missing values encoded as NaN"
        f" natively. {SEE}"
    )


def check_out(out, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Refuses an array that answers cannot be written to."""
    if type(out) is not np.ndarray or not out.flags.carray or out.dtype != dtype:
        raise ValueError(
            f"out must be a C-contiguous, writeable NumPy array of {dtype}; got {_described(out)}."
        )
    if out.shape != shape:
        raise ValueError(f"out must be of shape {shape}; got {out.shape}.")


def check_codes(X: np.ndarray, columns, categories) -> None:
    """Refuses values in columns of codes that are none; what is not finite is for other checks.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    columns, categories : sequence of int
        Which columns hold codes, and how many codes each has.

    Raises
    ------
    ValueError
        Naming the column.
    """
    for column, count in zip(columns, categories, strict=True):
        values = X[:, column]
        largest = values.dtype.type(count - 1)
        if float(largest) > count - 1:  # float32 has not every integer from 2**24 on
            largest = np.nextafter(largest, values.dtype.type(0))
        odd = (values < 0) | (values > largest) | (values != np.floor(values))
        wrong = odd & np.isfinite(values)
        if wrong.any():
            raise ValueError(
                f"X[:, {column}] holds codes of an Embedding, integers from 0 to {count - 1};"
                f" found {values[wrong][0]:g}."
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
