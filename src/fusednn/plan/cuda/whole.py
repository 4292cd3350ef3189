"""The words of a program that a device runs by itself, as `kernels/cuda/programs.py` says.

Records that do not depend on each other follow one another without a wait for all blocks. Tables
that hold addresses, and the frame, are among the words. For one block alone, all memory of the
plan that records point to is behind them in the shared memory of the block; what lasts is copied
there and back.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from fusednn.kernels import records
from fusednn.kernels.cuda import programs as words
from fusednn.kernels.cuda.twins import every_twin

from .bounds import byte_bounds
from .launches import Launch, rounds_of
from .program import ENTER_STEP, CudaProgram, Kernel

WORD, VECTOR = 8, 16
"""Bytes; what is in shared memory begins at a multiple of the second."""


class Place(NamedTuple):
    """Memory of the host from `start` to `stop`, and how many bytes are before its copy."""

    start: int
    stop: int
    before: int


class Whole:
    """The words of a program.

    Parameters
    ----------
    program : CudaProgram
        Complete: its stages and steps are set.
    alone : bool
        Whether one block runs it, with all that a step writes in its shared memory.

    Attributes
    ----------
    alone : bool
    kernels : list of Kernel
        In the order of their numbers, which does not depend on the order of the records.
    words : ndarray of int64
        With the addresses of the host, without a header.
    size : int
        Bytes of the words and of the memory behind them.
    scratch : int
        Elements of scratch for each block that follow from the records.
    """

    def __init__(self, program: CudaProgram, alone: bool):
        self._program, self.alone = program, alone
        self.kernels = sorted((one for one in program.kernels if one != ENTER_STEP), key=_identity)
        self._numbers = {program.kernels[one]: at for at, one in enumerate(self.kernels)}
        self._parts: list[np.ndarray] = [np.zeros(words.PROGRAM_WIDTH, np.int64)]
        self._at: dict[int, int] = {}  # of parts, by `id`, in words
        self._n_words = words.PROGRAM_WIDTH
        self._places: list[Place] = []
        self._add_launches()
        for table in _tables_of(program):
            self._add(table)
        self._add(program.frames)
        self.words = np.concatenate(self._parts)
        self.scratch = max((self._scratch_of(one) for one, _, _ in self._added), default=0)
        self.size = self._n_words * WORD
        self._lasting: list[np.ndarray] = []
        self._set_pointers()
        if alone:
            self._add_memory()

    def _add(self, part: np.ndarray) -> int:
        """Appends words, once, and returns where they are."""
        if id(part) not in self._at:
            self._at[id(part)] = self._n_words
            start, stop = byte_bounds(part)
            self._places.append(Place(start, stop, self._n_words * WORD))
            self._parts.append(part.reshape(-1))
            self._n_words += part.size
        return self._at[id(part)]

    def _add_launches(self) -> None:
        """Appends the bounds of the stages, the launches, and their records and tasks."""
        stages = rounds_of(self._program)
        bounds = np.cumsum([0, *(sum(map(len, rounds)) for rounds in stages)])
        table = np.zeros((bounds[-1], words.LAUNCH_WIDTH), np.int64)
        self._stages, self._launches = self._add(bounds), self._add(table)
        self._added: list[tuple[Launch, int, int]] = []
        number = 0
        for one in (one for rounds in stages for one in rounds):
            for launch in one:
                self._added.append((launch, self._add(launch.record), self._add(launch.tasks)))
                table[number, words.N_TASKS] = len(launch.tasks)
                number += 1
            table[number - 1, words.WAITS] = 1

    def _scratch_of(self, launch: Launch) -> int:
        twin = every_twin().get(self.kernels[self._numbers[launch.kernel]].op)
        return (
            0 if twin is None or twin.scratch_of is None else int(twin.scratch_of(launch.record))
        )

    def _set_pointers(self) -> None:
        """Finds the words that hold addresses, and what they point to: arrays or words."""
        self._pointers: list[tuple[int, np.ndarray]] = []
        self._inner = {words.STAGES: self._stages, words.LAUNCHES: self._launches}
        self._inner[words.FRAME] = self._at[id(self._program.frames)]
        for number, (launch, record, tasks) in enumerate(self._added):
            at = self._launches + number * words.LAUNCH_WIDTH
            self._inner[at + words.RECORD], self._inner[at + words.TASKS] = record, tasks
            self.words[record + records.OP] = self._numbers[launch.kernel]
        self._pointers.append((words.STEPS, self._program.steps))
        for part, index, array in self._program.all_pointers:
            place = self._place(part[index:])
            if place is not None:  # else no stage has the record
                self._pointers.append((place // WORD, array))

    def _add_memory(self) -> None:
        """Gives what records point to places behind the words."""
        program = self._program
        own = {id(one) for one in (program.frames, program.sync, program.scratch)}
        pointed = sorted(byte_bounds(one)[0] for _, one in self._pointers if one.size)
        for lasts, arrays in ((True, program.memory.kept), (False, program.memory.work)):
            for array in arrays:
                if not array.size or id(array) in own:
                    continue
                start, stop = byte_bounds(array)
                at = bisect_right(pointed, stop - 1)
                if at and pointed[at - 1] >= start:
                    self.size = -(-self.size // VECTOR) * VECTOR
                    self._places.append(Place(start, stop, self.size))
                    self.size += -(-array.nbytes // VECTOR) * VECTOR
                    if lasts:
                        self._lasting.append(array)
        self.size += VECTOR  # a vector may be read beyond the end

    def _place(self, array: np.ndarray) -> int | None:
        """The bytes before an array, if it is among the words or behind them."""
        if array.size:
            start, stop = byte_bounds(array)
            for place in self._places:
                if place.start <= start and stop <= place.stop:
                    return place.before + start - place.start
        return None

    def arrays(self) -> Iterable[np.ndarray]:
        """The arrays that the words point to and that lie elsewhere, and what is copied."""
        outer = [array for _, array in self._pointers if self._place(array) is None]
        return [*outer, *self._lasting]

    def copied(self, address: Callable[[np.ndarray], int]) -> np.ndarray:
        """What is copied to shared memory and back, by the addresses of the arrays' copies."""
        found = np.zeros((len(self._lasting), words.COPIED_WIDTH), np.int64)
        for row, array in zip(found, self._lasting, strict=True):
            place = self._place(array)
            assert place is not None
            row[:] = address(array), place // WORD, -(-array.nbytes // WORD)
        return found.reshape(-1)

    def moved(self) -> np.ndarray:
        """The places of words that hold distances from the first word."""
        inner = [at for at, array in self._pointers if self._place(array) is not None]
        return np.array([*self._inner, *inner] if self.alone else [], np.int64)

    def relocated(
        self, address: Callable[[np.ndarray], int], base: int, header: dict[int, int]
    ) -> np.ndarray:
        """The words for a device.

        Parameters
        ----------
        address : callable
            Gives the addresses of arrays on the device.
        base : int
            That of the words; not used for one block alone.
        header : dict of int to int
            Further words of the header.
        """
        found, base = self.words.copy(), 0 if self.alone else base
        for at, word in header.items():
            found[at] = word
        for at, inner in self._inner.items():
            found[at] = base + inner * WORD
        for at, array in self._pointers:
            place = self._place(array)
            found[at] = address(array) if place is None else base + place
        found[words.N_WORDS] = len(found)
        return found


def _tables_of(program: CudaProgram) -> list[np.ndarray]:
    """The arrays that hold addresses, and that records point to."""
    inner = [
        byte_bounds(part[at:])[0]
        for part, at, _ in program.pointers
        if not program.is_record(part)
    ]
    found: dict[tuple[int, int], np.ndarray] = {}
    for part, _, array in program.pointers:
        if program.is_record(part) and array.dtype == np.int64 and array.size:
            start, stop = byte_bounds(array)
            if any(start <= word < stop for word in inner):
                found.setdefault((start, stop), array)
    return list(found.values())


def _identity(kernel: Kernel) -> tuple:
    """What orders kernels, whichever program has them."""

    def of(function):
        return "" if function is None else f"{function.__module__}.{function.__qualname__}"

    return of(kernel.op), *((name, of(one)) for name, one, _ in kernel.functions)
