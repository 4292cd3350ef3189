"""Augmentations of images (H, W, C)."""

from __future__ import annotations

from dataclasses import dataclass

from .augmentation import Augmentation

MOST_PIXELS = 1 << 30


@dataclass(frozen=True, repr=False)
class Flip(Augmentation):
    """Mirrors an image left to right, with probability 1/2.

    Examples
    --------
    >>> from fusednn import NetworkClassifier
    >>> from fusednn.augment import Flip
    >>> from fusednn.layers import Conv2D, GlobalAvgPool
    >>> model = NetworkClassifier([Conv2D(8, 3), GlobalAvgPool()], augment=[Flip()])
    """


@dataclass(frozen=True, repr=False)
class Shift(Augmentation):
    """Moves an image by whole pixels along both axes.

    Parameters
    ----------
    pixels : int
        The number of pixels along each axis is uniform in [-pixels, pixels].

    Examples
    --------
    Digits that are written a pixel off:

    >>> from sklearn.datasets import load_digits
    >>> from fusednn import NetworkClassifier
    >>> from fusednn.augment import Shift
    >>> from fusednn.layers import Conv2D, Flatten
    >>> X, y = load_digits(return_X_y=True)
    >>> X = X[:300].reshape(-1, 8, 8) / 16
    >>> layers = [Conv2D(8, 3, "relu"), Flatten()]
    >>> model = NetworkClassifier(layers, augment=[Shift(1)], random_state=0, tol=1e-2)
    >>> model.fit(X, y[:300]).score(X, y[:300]) > 0.9
    True
    """

    pixels: int

    def _check(self) -> None:
        self._need("pixels", below=MOST_PIXELS, whole=True)


@dataclass(frozen=True, repr=False)
class Rotate(Augmentation):
    """Turns an image about its centre.

    Parameters
    ----------
    degrees : float
        The angle is uniform in [-degrees, degrees]; at most 180.

    Examples
    --------
    >>> from fusednn import NetworkClassifier
    >>> from fusednn.augment import Rotate
    >>> from fusednn.layers import Conv2D, GlobalAvgPool
    >>> model = NetworkClassifier([Conv2D(8, 3), GlobalAvgPool()], augment=[Rotate(15)])
    """

    degrees: float

    def _check(self) -> None:
        self._need("degrees")
        if self.degrees > 180:
            raise ValueError(f"degrees of Rotate must be at most 180, got {self.degrees!r}.")


@dataclass(frozen=True, repr=False)
class Scale(Augmentation):
    """Enlarges or shrinks an image about its centre, by the same factor along both axes.

    Parameters
    ----------
    factor : float
        The size is multiplied by a number uniform in [1 - factor, 1 + factor]; below 1.

    Examples
    --------
    >>> from fusednn import NetworkClassifier
    >>> from fusednn.augment import Scale
    >>> from fusednn.layers import Conv2D, GlobalAvgPool
    >>> model = NetworkClassifier([Conv2D(8, 3), GlobalAvgPool()], augment=[Scale(0.1)])
    """

    factor: float

    def _check(self) -> None:
        self._need("factor", below=1)


@dataclass(frozen=True, repr=False)
class Noise(Augmentation):
    """Adds normal noise of mean 0 to each element of an image.

    Parameters
    ----------
    deviation : float
        The standard deviation, in the units of X; with `standardize=True` in standard deviations
        of the channel.

    Examples
    --------
    >>> from fusednn import NetworkClassifier
    >>> from fusednn.augment import Noise
    >>> from fusednn.layers import Conv2D, GlobalAvgPool
    >>> layers = [Conv2D(8, 3), GlobalAvgPool()]
    >>> model = NetworkClassifier(layers, standardize=True, augment=[Noise(0.1)])
    """

    deviation: float

    def _check(self) -> None:
        self._need("deviation")


@dataclass(frozen=True, repr=False)
class CutOut(Augmentation):
    """Sets a square of an image to 0, or to the mean with `standardize=True`.

    Parameters
    ----------
    size : int
        Pixels along each side. The centre is any pixel of the image, so a part of the square may
        lie outside.

    References
    ----------
    DeVries and Taylor, "Improved regularization of convolutional neural networks with cutout",
    arXiv:1708.04552.

    Examples
    --------
    >>> from fusednn import NetworkClassifier
    >>> from fusednn.augment import CutOut
    >>> from fusednn.layers import Conv2D, GlobalAvgPool
    >>> model = NetworkClassifier([Conv2D(8, 3), GlobalAvgPool()], augment=[CutOut(8)])
    """

    size: int

    def _check(self) -> None:
        self._need("size", 1, MOST_PIXELS, whole=True)
