"""Where the arrays over samples lie: a block serves again when its values are not needed any more.

An array's block is free after the last call that reads it. One that a gradient or someone outside
reads stays to the end. A kernel that works in place writes its output over one of its inputs, or,
where that is needed later, over a copy. Blocks serve only arrays of the same stride: rows of one
task never reach into those of another.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from fusednn.graph.arrays import SAMPLES, Array
from fusednn.graph.trace import Call

from .buffers import Block, leading_dimension
from .memory import Memory

LAST = 1 << 60


class Copied(NamedTuple):
    """A copy that must be made before a call that works in place."""

    out: Block
    x: Block


class Blocks:
    """Blocks of the arrays of a list of calls, given out in its order.

    Parameters
    ----------
    calls : sequence of Call
    kept : collection of Array
        Read by someone else after the calls.
    rows : int
        Samples that the blocks have room for.
    dtype : dtype
    memory : Memory
    """

    def __init__(
        self, calls: Sequence[Call], kept: Collection[Array], rows: int, dtype, memory: Memory
    ):
        self._rows, self._dtype, self._memory = rows, np.dtype(dtype), memory
        self._last = {array: at for at, call in enumerate(calls) for array in call.arrays}
        self._last.update(dict.fromkeys(kept, LAST))
        self._blocks: dict[Array, Block] = {}
        self._free: dict[int, list[np.ndarray]] = defaultdict(list)

    def __getitem__(self, array: Array) -> Block:
        return self._blocks[array]

    def place(self, at: int, call: Call, over: Mapping[str, str]) -> list[Copied]:
        """Gives blocks to what a call writes.

        Parameters
        ----------
        at : int
            The number of the call.
        call : Call
        over : dict of str to str
            The outputs that its kernel writes over inputs, by their names.

        Returns
        -------
        list of Copied
            What must be copied before.
        """
        copies = []
        for name, array in call.out.items():
            if array.over != SAMPLES or array in self._blocks:
                continue
            x = call.given.get(over.get(name, ""))
            if not isinstance(x, Array):
                self._blocks[array] = self._new(array)
            elif self._last[x] == at:
                self._blocks[array] = self._blocks.pop(x)
                self._blocks[x] = self._blocks[array]
            else:
                self._blocks[array] = self._new(array)
                copies.append(Copied(self._blocks[array], self._blocks[x]))
        return copies

    def release(self, at: int, call: Call) -> None:
        """Frees what the call was the last to need."""
        dead: list[np.ndarray] = []
        alive: list[np.ndarray] = []
        for array in call.arrays:
            block = self._blocks.get(array)
            if block is not None:
                (dead if self._last[array] == at else alive).append(block.values)
        for values in dead:
            free = self._free[len(values)]
            if not any(values is one for one in (*alive, *free)):
                free.append(values)

    def _new(self, array: Array) -> Block:
        stride = leading_dimension(array.width, self._dtype)
        count = self._rows * array.positions * stride
        free = self._free[count]
        values = free.pop() if free else self._memory.borrow(count, self._dtype)
        return Block(values, stride, array.width, array.positions)
