"""Targets as users give them, and those of them that a loss takes."""

from __future__ import annotations

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import _check_partial_fit_first_call

REFUSED = {"positive": (np.less_equal, "y > 0"), "not negative": (np.less, "y >= 0")}
"""How targets that a loss does not take compare with 0, and what it takes, in its words."""


def flattened(y):
    """A column as a vector, with scikit-learn's warning; anything else as it is."""
    if y.ndim != 2 or y.shape[1] != 1:
        return y
    flat = column_or_1d(y, warn=True)
    return np.ma.array(flat, mask=y.mask.ravel()) if isinstance(y, np.ma.MaskedArray) else flat


def first_classes(estimator, classes) -> bool:
    """Notes the classes of the first call of `partial_fit`, in scikit-learn's words."""
    try:
        return _check_partial_fit_first_call(estimator, classes)
    except TypeError as error:  # labels of several kinds, which have no order
        raise ValueError(f"classes must be all words or all numbers, got {classes!r}.") from error


def real_targets(y, dtype, taken: str, name: str):
    """Real targets of shape (n_samples, n_targets) in the network's type.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or (n_samples, n_targets)
    dtype : dtype
    taken : str
        What the loss takes, as its row of the kernels' table says.
    name : str
        The loss's.

    Raises
    ------
    ValueError
        If the type cannot hold some of them, or, in it, the loss does not take them.
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
