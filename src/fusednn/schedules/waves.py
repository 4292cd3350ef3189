"""Schedules along a curve, and the warm-up before another."""

from __future__ import annotations

from dataclasses import dataclass
from math import log2

import numpy as np

from .decays import check_of_steps
from .schedule import Schedule

_SHORTEST = 1e-300
"""Replaces a share of 0 by which another is divided."""


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
class FlatCosine(Schedule):
    """Stays at 1, then falls to 0 along half a cosine wave.

    RealMLP lowers dropout and weight decay so.

    Parameters
    ----------
    flat : float, default=0.5
        The share of all steps before the fall, in [0, 1].

    References
    ----------
    Holzmüller, Grinsztajn and Steinwart, "Better by default: Strong pre-tuned MLPs and boosted
    trees on tabular data", NeurIPS 2024 (arXiv:2407.04491), the schedule flat_cos.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn.schedules import FlatCosine
    >>> FlatCosine().factors(np.arange(9.0), total=8).round(2).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 0.85, 0.5, 0.15, 0.0]
    """

    flat: float = 0.5

    def factors(self, steps: np.ndarray, total: int) -> np.ndarray:
        past = np.maximum(steps / total - self.flat, 0.0)
        return _between(1.0, 0.0, past / max(1 - self.flat, _SHORTEST))


@dataclass(frozen=True)
class CosLog(Schedule):
    """Rises from 0 to 1 and falls back in cosine waves, each twice as long as the one before.

    The factor is (1 - cos(2 pi log2(1 + (2^cycles - 1) step / total))) / 2. It is 0 in the first
    step, and at the valleys between cycles: with 4 of them after 1/15, 3/15 and 7/15 of all steps.

    Parameters
    ----------
    cycles : int, default=4
        The number of waves, from 1 to 50.

    References
    ----------
    Holzmüller, Grinsztajn and Steinwart, "Better by default: Strong pre-tuned MLPs and boosted
    trees on tabular data", NeurIPS 2024 (arXiv:2407.04491), the schedule coslog.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn.schedules import CosLog
    >>> CosLog(cycles=2).factors(np.arange(7.0), total=6).round(2).tolist()
    [0.0, 0.93, 0.0, 0.72, 0.93, 0.32, 0.0]
    """

    cycles: int = 4

    def factors(self, steps: np.ndarray, total: int) -> np.ndarray:
        reach = 2.0**self.cycles - 1
        # one by one: NumPy's logarithms of arrays have other last bits with AVX-512
        cycles = np.array([log2(1 + reach * min(step / total, 1.0)) for step in steps.tolist()])
        return (1 - np.cos(2 * np.pi * cycles)) / 2

    def cycle_ends(self, total: int) -> list[float]:
        shares = [2.0**cycle - 1 for cycle in range(1, self.cycles + 1)]
        return [total * (share / shares[-1]) for share in shares]


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

    def cycle_ends(self, total: int) -> list[float]:
        each = 2 * self.steps
        return [float(end) for end in range(each, total + 1, each)]


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
        check_of_steps("then of WarmUp", self.then)

    def factors(self, steps: np.ndarray, total: int) -> np.ndarray:
        up = (steps + 1) / self.steps
        if self.then is None:
            return np.minimum(up, 1.0)
        rest = np.maximum(steps - self.steps, 0.0)
        return np.where(
            steps < self.steps, up, self.then.factors(rest, max(1, total - self.steps))
        )

    def cycle_ends(self, total: int) -> list[float]:
        if self.then is None:
            return []
        ends = self.then.cycle_ends(max(1, total - self.steps))
        return [self.steps + end for end in ends]
