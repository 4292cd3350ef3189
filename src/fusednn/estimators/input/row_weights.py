"""Weights where samples have a target for each of their rows: of samples, or of each row."""

from __future__ import annotations

from math import prod

import numpy as np
from sklearn.utils.validation import _check_sample_weight

from fusednn.serving.sequences import are_sequences

from .steps import axes_of
from .target_axes import check_ends, steps_at_end


def has_row_weights(sample_weight) -> bool:
    """Whether weights are given for the rows of each sample, not for samples."""
    return are_sequences(sample_weight) or np.ndim(sample_weight) > 1


def checked_row_weights(estimator, sample_weight, X, y, dtype=None):
    """Checks weights (n, *axes), one for each row of each sample; returns them as (n, rows).

    They may be a list of arrays (T_i,), as y may.

    Raises
    ------
    ValueError
        If they have another shape, are not finite, or all 0.
    """
    axes = estimator.output_shape_
    if prod(axes) != y.shape[1]:  # series of other steps
        axes = y.shape[1:2]
    if are_sequences(sample_weight):
        ends = [len(one) for one in sample_weight]
        steps = steps_at_end(estimator._ops_before_output(axes_of(estimator)), X)
        if steps is not None and len(ends) == len(steps):
            check_ends("sample_weight", ends, steps)
        found = np.zeros((len(ends), max(*axes, *ends)))
        for number, one in enumerate(sample_weight):
            if np.ndim(one) != 1:
                raise ValueError(
                    f"sample_weight[{number}] must be of shape ({len(one)},), got {np.shape(one)}."
                )
            found[number, : len(one)] = one
        sample_weight = found
    given = np.shape(sample_weight)
    if given != (len(y), *axes):
        raise ValueError(
            f"sample_weight must be of shape ({len(y)},) or {(len(y), *axes)}, got {given}."
        )
    flat = np.reshape(sample_weight, -1)
    weights = _check_sample_weight(flat, np.empty((len(flat), 1)), dtype=dtype)
    if not weights.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weights.reshape(len(y), -1)


def weights_of_rows(labels, class_weight, y, sample_weight):
    """The class weight of each row of each sample (n, rows); 0 where the label is unknown, or the
    sample or the row has no weight."""
    counts = ~np.ma.getmaskarray(y)
    if sample_weight is not None:
        counts = counts & (sample_weight.reshape(len(y), -1) != 0)
    weights = np.zeros(y.shape)
    if counts.any():
        weights[counts] = labels.sample_weight(class_weight, np.ma.getdata(y)[counts])
    return weights


def of_each_row(weights, targets):
    """The weights of samples, or of rows, for encoded targets: (n,), or (n, rows) for rows."""
    if weights is None or targets.ndim == 2:
        return weights
    return np.broadcast_to(weights.reshape(len(weights), -1), targets.shape[:2])
