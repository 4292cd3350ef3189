"""Assigns memory to arrays over samples, in blocks that are reused.

A block is free after the last call that reads its array. It is kept to the end if a gradient, or
code outside the calls, reads the array. A kernel that works in place overwrites one of its inputs,
or a copy if that input is needed later. A free block is reused only for an array of the same size
per sample and the same span, so the rows of one task never overlap those of another.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from fusednn.graph.arrays import SAMPLES, Array
from fusednn.graph.calls import Call
from fusednn.graph.linked_arrays import Carried

from .buffers import Block, leading_dimension
from .memory import Memory
from .spans import TASK, WHOLE, Spans

LAST = 1 << 60


class Copied(NamedTuple):
    """A copy that must be made before a call that works in place."""

    out: Block
    x: Block


class Local(NamedTuple):
    """A block of each worker's own, for the samples of a step or of a task.

    Parameters
    ----------
    values : ndarray
        Those of all workers, one after the other.
    own, sample : int
        Bytes of a worker's block, and of a sample.
    span : int
        STEP or TASK.
    """

    values: np.ndarray
    own: int
    sample: int
    span: int


class Blocks:
    """The blocks of the arrays of a list of calls, assigned in the order of the calls.

    Parameters
    ----------
    calls : sequence of Call
    kept : collection of Array
        Arrays that other code reads after the calls.
    rows : int
        Samples that the blocks have room for.
    dtype : dtype
    memory : Memory
    spans : Spans, optional
        Where arrays are needed for a step or a task alone; by default all are whole.
    workers : int
        Workers with blocks of their own.
    task : int
        Samples of a task; 0: blocks of a task are whole.
    reuses : bool
        Whether a block is used again for another array when it is free.

    Attributes
    ----------
    locals : list of Local
    """

    def __init__(
        self, calls: Sequence[Call], kept: Collection[Array], rows: int, dtype, memory: Memory,
        spans: Spans | None = None, workers: int = 1, task: int = 0, reuses: bool = True,
    ):  # fmt: skip
        self._rows, self._dtype, self._memory = rows, np.dtype(dtype), memory
        self._spans, self._workers, self._task = spans, workers, task
        self._reuses = reuses
        self.locals: list[Local] = []
        self._keys: dict[int, tuple] = {}  # of the values of blocks, by `id`
        self._last = {array: at for at, call in enumerate(calls) for array in call.arrays}
        self._last.update(dict.fromkeys(kept, LAST))
        self._blocks: dict[Array, Block] = {}
        self._free: dict[tuple, list[np.ndarray]] = defaultdict(list)

    def __getitem__(self, array: Array) -> Block:
        return self._blocks[array]

    def lend(self, carried: Carried, values: np.ndarray) -> None:
        """Gives the arrays of what is carried a block of memory that lasts."""
        before, after = carried
        self._keys[id(values)] = ("carried",)
        self._last[after] = LAST
        self._blocks[before] = Block(
            values, leading_dimension(before.width, self._dtype), before.width, before.positions
        )

    def is_read(self, at: int, call: Call) -> bool:
        """Whether something reads what a call writes."""
        return any(array.over != SAMPLES or self._last[array] > at for array in call.out.values())

    def place(self, at: int, call: Call, over: Mapping[str, str]) -> list[Copied]:
        """Assigns blocks to the arrays that a call writes.

        Parameters
        ----------
        at : int
            The number of the call.
        call : Call
        over : dict of str to str
            The names of outputs that its kernel writes over an input, and of that input.

        Returns
        -------
        list of Copied
            The copies to make before the call.
        """
        copies = []
        for name, array in call.out.items():
            if array.over != SAMPLES or array in self._blocks:
                continue
            x = call.given.get(over.get(name, ""))
            if not isinstance(x, Array):
                self._blocks[array] = self._new(array)
            elif self._last[x] == at and self._span(array) <= self._span(x):
                self._blocks[array] = self._blocks.pop(x)
                self._blocks[x] = self._blocks[array]
            else:
                self._blocks[array] = self._new(array)
                copies.append(Copied(self._blocks[array], self._blocks[x]))
        return copies

    def release(self, at: int, call: Call) -> None:
        """Frees the blocks of arrays that no later call reads."""
        dead: list[np.ndarray] = []
        alive: list[np.ndarray] = []
        for array in call.arrays:
            block = self._blocks.get(array)
            if block is not None:
                (dead if self._last[array] == at else alive).append(block.values)
        for values in dead:
            free = self._free[self._keys[id(values)]]
            if not any(values is one for one in (*alive, *free)):
                free.append(values)

    def _span(self, array: Array) -> int:
        """The span of an array's block."""
        span = WHOLE if self._spans is None else self._spans.of(array)
        return WHOLE if span == TASK and not self._task else span

    def _new(self, array: Array) -> Block:
        stride = leading_dimension(array.width, self._dtype)
        sample, span = array.positions * stride, self._span(array)
        rows = self._rows
        if span != WHOLE:
            assert self._spans is not None
            rows = self._task if span == TASK else self._spans.step(array)
        key = span, rows, sample
        free = self._free[key]
        if free and self._reuses:
            values = free.pop()
        else:
            count = rows * sample
            workers = 1 if span == WHOLE else self._workers
            values = self._memory.borrow(count * workers, self._dtype)
            self._keys[id(values)] = key
            if span != WHOLE:
                item = self._dtype.itemsize
                self.locals.append(Local(values, count * item, sample * item, span))
        return Block(values, stride, array.width, array.positions)
