"""Descriptions of learning rates for `learning_rate=` of the estimators.

    MLPClassifier(solver="adamw", learning_rate=WarmUp(100, then=Cosine()))

Each is a factor of `learning_rate_init`. Steps, which are mini-batches, count from 0; "all steps"
are those of `max_iter` passes over the data of the present call; beyond them `Cosine` and
`OneCycle` stay where they end. Every solver that takes mini-batches takes them. Rates are arrays,
one number per step: nothing is compiled for a schedule.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from math import isfinite
from numbers import Integral, Real

import numpy as np

__all__ = [
    "Cosine",
    "Cyclic",
    "Exponential",
    "OneCycle",
    "ReduceOnPlateau",
    "Schedule",
    "Step",
    "WarmUp",
]

BLOCK = 256
"""Powers below it are the C library's to the bit; later ones round a little more often."""

FEW = 32
"""Steps whose powers are sooner made one by one."""


@dataclass(frozen=True)
class Schedule:
    """What all descriptions are; not used directly."""

    def __post_init__(self) -> None:
        if type(self) is Schedule:
            raise TypeError("Schedule is the base of the schedules and none itself.")
        for field in fields(self):
            value = getattr(self, field.name)
            what = f"{field.name} of {type(self).__name__}"
            if field.name in ("every", "steps", "patience"):
                least = 0 if field.name == "patience" else 1
                if not isinstance(value, Integral) or value < least:
                    raise ValueError(f"{what} must be an integer from {least}, got {value!r}.")
            elif field.name != "then" and not (
                isinstance(value, Real) and isfinite(value) and 0 <= float(value) <= 1
            ):
                raise ValueError(f"{what} must be in [0, 1], got {value!r}.")

    def factors(self, steps: np.ndarray, total: int) -> np.ndarray:
        """The factor of each step; `ReduceOnPlateau`, which waits for losses, has none.

        Parameters
        ----------
        steps : ndarray of float
            Their numbers.
        total : int
            All steps.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Step(Schedule):
    """The rate is multiplied by `factor` after every `every` steps."""

    every: int
    factor: float

    def factors(self, steps: np.ndarray, total: int) -> np.ndarray:
        return powers(self.factor, steps // self.every)


@dataclass(frozen=True)
class Exponential(Schedule):
    """The rate is multiplied by `factor` after every step."""

    factor: float

    def factors(self, steps: np.ndarray, total: int) -> np.ndarray:
        return powers(self.factor, steps)


def powers(base: float, steps: np.ndarray) -> np.ndarray:
    """A base in [0, 1] raised to whole numbers from 0, by the C library.

    NumPy's own powers of arrays have other last bits under AVX-512 than without it, and steps
    that begin with a rate of other bits train other weights. A call for each step would take a
    twentieth of the shortest steps: powers of many are products of two from tables.
    """
    base = float(base)
    if len(steps) and steps.max() < BLOCK:
        return _first_powers(base)[steps.astype(np.intp)]
    if len(steps) < FEW:
        pairs = [(step // BLOCK * BLOCK, step % BLOCK) for step in steps.tolist()]
        return np.array([base**coarse * base**fine for coarse, fine in pairs])
    coarse, fine = (part.astype(np.intp) for part in (steps // BLOCK, steps % BLOCK))
    first = coarse.min()
    blocks = [base ** (BLOCK * block) for block in range(first, coarse.max() + 1)]
    return np.array(blocks)[coarse - first] * _first_powers(base)[fine]


@lru_cache(maxsize=16)
def _first_powers(base: float) -> np.ndarray:
    return np.array([base**step for step in range(BLOCK)])


def _between(first, last, share):
    """From `first` to `last` along half a wave of the cosine; shares of the way in [0, 1]."""
    return last + (first - last) * (1 + np.cos(np.pi * np.clip(share, 0, 1))) / 2


@dataclass(frozen=True)
class Cosine(Schedule):
    """From 1 to `final` over all steps along half a wave of the cosine.

    References
    ----------
    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts",
    arXiv:1608.03983, equation 5, without restarts.
    """

    final: float = 0.0

    def factors(self, steps: np.ndarray, total: int) -> np.ndarray:
        return _between(1.0, self.final, steps / total)


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up from `start` to 1 in the share `warmup` of all steps, then down to `final`.

    Both along half a wave of the cosine. `final` is a factor of the highest rate.

    References
    ----------
    Smith and Topin, "Super-convergence: very fast training of neural networks using large
    learning rates", arXiv:1708.07120; as `torch.optim.lr_scheduler.OneCycleLR` counts the steps.
    """

    warmup: float = 0.3
    start: float = 1 / 25
    final: float = 1e-4

    def factors(self, steps: np.ndarray, total: int) -> np.ndarray:
        last = total - 1
        peak = min(max(0.0, self.warmup * total - 1), last)
        up = _between(self.start, 1.0, steps / max(peak, 1.0))
        down = _between(1.0, self.final, (steps - peak) / max(last - peak, 1.0))
        return np.where(steps < peak, up, down)


@dataclass(frozen=True)
class Cyclic(Schedule):
    """Linearly up from `low` to 1 in `steps` steps, down in as many, and again.

    References
    ----------
    Smith, "Cyclical learning rates for training neural networks", arXiv:1506.01186.
    """

    low: float
    steps: int

    def factors(self, steps: np.ndarray, total: int) -> np.ndarray:
        way = steps % (2 * self.steps) / self.steps
        return self.low + (1 - self.low) * (1 - abs(way - 1))


@dataclass(frozen=True)
class WarmUp(Schedule):
    """Linearly up to 1 in `steps` steps, whose first has 1 / `steps`; then another schedule.

    Parameters
    ----------
    steps : int
    then : Schedule or None, default=None
        Counts its steps from the end of the warm-up; None stays at 1.
    """

    steps: int
    then: Schedule | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.then, ReduceOnPlateau) or not isinstance(self.then, Schedule | None):
            raise ValueError(f"then of WarmUp must be a schedule of steps, got {self.then!r}.")

    def factors(self, steps: np.ndarray, total: int) -> np.ndarray:
        up = (steps + 1) / self.steps
        if self.then is None:
            return np.minimum(up, 1.0)
        rest = np.maximum(steps - self.steps, 0.0)
        return np.where(
            steps < self.steps, up, self.then.factors(rest, max(1, total - self.steps))
        )


@dataclass(frozen=True)
class ReduceOnPlateau(Schedule):
    """The rate is multiplied by `factor` when the loss has not improved for more passes.

    A pass improves if its training loss is below 0.9999 times the best one before. After more
    than `patience` passes in a row that do not, the rate is reduced and they are counted anew.
    Training also stops after `n_iter_no_change` passes; give it more patience than this.

    References
    ----------
    `torch.optim.lr_scheduler.ReduceLROnPlateau`, by its default threshold.
    """

    factor: float = 0.1
    patience: int = 10
