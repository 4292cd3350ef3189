"""Chooses the next token from logits."""

from __future__ import annotations

from numbers import Integral, Real
from typing import NamedTuple

import numpy as np


class Sampling(NamedTuple):
    """How tokens are drawn.

    Parameters
    ----------
    temperature : float
        Divides the logits; 0 chooses the largest.
    top_k : int or None
        So many of the largest logits can be drawn, and those equal to the last of them.
    top_p : float or None
        The most probable tokens can be drawn, as few as have this probability together (Holtzman
        et al., "The curious case of neural text degeneration", ICLR 2020).
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def check(self) -> None:
        """Raises ValueError for values that mean nothing."""
        temperature, top_k, top_p = self
        if not _is(temperature, Real) or not 0 <= temperature < np.inf:
            raise ValueError(
                f"temperature must be a number from 0, got {temperature!r}; 0 chooses the most"
                " probable token."
            )
        if top_k is not None and (not _is(top_k, Integral) or top_k < 1):
            raise ValueError(f"top_k must be an integer from 1 or None, got {top_k!r}.")
        if top_p is not None and (not _is(top_p, Real) or not 0 < top_p <= 1):
            raise ValueError(f"top_p must be a number above 0 and up to 1 or None, got {top_p!r}.")

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """The probability of each token, (V,) in float64, from logits (V,)."""
        z = np.asarray(logits, float)
        if self.temperature == 0:
            return np.eye(1, len(z), int(z.argmax()))[0]
        with np.errstate(over="ignore"):  # a low temperature leaves the largest alone
            z = (z - z.max()) / self.temperature
        if self.top_k is not None and self.top_k < len(z):
            least = np.partition(z, -self.top_k)[-self.top_k]
            z = np.where(z >= least, z, -np.inf)
        shares = np.exp(z)
        shares /= shares.sum()
        if self.top_p is not None and self.top_p < 1:
            order = np.argsort(-shares, kind="stable")
            before = np.cumsum(shares[order]) - shares[order]
            shares[order[before >= self.top_p]] = 0
            shares /= shares.sum()
        return shares

    def draw(self, logits: np.ndarray, random_state: np.random.RandomState) -> int:
        """A token; one random number is drawn unless the temperature is 0."""
        shares = self.probabilities(logits)
        if self.temperature == 0:
            return int(shares.argmax())
        sums = np.cumsum(shares)
        place = int(np.searchsorted(sums, random_state.random_sample() * sums[-1], side="right"))
        return min(place, int(np.flatnonzero(shares)[-1]))


def _is(value, kind) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool | np.bool_)
