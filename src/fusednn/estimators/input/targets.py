"""Checks and converts the users' targets."""

from __future__ import annotations

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import _check_partial_fit_first_call

REFUSED = {"positive": (np.less_equal, "y > 0"), "not negative": (np.less, "y >= 0")}
"""For each kind of targets: the comparison with 0 that refuses a target, and the condition."""


def flattened(y):
    """Converts a single column to a vector, with scikit-learn's warning; others stay unchanged."""
    if y.ndim != 2 or y.shape[1] != 1:
        return y
    flat = column_or_1d(y, warn=True)
    return np.ma.array(flat, mask=y.mask.ravel()) if isinstance(y, np.ma.MaskedArray) else flat


def first_classes(estimator, classes) -> bool:
    """Sets the classes in the first call of `partial_fit`, with scikit-learn's messages."""
    try:
        return _check_partial_fit_first_call(estimator, classes)
    except TypeError as error:  # words and numbers cannot be sorted together
        raise ValueError(f"classes must be all words or all numbers, got {classes!r}.") from error


def real_targets(y, dtype, taken: str, name: str):
    """Converts real targets to shape (n_samples, n_targets) in the network's type.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or (n_samples, n_targets)
    dtype : dtype
    taken : str
        The targets that the loss takes: `targets` of its row in `kernels.losses.LOSSES`.
    name : str
        The name of the loss, for messages.

    Raises
    ------
    ValueError
        If some targets overflow in this type, or the loss does not take them after conversion.
    """
    with np.errstate(over="ignore"):
        targets = y.reshape(len(y), -1).astype(dtype, copy=False)
    if targets.dtype != y.dtype and np.isinf(targets).any():
        raise ValueError(f"Input y contains infinity or a value too large for {dtype!r}.")
    if taken in REFUSED:
        is_refused, words = REFUSED[taken]
        refused = is_refused(targets, 0)
        if refused.any():
            column = refused.any(axis=0).argmax()
            where = f" in column {column}" if targets.shape[1] > 1 else ""
            raise ValueError(
                f"Some value(s) of y are out of the valid range of the loss {name!r}. It takes"
                f" {words}, got {targets[:, column][refused[:, column]][0]:g} in {dtype.name}"
                f"{where}."
            )
    return targets
