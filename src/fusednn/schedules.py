"""Schedules of the learning rate: values of the estimators' parameter `learning_rate`.

A schedule gives each step (mini-batch) a factor of `learning_rate_init`. Steps are counted from 0.
`total` is the number of steps in `max_iter` epochs of the current call. After `total` steps
`Cosine` and `OneCycle` stay at their last factor. Every solver except "lbfgs" takes schedules. A
fit computes the factors as arrays, so a schedule compiles nothing.

Examples
--------
>>> from fusednn import MLPClassifier
>>> from fusednn.schedules import Cosine, WarmUp
>>> model = MLPClassifier(solver="adamw", learning_rate=WarmUp(100, then=Cosine()))
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
"""Powers below this exponent have the bits of the C library; larger ones round once more."""

FEW = 32
"""For fewer steps, powers are computed one by one, which is faster than with tables."""


@dataclass(frozen=True)
class Schedule:
    """Base class of the schedules; not for direct use.

    Schedules are immutable, hashable and compare by value. They refuse invalid numbers.

    Examples
    --------
    >>> from fusednn.schedules import Cosine
    >>> Cosine() == Cosine(final=0.0)
    True
    >>> Cosine(final=2)
    Traceback (most recent call last):
    ValueError: final of Cosine must be in [0, 1], got 2.
    """

    def __post_init__(self) -> None:
        if type(self) is Schedule:
            raise TypeError("Schedule is a base class: use one of its subclasses.")
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
        """Returns the factor of each step.

        `ReduceOnPlateau` depends on the losses and does not have this method.

        Parameters
        ----------
        steps : ndarray of float64, of shape (n,)
            Whole numbers from 0.
        total : int
            The number of steps that are planned, at least 1.

        Returns
        -------
        ndarray of float64, of shape (n,)
            In [0, 1].

        Raises
        ------
        NotImplementedError
            By `ReduceOnPlateau`.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Step(Schedule):
    """Multiplies the rate by `factor` after every `every` steps.

    Parameters
    ----------
    every : int
        At least 1.
    factor : float
        In [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn.schedules import Step
    >>> Step(every=2, factor=0.5).factors(np.arange(6.0), total=6).tolist()
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    """

    every: int
    factor: float

    def factors(self, steps: np.ndarray, total: int) -> np.ndarray:
        return powers(self.factor, steps // self.every)


@dataclass(frozen=True)
class Exponential(Schedule):
    """Multiplies the rate by `factor` after every step.

    Parameters
    ----------
    factor : float
        In [0, 1]; close to 1, since a fit has many steps.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn.schedules import Exponential
    >>> Exponential(0.5).factors(np.arange(4.0), total=4).tolist()
    [1.0, 0.5, 0.25, 0.125]
    """

    factor: float

    def factors(self, steps: np.ndarray, total: int) -> np.ndarray:
        return powers(self.factor, steps)


def powers(base: float, steps: np.ndarray) -> np.ndarray:
    """Raises a base in [0, 1] to whole numbers from 0, with the C library's `pow`.

    NumPy's powers of arrays have different last bits with and without AVX-512, and a rate with
    different bits trains different weights. One call of `pow` per step would take 5 % of the
    shortest steps, so many powers are computed as products of two table entries.
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
    """Interpolates from `first` (share 0) to `last` (share 1) along half a cosine wave."""
    return last + (first - last) * (1 + np.cos(np.pi * np.clip(share, 0, 1))) / 2


@dataclass(frozen=True)
class Cosine(Schedule):
    """Falls from 1 to `final` over all steps, along half a cosine wave.

    Parameters
    ----------
    final : float, default=0.0
        The last factor, in [0, 1].

    References
    ----------
    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts",
    arXiv:1608.03983, equation 5, without restarts.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn.schedules import Cosine
    >>> Cosine(final=0.1).factors(np.arange(5.0), total=4).round(2).tolist()
    [1.0, 0.87, 0.55, 0.23, 0.1]
    """

    final: float = 0.0

    def factors(self, steps: np.ndarray, total: int) -> np.ndarray:
        return _between(1.0, self.final, steps / total)


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Rises from `start` to 1, then falls to `final`, each along half a cosine wave.

    Parameters
    ----------
    warmup : float, default=0.3
        The share of all steps in which the rate rises, in [0, 1].
    start : float, default=0.04
        The first factor, in [0, 1].
    final : float, default=1e-4
        The last factor, in [0, 1]. PyTorch's `final_div_factor` divides `start` instead.

    References
    ----------
    Smith and Topin, "Super-convergence: very fast training of neural networks using large
    learning rates", arXiv:1708.07120; the steps are those of
    `torch.optim.lr_scheduler.OneCycleLR`.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn.schedules import OneCycle
    >>> OneCycle(warmup=0.5, start=0.2).factors(np.arange(6.0), total=6).round(2).tolist()
    [0.2, 0.6, 1.0, 0.75, 0.25, 0.0]
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
    """Rises linearly from `low` to 1 in `steps` steps, falls back in `steps` steps, and repeats.

    Parameters
    ----------
    low : float
        The lowest factor, in [0, 1].
    steps : int
        Half the length of a cycle, at least 1.

    References
    ----------
    Smith, "Cyclical learning rates for training neural networks", arXiv:1506.01186.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn.schedules import Cyclic
    >>> Cyclic(low=0.5, steps=2).factors(np.arange(6.0), total=6).tolist()
    [0.5, 0.75, 1.0, 0.75, 0.5, 0.75]
    """

    low: float
    steps: int

    def factors(self, steps: np.ndarray, total: int) -> np.ndarray:
        way = steps % (2 * self.steps) / self.steps
        return self.low + (1 - self.low) * (1 - abs(way - 1))


@dataclass(frozen=True)
class WarmUp(Schedule):
    """Rises linearly from 1 / `steps` to 1 in `steps` steps, then follows another schedule.

    Parameters
    ----------
    steps : int
        At least 1.
    then : Schedule or None, default=None
        The schedule after the warm-up, whose steps are counted from there. None stays at 1.
        `ReduceOnPlateau` is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn.schedules import Step, WarmUp
    >>> schedule = WarmUp(4, then=Step(every=1, factor=0.5))
    >>> schedule.factors(np.arange(7.0), total=7).tolist()
    [0.25, 0.5, 0.75, 1.0, 1.0, 0.5, 0.25]
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
    """Multiplies the rate by `factor` when the training loss stops improving.

    An epoch improves the loss if its training loss is below 0.9999 times the best loss before it.
    After more than `patience` epochs in a row without improvement the schedule reduces the rate
    and counts again from 0.

    Training stops after `n_iter_no_change` epochs without improvement. Choose a larger number than
    `patience`, so that the rate falls before training stops.

    Parameters
    ----------
    factor : float, default=0.1
        In [0, 1].
    patience : int, default=10
        Epochs without improvement that do not reduce the rate, at least 0.

    References
    ----------
    `torch.optim.lr_scheduler.ReduceLROnPlateau`, with its default threshold.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fusednn import MLPClassifier
    >>> from fusednn.schedules import ReduceOnPlateau
    >>> X, y = load_iris(return_X_y=True)
    >>> rate = ReduceOnPlateau(factor=0.5, patience=5)
    >>> model = MLPClassifier(
    ...     [16], learning_rate=rate, learning_rate_init=0.1, standardize=True, max_iter=1000,
    ...     n_iter_no_change=20, random_state=0
    ... )
    >>> model.fit(X, y).score(X, y) > 0.95
    True
    """

    factor: float = 0.1
    patience: int = 10
