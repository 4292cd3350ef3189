"""Weights of the samples and of the classes: what they must be. A weight of zero is no sample."""

from __future__ import annotations

from math import isfinite

import numpy as np
from sklearn.utils.validation import _check_sample_weight


def checked_weights(sample_weight, X, dtype=None):
    """The weights of the rows of X as an array, or None."""
    if sample_weight is None:
        return None
    weights = _check_sample_weight(sample_weight, X, dtype=dtype)
    if not weights.any():  # scikit-learn says so from 1.9 on
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weights


def present(weights):
    """What picks the rows that have a weight: all of them without a copy, or a mask."""
    return slice(None) if weights is None or weights.all() else weights != 0


def in_type(weights, dtype):
    """Weights in the network's type, or None."""
    if weights is None:
        return None
    with np.errstate(over="ignore"):  # refused by `check_total`
        return np.ascontiguousarray(weights, dtype)


def bounded(targets, weights):
    """Targets, in which those of rows without a weight are another row's.

    They may be anything, such as a mark of what is missing, and 0 times an infinite loss is no 0.
    """
    rows = present(weights)
    if isinstance(rows, slice) or not rows.any():
        return targets
    return np.where(rows[:, np.newaxis], targets, targets[rows.argmax()])


def total_of(weights, dtype=float) -> float:
    """Their sum in a type; infinite where it overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float(weights.sum(dtype=dtype))


def check_total(weights, order=slice(None)) -> None:
    """Refuses weights, in the network's type, that say nothing of the samples in `order`."""
    if weights is None:
        return
    total = total_of(weights[order])
    if total == 0 or not isfinite(total):
        raise ValueError(
            "The weights of the samples to train on, sample_weight times class_weight, sum to"
            f" {total:g} in {weights.dtype}: give weights whose sum is finite and not zero."
        )
    largest = float(np.abs(weights[order]).max())
    if largest < np.finfo(weights.dtype).tiny:  # their sum has no reciprocal
        raise ValueError(
            "The weights of the samples to train on, sample_weight times class_weight, are at most"
            f" {largest:g}, too small for {weights.dtype}: multiply them all by a large number."
        )


def check_class_weight(class_weight) -> None:
    """Refuses factors that are not finite numbers from 0, in a dict or a list of them."""
    for factors in class_weight if isinstance(class_weight, list) else [class_weight]:
        for label, factor in factors.items() if isinstance(factors, dict) else ():
            if not _is_factor(factor):
                raise ValueError(
                    f"class_weight must have finite numbers from 0, got {factor!r} for the label"
                    f" {label!r}."
                )


def _is_factor(value) -> bool:
    if isinstance(value, str | bytes):  # which float would read
        return False
    try:
        return 0 <= float(value) < np.inf
    except (TypeError, ValueError, OverflowError):
        return False
