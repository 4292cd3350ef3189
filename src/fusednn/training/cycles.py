"""Stops at valleys of the learning rate: where a cycle ends that brought no improvement."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, inf

from fusednn.schedules import Schedule

from .progress import Progress

CYCLE = "cycle"
"""The value of `n_iter_no_change` that asks for it."""


def passes_at_ends(schedule: object, total: int, done: int, batches: int) -> tuple[int, ...]:
    """The passes of a fit after which cycles end, each the nearest to where one does.

    Parameters
    ----------
    schedule : object
        The value of `learning_rate`.
    total, done : int
        Steps that the schedule is spread over, and those taken before the fit.
    batches : int
        Steps of a pass.

    Raises
    ------
    ValueError
        If it has no cycles.
    """
    ends = schedule.cycle_ends(total) if isinstance(schedule, Schedule) else []
    if not ends:
        raise ValueError(
            f"n_iter_no_change='cycle' needs a learning_rate with cycles that end within max_iter"
            f" epochs, such as CosLog(), got {schedule!r}."
        )
    passes = [ceil((end - done) / batches - 0.5) for end in ends]
    return tuple(sorted({number for number in passes if number > 0}))


class Cycles:
    """The cycles of a fit.

    Parameters
    ----------
    ends : sequence of int
        The passes after which they end.
    progress : Progress
        At the beginning of the fit.
    by_score : bool
        Whether the validation score decides, or the training loss.
    """

    def __init__(self, ends: Sequence[int], progress: Progress, by_score: bool):
        self._ends, self._by_score = ends, by_score
        self._best = self._best_of(progress)

    def _best_of(self, progress: Progress) -> float:
        """The best score so far, or loss with a minus."""
        best = progress.best_validation_score if self._by_score else progress.best_loss
        assert best is not None
        return best if self._by_score else -best

    def undecided(self, passes: int) -> float:
        """How many more passes run before the next end."""
        return min((end - passes for end in self._ends if end > passes), default=inf)

    def stops(self, progress: Progress, tol: float) -> bool:
        """Whether a cycle ends here whose best is not better, by `tol`, than that before it."""
        if progress.n_iter not in self._ends:
            return False
        before, self._best = self._best, self._best_of(progress)
        return self._best < before + tol or self._best == before
