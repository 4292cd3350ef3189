"""Checks the weights of samples and classes. A sample of weight zero counts as absent."""

from __future__ import annotations

from math import isfinite

import numpy as np
from sklearn.utils.validation import _check_sample_weight

from fusednn.serving.sequences import are_sequences


def checked_weights(sample_weight, X, dtype=None):
    """Returns the weights of the rows of X as an array; raises ValueError if all are 0."""
    if sample_weight is None:
        return None
    if are_sequences(sample_weight):
        raise ValueError(
            f"sample_weight must be of shape ({X.shape[0]},), got a list of arrays; y has one"
            " target for each sample."
        )
    weights = _check_sample_weight(sample_weight, X, dtype=dtype)
    if not weights.any():  # scikit-learn checks this from 1.9 on
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weights


def present(weights):
    """Returns an index of the samples with a nonzero weight: a slice if all have one, or a mask.

    Samples of several rows may have a weight for each, in an array (n_samples, rows).
    """
    if weights is not None and weights.ndim > 1:
        weights = weights.any(axis=1)
    return slice(None) if weights is None or weights.all() else weights != 0


def in_type(weights, dtype):
    """Converts weights to the network's type; None stays None."""
    if weights is None:
        return None
    with np.errstate(over="ignore"):  # `check_total` raises the error
        return np.ascontiguousarray(weights, dtype)


def bounded(targets, weights):
    """Replaces the targets of rows of weight 0 by another row's.

    Such targets may have any value, for example a mark of missing values. Their loss could be
    infinite, and 0 times infinity is NaN.
    """
    rows = present(None if weights is None else weights.reshape(-1))
    if isinstance(rows, slice) or not rows.any():
        return targets
    found = targets.reshape(len(rows), -1)
    found = np.where(rows[:, np.newaxis], found, found[rows.argmax()])
    return found.reshape(targets.shape)


def total_of(weights, dtype=float) -> float:
    """Sums weights in the given type; the sum is infinite if it overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float(weights.sum(dtype=dtype))


def check_total(weights, order=slice(None)) -> None:
    """Raises ValueError if the weights of the samples in `order` have no usable sum.

    The sum, in the network's type, must be finite and not 0, and the largest weight must be a
    normal number.
    """
    if weights is None:
        return
    total = total_of(weights[order])
    if total == 0 or not isfinite(total):
        raise ValueError(
            "The weights of the samples to train on, sample_weight times class_weight, sum to"
            f" {total:g} in {weights.dtype}: give weights whose sum is finite and not zero."
        )
    largest = float(np.abs(weights[order]).max())
    if largest < np.finfo(weights.dtype).tiny:  # the reciprocal of their sum would overflow
        raise ValueError(
            "The weights of the samples to train on, sample_weight times class_weight, are at most"
            f" {largest:g}, too small for {weights.dtype}: multiply them all by a large number."
        )


def check_class_weight(class_weight) -> None:
    """Raises ValueError unless all factors in a dict or a list of dicts are finite and >= 0."""
    for factors in class_weight if isinstance(class_weight, list) else [class_weight]:
        for label, factor in factors.items() if isinstance(factors, dict) else ():
            if not _is_factor(factor):
                raise ValueError(
                    f"class_weight must have finite numbers from 0, got {factor!r} for the label"
                    f" {label!r}."
                )


def _is_factor(value) -> bool:
    if isinstance(value, str | bytes):  # float("1") would accept them
        return False
    try:
        return 0 <= float(value) < np.inf
    except (TypeError, ValueError, OverflowError):
        return False
