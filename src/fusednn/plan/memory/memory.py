"""The memory of a plan: for values that last, and for values that each step writes anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from .buffers import aligned_zeros


class Memory:
    """All memory that a plan has allocated.

    Attributes
    ----------
    kept, work : list of ndarray
        Arrays that hold values from one step to the next, and arrays that do not.
    """

    def __init__(self):
        self.kept: list[np.ndarray] = []
        self.work: list[np.ndarray] = []

    def keep(self, count: int, dtype) -> np.ndarray:
        """An array of zeros, aligned to a cache line, for values that last."""
        self.kept.append(aligned_zeros(count, dtype))
        return self.kept[-1]

    def borrow(self, count: int, dtype) -> np.ndarray:
        """An array of zeros, aligned to a cache line, for values that are written before read."""
        self.work.append(aligned_zeros(count, dtype))
        return self.work[-1]

    @contextmanager
    def lasting(self) -> Iterator[None]:
        """Inside the `with`, all that is borrowed holds values from one step to the next, too."""
        first = len(self.work)
        yield
        self.kept += self.work[first:]
        del self.work[first:]

    @property
    def bytes(self) -> int:
        """The bytes of all arrays."""
        return sum(array.nbytes for array in (*self.kept, *self.work))
