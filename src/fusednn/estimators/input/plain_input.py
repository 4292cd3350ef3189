"""Input that needs no conversion and breaks no rule, recognised at once.

scikit-learn's `validate_data` takes 50 to 100 us whatever the size. Arrays that it would hand
back as they are, without a word, need not go through it; everything else does, and gets its
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
    """Whether `validate_data(estimator, X, dtype=dtypes, reset=False)` is X, silently."""
    return (
        _is_plain(X, dtypes)
        and X.shape[1] == getattr(estimator, "n_features_in_", None)
        and not hasattr(estimator, "feature_names_in_")
        and _is_finite(X)
    )


def takes_plain_input(estimator, X, dtypes) -> bool:
    """The same with reset=True: if so, notes the features of X as it does."""
    if not (_is_plain(X, dtypes) and X.shape[1] > 0 and _is_finite(X)):
        return False
    estimator.n_features_in_ = X.shape[1]
    if hasattr(estimator, "feature_names_in_"):
        del estimator.feature_names_in_
    return True


def is_plain_target(y, X) -> bool:
    """Whether scikit-learn's check of the targets of an array X is y, silently."""
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
    """X, or X and y; indices of sparse ones are checked before anything trusts them."""
    for name, given in (("X", X), ("y", y)):
        if sparse.issparse(given) and given.ndim == 2:  # others are refused
            check_indices(given, name)
    # what float32 cannot hold is refused as infinite, without NumPy's own warning
    with np.errstate(over="ignore"):
        found = validate_data(estimator, X, y, accept_sparse=list(SPARSE_FORMATS), **options)
    if sparse.issparse(X) and X.format not in SPARSE_FORMATS:  # perhaps of lists of indices
        check_indices(found[0] if isinstance(found, tuple) else found)
    return found


def are_known_labels(y, classes, every: bool = False) -> bool:
    """Whether y is a vector of numbers, or of strings, like `classes`, and all among them.

    With `every`, each class must be there too. False says nothing: scikit-learn decides.
    """
    kinds = {y.dtype.kind, classes.dtype.kind}
    if y.ndim != 1 or not (kinds <= {"i", "u"} or kinds == {"b"} or kinds == {"U"}):
        return False
    numbers = places_of(y, classes)
    if not (classes.take(numbers, mode="clip") == y).all():
        return False
    return not every or bool(np.bincount(numbers, minlength=len(classes)).all())


def places_of(y, classes):
    """The numbers of labels among the classes; integers of any type are told apart."""
    if y.dtype.kind in "iu" and classes.dtype.kind in "iu":  # which NumPy would compare as floats
        y = y.astype(classes.dtype, copy=False)
    return np.searchsorted(classes, y)


def _is_plain(X, dtypes) -> bool:
    return type(X) is np.ndarray and X.ndim == 2 and len(X) > 0 and X.dtype in dtypes


def _is_finite(values) -> bool:
    """False also for values so large that their sum overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        return math.isfinite(values.sum())
