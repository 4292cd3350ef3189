"""Augmentations of series (T, C); they keep the number of steps."""

from __future__ import annotations

from dataclasses import dataclass

from .augmentation import Augmentation

MOST_STEPS = 1 << 30


@dataclass(frozen=True, repr=False)
class Jitter(Augmentation):
    """Adds normal noise of mean 0 to each element of a series.

    Parameters
    ----------
    deviation : float
        The standard deviation, in the units of X; with `standardize=True` in standard deviations
        of the channel.

    References
    ----------
    Um et al., "Data augmentation of wearable sensor data for Parkinson's disease monitoring using
    convolutional neural networks", ICMI 2017.

    Examples
    --------
    >>> from fusednn import NetworkClassifier
    >>> from fusednn.augment import Jitter
    >>> from fusednn.layers import Conv1D, GlobalAvgPool
    >>> layers = [Conv1D(8, 3), GlobalAvgPool()]
    >>> model = NetworkClassifier(layers, standardize=True, augment=[Jitter(0.1)])
    """

    deviation: float

    def _check(self) -> None:
        self._need("deviation")


@dataclass(frozen=True, repr=False)
class Stretch(Augmentation):
    """Plays a series slower or faster, about its middle.

    Parameters
    ----------
    factor : float
        The length is multiplied by a number uniform in [1 - factor, 1 + factor]; below 1. What is
        longer is cut at both ends; what is shorter has zeros there, or the mean with
        `standardize=True`.

    Examples
    --------
    >>> from fusednn import NetworkClassifier
    >>> from fusednn.augment import Stretch
    >>> from fusednn.layers import Conv1D, GlobalAvgPool
    >>> model = NetworkClassifier([Conv1D(8, 3), GlobalAvgPool()], augment=[Stretch(0.1)])
    """

    factor: float

    def _check(self) -> None:
        self._need("factor", below=1)


@dataclass(frozen=True, repr=False)
class Crop(Augmentation):
    """Takes a window of a series, at a random place, and stretches it to the series' length.

    Parameters
    ----------
    size : int
        Steps of the window; at most those of the series.

    References
    ----------
    Le Guennec, Malinowski and Tavenard, "Data augmentation for time series classification using
    convolutional neural networks", ECML/PKDD workshop AALTD 2016.

    Examples
    --------
    Windows of 45 of 50 steps:

    >>> from fusednn import NetworkClassifier
    >>> from fusednn.augment import Crop
    >>> from fusednn.layers import Conv1D, GlobalAvgPool
    >>> model = NetworkClassifier([Conv1D(8, 3), GlobalAvgPool()], augment=[Crop(45)])
    """

    size: int

    def _check(self) -> None:
        self._need("size", 1, MOST_STEPS, whole=True)
