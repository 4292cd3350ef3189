"""Passes that are taken back: those that diverged, ran out of time or were interrupted."""

from __future__ import annotations

import numpy as np

from .optimizer_state import OptimizerState
from .session import Session
from .session_arrays import State


class Undo:
    """Takes back passes, so that the parameters and their averages are finite at the end.

    Its copies stay where the plan runs.
    """

    def __init__(self, session: Session, optimizer: OptimizerState):
        self._session, self._optimizer = session, optimizer
        self._flats = session.plan.parameters, session.plan.averages
        self._copies = session.copies(self._flats)
        self._before: State | None = None  # the state before passes that run together
        self._several: State | None = None  # its memory

    def begin(self, passes: int) -> None:
        """Notes the state before so many passes."""
        self._session.overwrite(self._copies, self._flats)
        if passes > 1:
            self._several = self._before = self._session.state(self._several)
        self._state_before = self._optimizer.state()

    def end(self) -> None:
        """Notes that the passes have run."""
        self._before = None

    def to_batch(self, batches: int) -> None:
        """Counts the first `batches` of the passes as run, and no others."""
        self._optimizer.restore(self._state_before, batches)
        self._to_finite()

    def to_last_shown(self) -> None:
        """Takes back passes that run together: the watcher has seen none of them."""
        if self._before is not None:
            self._session.restore(self._before)
            self._optimizer.restore(self._state_before)
        self._to_finite()

    def to_finite_passes(self, rates: np.ndarray, seen: list[int]) -> list[float]:
        """Runs those passes again that leave the parameters finite; returns their losses."""
        self._optimizer.restore(self._state_before)
        if self._before is None:
            self._to_finite()
            return []
        for passes in range(len(seen) - 1, 0, -1):
            self._session.restore(self._before)
            losses = list(self._session.run_passes(rates[: passes * self._session.batches]))
            if self._session.is_finite():
                self._optimizer.rates(self._session.batches, seen[:passes])
                return losses
        self._session.restore(self._before)
        self._to_finite()
        return []

    def _to_finite(self) -> None:
        if not self._session.is_finite():
            self._session.overwrite(self._flats, self._copies)
