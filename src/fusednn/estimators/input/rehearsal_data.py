"""Data that networks of layers accept, for `warmup`."""

from __future__ import annotations

import numpy as np

from fusednn import layers as specs
from fusednn.augment import Crop
from fusednn.estimators.network.building import vector_sizes
from fusednn.estimators.network.list_ends import width_taken
from fusednn.estimators.network.parameters import has_embedding, has_tokens
from fusednn.estimators.network.rehearsals import axes_taken

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
