"""Skips scikit-learn's validation for arrays that it would return unchanged and without a warning.

`validate_data` takes 50 to 100 us, even for one row. All other input goes through it, and gets its
conversions, warnings and errors.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import sparse
from sklearn.utils.validation import validate_data

from fusednn.plan.binding.data import check_indices

SPARSE_FORMATS = ("csr", "csc")


def is_plain_input(estimator, X, dtypes) -> bool:
    """Whether `validate_data(estimator, X, dtype=dtypes, reset=False)` would return X itself."""
    return (
        _is_plain(X, dtypes)
        and X.shape[1] == getattr(estimator, "n_features_in_", None)
        and not hasattr(estimator, "feature_names_in_")
        and _is_finite(X)
    )


def takes_plain_input(estimator, X, dtypes) -> bool:
    """The same with reset=True; if so, also sets the attributes of the features."""
    if not (_is_plain(X, dtypes) and X.shape[1] > 0 and _is_finite(X)):
        return False
    estimator.n_features_in_ = X.shape[1]
    if hasattr(estimator, "feature_names_in_"):
        del estimator.feature_names_in_
    return True


def is_plain_target(y, X) -> bool:
    """Whether scikit-learn's check of y would return y itself; X must be an array."""
    return (
        type(y) is np.ndarray
        and type(X) is np.ndarray
        and y.ndim in (1, 2)
        and X.ndim > 0
        and len(y) == len(X)
        and y.size > 0
        and (y.dtype.kind in "iubU" or (y.dtype.kind == "f" and _is_finite(y)))
    )


def validated(estimator, X, y="no_validation", **options):
    """Returns X, or X and y, from `validate_data`, after checking the indices of sparse matrices.

    Compiled code of SciPy and of fusednn reads memory at these indices without checks.
    """
    for name, given in (("X", X), ("y", y)):
        if sparse.issparse(given) and given.ndim == 2:  # validate_data refuses other dimensions
            check_indices(given, name)
    # validate_data refuses values too large for float32; NumPy need not warn of them too
    with np.errstate(over="ignore"):
        found = validate_data(estimator, X, y, accept_sparse=list(SPARSE_FORMATS), **options)
    if sparse.issparse(X) and X.format not in SPARSE_FORMATS:  # e.g. LIL, not checked above
        check_indices(found[0] if isinstance(found, tuple) else found)
    return found


def are_known_labels(y, classes, every: bool = False) -> bool:
    """Whether y is a vector of integers, booleans or strings that are all in `classes`.

    With `every`, y must have every class too. False is not final: scikit-learn's checks decide.
    """
    kinds = {y.dtype.kind, classes.dtype.kind}
    if y.ndim != 1 or not (kinds <= {"i", "u"} or kinds == {"b"} or kinds == {"U"}):
        return False
    numbers = places_of(y, classes)
    if not (classes.take(numbers, mode="clip") == y).all():
        return False
    return not every or bool(np.bincount(numbers, minlength=len(classes)).all())


def places_of(y, classes):
    """Returns the positions of labels in the sorted classes."""
    # NumPy would compare int64 with uint64 as floats, which confuses large integers
    if y.dtype.kind in "iu" and classes.dtype.kind in "iu":
        y = y.astype(classes.dtype, copy=False)
    return np.searchsorted(classes, y)


def _is_plain(X, dtypes) -> bool:
    return type(X) is np.ndarray and X.ndim == 2 and len(X) > 0 and X.dtype in dtypes


def _is_finite(values) -> bool:
    """Whether all values are finite. False also if their sum overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        return math.isfinite(values.sum())
