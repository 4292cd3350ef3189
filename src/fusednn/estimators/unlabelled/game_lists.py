"""The lists of a generator and a discriminator that are used where the user gives none."""

from __future__ import annotations

from math import prod

import numpy as np

from fusednn import layers as specs

IMAGES = 28, 28
"""The size of the images that have convolutions by default."""

BYTES = 0.0, 255.0


def are_images(axes: tuple[int, ...]) -> bool:
    """Whether samples of these axes have convolutions by default."""
    return axes[:2] == IMAGES


def default_generator(axes: tuple[int, ...]) -> tuple[specs.Layer, ...]:
    """Two hidden layers and the data, or convolutions for images, which end in [-1, 1]."""
    if are_images(axes):
        return (
            *(specs.Dense(7 * 7 * 64), specs.Reshape(7, 7, 64)),
            *(specs.BatchNorm(), specs.Activation("relu")),
            specs.ConvTranspose2D(32, 4, stride=2, padding=1),
            *(specs.BatchNorm(), specs.Activation("relu")),
            specs.ConvTranspose2D(prod(axes[2:]), 4, "tanh", stride=2, padding=1),
        )
    hidden = specs.Dense(128, "relu"), specs.Dense(128, "relu")
    return (*hidden, specs.Dense(prod(axes)))


def default_discriminator(axes: tuple[int, ...]) -> tuple[specs.Layer, ...]:
    """The layers before the output, likewise."""
    if are_images(axes):
        slope = specs.Activation("leaky_relu", slope=0.2)
        return (
            *(specs.Conv2D(32, 4, stride=2, padding=1), slope),
            *(specs.Conv2D(64, 4, stride=2, padding=1), slope),
        )
    flat = (specs.Flatten(),) if len(axes) > 1 else ()
    return (*flat, specs.Dense(128, "leaky_relu"), specs.Dense(128, "leaky_relu"))


def range_of(X: np.ndarray) -> tuple[float, float]:
    """The middle and half of the range of values: that of bytes, or that of X."""
    low, high = BYTES if X.dtype == np.uint8 else (float(X.min()), float(X.max()))
    return (low + high) / 2, (high - low) / 2 or 1.0
