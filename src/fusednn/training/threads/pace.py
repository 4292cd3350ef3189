"""Whether helpers are worth waking for small steps: found out by trying."""

from __future__ import annotations

SHORTEST_SECONDS = 5e-4
"""Slices run in one way must last as long, together, to say something."""

FIRST_INTERVAL, LONGEST_INTERVAL = 16, 256
"""Judgements until the slower way is tried again; doubled each time it is still slower."""


class Pace:
    """The faster of running slices alone and together, tried again from time to time.

    What a stage costs two cores depends on how far apart they are and who else runs on them:
    one step of 20-64-64-2 (batch 200) took 21 us on two near cores, 42 us on two distant ones,
    32 us on one. Either way computes the same bits.

    Parameters
    ----------
    undecided : bool
        Whether there is a choice; else all run together.
    """

    def __init__(self, undecided: bool):
        self._undecided = undecided
        self._together = True
        self._rows = self._seconds = 0.0  # of this way since the last judgement
        self._rates = {True: 0.0, False: 0.0}
        self._interval = self._left = FIRST_INTERVAL

    @property
    def _better(self) -> bool:
        return self._rates[True] >= self._rates[False]

    def together(self) -> bool:
        """How to run the next slice."""
        return self._together

    def note(self, rows: int, seconds: float) -> None:
        """Takes down how long a slice of so many rows took."""
        if not self._undecided:
            return
        self._rows += rows
        self._seconds += seconds
        if self._seconds < SHORTEST_SECONDS or not self._rows:
            return
        before, known = self._better, all(self._rates.values())
        self._rates[self._together] = self._rows / self._seconds
        self._rows = self._seconds = 0.0
        if not all(self._rates.values()):
            self._together = not self._together
            return
        if self._left:
            self._left -= 1
        elif known:
            changed = self._better != before
            self._interval = (
                FIRST_INTERVAL if changed else min(2 * self._interval, LONGEST_INTERVAL)
            )
            self._left = self._interval
        self._together = self._better if self._left else not self._better
