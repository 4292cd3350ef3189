"""Draws the windows of each pass over an array of codes."""

from __future__ import annotations

import numpy as np


class DrawnWindows:
    """Takes the place of a `RandomState` in the loop of the stochastic solvers.

    Windows go through the codes in cycles. In each, windows of `steps` codes follow one another
    from an offset of its own, and are drawn in a random order. A pass takes the next windows,
    wherever in a cycle it begins. All follows from the seed and the number of the pass, so a
    training that is continued draws what one without a pause would.

    Parameters
    ----------
    seed : int
    passes : int
        Those that are over.
    places : int
        Where windows can begin: from 0 to places - 1.
    steps : int
        Steps of a window.
    shuffle : bool
        Whether the order and the offset are random.
    """

    def __init__(self, seed: int, passes: int, places: int, steps: int, shuffle: bool = True):
        self._seed, self._passes, self._shuffle = seed, passes, shuffle
        self._places, self._steps = places, steps
        self.windows = windows_of(places, steps)

    def shuffle(self, order: np.ndarray) -> None:
        """Writes the places of the next pass's windows."""
        first = self._passes * len(order)
        self._passes += 1
        at = 0
        while at < len(order):
            cycle, skipped = divmod(first + at, self.windows)
            found = self._cycle(cycle)[skipped : skipped + len(order) - at]
            order[at : at + len(found)] = found
            at += len(found)

    def _cycle(self, number: int) -> np.ndarray:
        places = self._steps * np.arange(self.windows)
        if not self._shuffle:
            return places
        random = np.random.RandomState([self._seed, number & 0xFFFFFFFF])
        places = np.minimum(places + random.randint(self._steps), self._places - 1)
        random.shuffle(places)
        return places

    def randint(self, high: int) -> int:
        """The seed, for the random numbers of dropout, which count steps by themselves."""
        return self._seed % high


def windows_of(places: int, steps: int) -> int:
    """How many windows follow one another without a gap, the last perhaps shifted."""
    return max(1, (places + steps - 1) // steps)
