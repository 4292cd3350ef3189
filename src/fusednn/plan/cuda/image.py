"""The records and tasks of a program as one array, for memory with other addresses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .launches import TASK_WIDTH, Launch, launches_of
from .program import CudaProgram


class Image:
    """The words of a program that a device needs.

    Parameters
    ----------
    program : CudaProgram
        Complete: its stages and steps are set.

    Attributes
    ----------
    launches : list of list of Launch
        For each stage.
    enter : Launch
        What begins a step.
    words : ndarray of int64
        Records and tasks, one after the other, with the addresses of the host.
    elsewhere : list of Pointer
        Those in tables, and in the frame.
    """

    def __init__(self, program: CudaProgram):
        self.launches = launches_of(program)
        self.enter = Launch(program.enter, np.zeros((1, TASK_WIDTH), np.int64))
        self._at: dict[int, int] = {}
        parts: list[np.ndarray] = []
        size = 0
        every = [part for stage in self.launches for launch in stage for part in launch]
        for part in [*self.enter, *every]:
            if id(part) not in self._at:
                self._at[id(part)] = size
                parts.append(part.reshape(-1))
                size += part.size
        self.words = np.concatenate(parts)
        pointers = program.all_pointers
        self._own = [pointer for pointer in pointers if id(pointer.words) in self._at]
        self.elsewhere = [one for one in pointers if not program.is_record(one.words)]

    def offset(self, part: np.ndarray) -> int:
        """The bytes before a record, or before tasks."""
        return self._at[id(part)] * self.words.itemsize

    def relocated(self, address: Callable[[np.ndarray], int]) -> np.ndarray:
        """A copy of the words with other addresses of the arrays."""
        words = self.words.copy()
        for part, at, array in self._own:
            words[self._at[id(part)] + at] = address(array)
        return words

    def arrays(self) -> list[np.ndarray]:
        """The arrays that the words point to; some more than once."""
        return [pointer.array for pointer in (*self._own, *self.elsewhere)]
