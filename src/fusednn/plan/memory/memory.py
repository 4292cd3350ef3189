"""Where a plan takes its memory: for values that last, and for what each step writes anew."""

from __future__ import annotations

import numpy as np

from .buffers import aligned_zeros


class Memory:
    """All that a plan has taken.

    Attributes
    ----------
    kept, work : list of ndarray
        What holds values from one step to the next, and what holds none.
    """

    def __init__(self):
        self.kept: list[np.ndarray] = []
        self.work: list[np.ndarray] = []

    def keep(self, count: int, dtype) -> np.ndarray:
        """Zeros at a cache line, for values that last."""
        self.kept.append(aligned_zeros(count, dtype))
        return self.kept[-1]

    def borrow(self, count: int, dtype) -> np.ndarray:
        """Zeros at a cache line, for values that are written anew before they are read."""
        self.work.append(aligned_zeros(count, dtype))
        return self.work[-1]

    @property
    def bytes(self) -> int:
        """All that was taken."""
        return sum(array.nbytes for array in (*self.kept, *self.work))
