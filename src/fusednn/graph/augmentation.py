"""What a training does to its samples at random before the first op."""

from __future__ import annotations

from typing import NamedTuple


class Augmentation(NamedTuple):
    """Changes of samples of (height, width, channels); a series is an image of height 1.

    Parameters
    ----------
    height, width, channels : int
    moves : tuple of (str, float)
        Changes of place that are composed, in order: keys of `kernels.ops.augment.MOVES`, with
        their amounts.
    deviations : tuple of float
        Deviations of normal noise, by element of a line (width, channels); empty: no noise.
    holes : tuple of int
        The sides of squares that are filled.
    fill : tuple of float
        What is outside of a sample and in the squares, for each element of a line.
    """

    height: int
    width: int
    channels: int
    moves: tuple[tuple[str, float], ...] = ()
    deviations: tuple[float, ...] = ()
    holes: tuple[int, ...] = ()
    fill: tuple[float, ...] = ()
