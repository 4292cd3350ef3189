"""From descriptions of augmentations to what a training does to its samples."""

from __future__ import annotations

from math import hypot

import numpy as np

from fusednn import augment
from fusednn.estimators.network.list_ends import reshape_of_data
from fusednn.estimators.network.windows import takes_images
from fusednn.graph.augmentation import Augmentation

from .steps import axes_of

SERIES = augment.Crop | augment.Jitter | augment.Stretch
KINDS = {True: "images", False: "series"}
EXPECTED = "(n, H, W, C), (n, H, W) or (n, T, C)"


def augmentation_of(estimator) -> Augmentation | None:
    """What `augment` of an estimator asks for; None if it asks for nothing.

    Parameters
    ----------
    estimator : NetworkClassifier or NetworkRegressor
        Its network is built.

    Raises
    ------
    ValueError
        If an augmentation does not fit the samples; the message names its position.
    """
    specs = _listed(estimator.augment)
    if not specs:
        return None
    axes, layers = axes_of(estimator), estimator._specs()
    first = reshape_of_data(layers, axes)
    if first is not None and first.channels == "last":
        axes, layers = first.shape, layers[1:]
    elif first is not None and len(axes) > 1:
        raise _refuse_axes(f"layers[0] is {first!r}")
    if len(axes) == 1:
        raise _refuse_axes("its samples are rows")
    images = True if len(axes) == 3 else takes_images(layers)
    if images is None:  # the layers take both
        images = are_images(specs)
    for position, spec in enumerate(specs):
        what = f"augment[{position}] is {spec!r}"
        _check(what, spec, axes, images)
        if hasattr(estimator, "output_shape_") and _move(spec) is not None:
            raise ValueError(
                f"{what}: it moves the elements of samples, but not their targets, which have axes"
                f" {estimator.output_shape_}."
            )
    height, width, channels = (*axes, 1)[:3] if images else (1, *axes)
    line = width * channels
    means, factors = np.zeros(1), np.ones(1)
    if hasattr(estimator, "feature_means_"):
        means, factors = estimator.feature_means_, estimator.feature_factors_
    noise = [spec.deviation for spec in specs if isinstance(spec, augment.Noise | augment.Jitter)]
    deviation = hypot(*noise)
    deviations = _along(deviation / factors.astype(float), line) if deviation else ()
    return Augmentation(
        height,
        width,
        channels,
        tuple(move for spec in specs if (move := _move(spec)) is not None),
        deviations,
        tuple(int(spec.size) for spec in specs if isinstance(spec, augment.CutOut)),
        _along(means.astype(float), line),
    )


def _refuse_axes(found: str) -> ValueError:
    return ValueError(
        f"augment needs X with axes, {EXPECTED}, or a first Reshape that gives them, with channels"
        f" last; {found}."
    )


def are_images(specs) -> bool:
    """Whether the first of some augmentations is for images; others are for series."""
    return not isinstance(specs[0], SERIES)


def _listed(asked) -> list[augment.Augmentation]:
    """The descriptions; partial_fit does not let scikit-learn check parameters."""
    if asked is None:
        return []
    if not isinstance(asked, list | tuple | np.ndarray):
        raise ValueError(
            f"augment must be a list of augmentations of fusednn.augment; got {asked!r}."
        )
    for position, spec in enumerate(asked):
        if not isinstance(spec, augment.Augmentation):
            hint = ", an instance, not the class" if isinstance(spec, type) else ""
            raise ValueError(
                f"augment[{position}] must be an augmentation of fusednn.augment{hint}; got"
                f" {spec!r}."
            )
    return list(asked)


def _check(what: str, spec, axes: tuple[int, ...], images: bool) -> None:
    if isinstance(spec, SERIES) == images:
        raise ValueError(
            f"{what}: it is for {KINDS[not images]}, but the samples of X are {KINDS[images]} with"
            f" axes {axes}."
        )
    if isinstance(spec, augment.Crop) and spec.size > axes[0]:
        raise ValueError(f"{what}, but the series of X have {axes[0]} steps.")


def _move(spec) -> tuple[str, float] | None:
    """The name of a move and its amount; None for other augmentations."""
    match spec:
        case augment.Flip():
            return "flip", 0.0
        case augment.Shift(pixels):
            return "shift", float(pixels)
        case augment.Rotate(degrees):
            return "rotate", float(degrees) / 360
        case augment.Scale(factor):
            return "scale", float(factor)
        case augment.Stretch(factor):
            return "stretch", float(factor)
        case augment.Crop(size):
            return "crop", float(size)
    return None


def _along(values: np.ndarray, line: int) -> tuple[float, ...]:
    """Values of channels, for each element of a line."""
    return tuple(np.tile(values, line // len(values)).tolist())
