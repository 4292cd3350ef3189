"""Answers for rows that are sent to a device some at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np

from fusednn.plan.binding.data import DenseRows
from fusednn.plan.binding.program import Program

from .staging import STAGED_BYTES, take_rows


class Runs(Protocol):
    """What `teams.Runner` does, as far as it is needed here."""

    def run(self, first: int, last: int, program: Program) -> None:
        """Runs steps [first, last)."""

    def push(self, arrays: Iterable[np.ndarray]) -> None:
        """Takes over arrays that the host has written."""

    def pull(self, arrays: Iterable[np.ndarray]) -> None:
        """Brings arrays that the host reads up to date."""


Lower = Callable[[DenseRows], tuple[Program, np.ndarray]]
"""From rows to a program for all of them, and the array that it fills."""


class Pieces:
    """A program for some rows, which is run for all.

    Parameters
    ----------
    lower : callable
        Makes the program.
    X : ndarray
        The rows, in a type that the network reads.
    order : ndarray of int64 or None
        Those to take, in their order; None is all.
    rows : int
        How many are sent at once, at most; they take `STAGED_BYTES` at most, too.

    Attributes
    ----------
    program : Program
    rows : int
        How many are sent at once.
    """

    def __init__(self, lower: Lower, X: np.ndarray, order: np.ndarray | None, rows: int):
        self._X, self._order = X, np.arange(len(X)) if order is None else order
        rows = min(rows, len(self._order), max(1, STAGED_BYTES // (X.shape[1] * X.itemsize)))
        self._place = np.zeros((rows, X.shape[1]), X.dtype)
        self.rows = len(self._place)
        self.program, self._answers = lower(DenseRows(self._place, X.dtype))

    def run(self, team: Runs) -> np.ndarray:
        """The answers to all rows, a new array; what the program refreshes is as it should be."""
        count = len(self._order)
        found = np.empty((count, *self._answers.shape[1:]), self._answers.dtype)
        for first in range(0, count, self.rows):
            taken = self._order[first : first + self.rows]
            take_rows(self._place[: len(taken)], self._X, taken)
            self._answers.fill(0)  # the padding of series is not written
            team.push((self._place, self._answers))
            team.run(0, len(self.program.steps), self.program)
            team.pull((self._answers,))
            found[first : first + len(taken)] = self._answers[: len(taken)]
        return found


def run_in_pieces(
    lower: Lower, X: np.ndarray, order: np.ndarray | None, rows: int,
    teams: Callable[[Program], AbstractContextManager[Runs]],
) -> tuple[Pieces, np.ndarray]:  # fmt: skip
    """Answers in the largest pieces that a device has room for: rows, or their half, and so on.

    Parameters
    ----------
    lower, X, order, rows
        As `Pieces` takes them.
    teams : callable
        Gives what runs a program.

    Returns
    -------
    pieces : Pieces
        For the next time.
    found : ndarray
        The answers to all rows.

    Raises
    ------
    MemoryError
        If there is no room for one row.
    """
    while True:
        pieces = Pieces(lower, X, order, rows)
        try:
            with teams(pieces.program) as team:
                return pieces, pieces.run(team)
        except MemoryError:
            if pieces.rows == 1:
                raise
        rows = pieces.rows // 2
