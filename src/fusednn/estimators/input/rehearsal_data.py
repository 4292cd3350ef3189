"""Data that networks of layers accept, for `warmup`."""

from __future__ import annotations

import numpy as np

from fusednn import layers as specs
from fusednn.augment import Crop
from fusednn.estimators.network.first_layer import has_embedding, has_tokens
from fusednn.estimators.network.list_ends import width_taken
from fusednn.estimators.network.rehearsals import axes_taken
from fusednn.estimators.network.single_ops import vector_sizes
from fusednn.graph.time_axis import StepsError, free_series, ops_of_steps

from .augmentations import are_images
from .steps import axes_of

IMAGE, LEAST_STEPS = (32, 32, 4), 64
"""Axes of images, and the fewest steps of series; samples of all sizes share the kernels."""


def rehearsal_data(estimator, rows: int) -> np.ndarray:
    """So many samples that an estimator with a list of layers can be fitted to."""
    layers = estimator._specs()
    if has_tokens(layers):
        return np.full((rows, *_axes_of(estimator)), float(layers[0].padding == 0))
    if not has_embedding(layers):
        return np.random.RandomState(0).uniform(size=(rows, *_axes_of(estimator)))
    codes, taken = layers[0].columns, width_taken(layers[1:]) or 0
    sizes = vector_sizes(layers[0], layers[0].categories or (1,) * len(codes))
    return np.zeros((rows, max(max(codes) + 1, taken - sum(sizes) + len(codes))))


def with_padding(estimator, X: np.ndarray) -> np.ndarray | None:
    """The samples, half of which end with a step of padding; None if none may.

    Parameters
    ----------
    estimator : estimator
        A network that was fitted to X.
    X : ndarray of float
    """
    built = getattr(estimator, "_built_layers", None)
    if built is None:
        return None
    series = free_series(built.ops)
    if series is None or not series.may_be_padded or series.steps == 1 or estimator.augment:
        return None
    if estimator.window and any(op.joins_rows() for op in built.ops):
        return None
    try:
        ops_of_steps(built.ops, series.steps - 1)
    except StepsError:
        return None
    found = X.reshape(len(X), *series.axes(series.steps)).copy()
    steps_last = series.channels_first or series.are_tokens
    found[(slice(None, None, 2), ..., -1) if steps_last else (slice(None, None, 2), -1)] = (
        series.padding if series.are_tokens else np.nan
    )
    return found.reshape(X.shape)


def _axes_of(estimator) -> tuple[int, ...]:
    """Axes of samples, or columns, that suit the layers and the augmentations."""
    if hasattr(estimator, "input_shape_"):
        return axes_of(estimator)
    layers, asked = estimator._specs(), list(estimator.augment or ())
    if asked and layers and isinstance(layers[0], specs.Reshape):
        return layers[0].shape
    found = axes_taken(layers)
    steps = max((spec.size for spec in asked if isinstance(spec, Crop)), default=0)
    if not asked or (len(found) == 2 + are_images(asked) and found[0] >= steps):
        return found
    return IMAGE if are_images(asked) else (max(LEAST_STEPS, steps), IMAGE[-1])
