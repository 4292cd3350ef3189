"""Scales numbers by quartiles, and clips them smoothly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

LIMIT = 3.0
"""Scaled numbers lie between -3 and 3."""
LARGEST = float(np.finfo(np.float64).max)
_HUGE = 2.0**1020
BEYOND = 1e100
"""Numbers this large are clipped to 3 exactly, and their squares can be held."""


class Scale(NamedTuple):
    """
    The scale of a column: its median, and one over its spread.

    Parameters
    ----------
    center : float
    factor : float
        0 for a constant.
    """

    center: float
    factor: float

    @classmethod
    def learned(cls, numbers: np.ndarray) -> Scale:
        """
        Learn the scale of finite numbers.

        The spread is the distance of the quartiles, as in scikit-learn's `RobustScaler`; if they
        coincide, half the distance of the extremes.

        Parameters
        ----------
        numbers : ndarray of float64 of shape (n,)
            At least one.

        References
        ----------
        Holzmüller, Grinsztajn, Steinwart, "Better by default", NeurIPS 2024, section 3.
        """
        least, first, center, third, most = quantiles(numbers, [0, 0.25, 0.5, 0.75, 1])
        half = third / 2 - first / 2 if third > first else most / 4 - least / 4  # both are finite
        with np.errstate(over="ignore"):
            factor = min(0.5 / half, LARGEST) if half > 0 else 0.0
        return cls(float(center), float(factor))

    def applied(self, numbers: np.ndarray) -> np.ndarray:
        """
        Scale numbers and clip them to -3 and 3 by x / sqrt(1 + (x / 3)^2).

        Parameters
        ----------
        numbers : ndarray of float64
            NaN is a missing value.

        Returns
        -------
        ndarray of float64
            0, the place of the median, where missing.
        """
        return scaled(numbers, self.center, self.factor)


def scaled(
    numbers: np.ndarray, center: float | np.ndarray, factor: float | np.ndarray
) -> np.ndarray:
    """`Scale.applied`, of one column, or of numbers that each have a scale of their own."""
    with np.errstate(over="ignore"):
        x = np.clip(numbers - center, -LARGEST, LARGEST)
        x *= factor
    np.clip(x, -BEYOND, BEYOND, out=x)
    x /= np.sqrt(1 + (x / LIMIT) ** 2)
    x[np.isnan(x)] = 0
    return x


def quantiles(numbers: np.ndarray, shares: Sequence[float] | np.ndarray) -> np.ndarray:
    """Quantiles of finite numbers, which may be so large that their differences are not."""
    if np.abs(numbers).max() < _HUGE:
        return np.quantile(numbers, shares)
    return np.quantile(numbers / 4, shares) * 4
