"""Layers that add noise in training."""

from __future__ import annotations

from dataclasses import dataclass

from .layer import Layer


@dataclass(frozen=True, repr=False)
class Dropout(Layer):
    """Sets a share of the inputs to 0 in training, and scales the others by 1 / (1 - rate).

    Parameters
    ----------
    rate : float, default=0.5
        The share, in [0, 1).

    References
    ----------
    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting",
    JMLR 15, 2014.
    """

    rate: float = 0.5

    def _check(self) -> None:
        self._need("rate", 0, 1)


@dataclass(frozen=True, repr=False)
class AlphaDropout(Layer):
    """Dropout for SELU: sets inputs to SELU's limit, and keeps mean and variance.

    Parameters
    ----------
    rate : float, default=0.5
        The share, in [0, 1).

    References
    ----------
    Klambauer et al., "Self-normalizing neural networks", NIPS 2017.
    """

    rate: float = 0.5

    def _check(self) -> None:
        self._need("rate", 0, 1)


@dataclass(frozen=True, repr=False)
class GaussianNoise(Layer):
    """Adds normal noise of mean 0 in training.

    Parameters
    ----------
    deviation : float, default=0.1
        The standard deviation.
    """

    deviation: float = 0.1

    def _check(self) -> None:
        self._need("deviation", 0)
