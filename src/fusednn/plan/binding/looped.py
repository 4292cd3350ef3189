"""Chains whose records run in loops over samples, with blocks of each worker's own.

Records hold addresses. So each worker but the first has copies of the records, and before a loop's
step, or a task, the engine writes into them where the worker's blocks would begin if they had room
for all samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from fusednn.kernels import records as words
from fusednn.plan.memory.blocks import Local
from fusednn.plan.memory.buffers import address_of
from fusednn.plan.memory.spans import STEP, TASK


class Records(NamedTuple):
    """Records that run together.

    Parameters
    ----------
    chain : list of ndarray
    step : int
        Samples at once; 0: all of a task.
    """

    chain: list[np.ndarray]
    step: int


class Looped(NamedTuple):
    """A chain as loops.

    Parameters
    ----------
    loops : sequence of Records
    locals : sequence of Local
        The blocks of the workers' own.
    """

    loops: Sequence[Records]
    locals: Sequence[Local]

    def routines(self, workers: int, keep: Callable[[np.ndarray], int]) -> list[int]:
        """The addresses of each worker's routine; `keep` keeps an array, and returns its address.

        The words are those of `kernels/records.py`.
        """
        return [keep(self._routine(worker, keep)) for worker in range(workers)]

    def _routine(self, worker: int, keep: Callable[[np.ndarray], int]) -> np.ndarray:
        copies = [loop.chain for loop in self.loops]
        if worker > 0:
            copies = [[record.copy() for record in chain] for chain in copies]
        every = [record for chain in copies for record in chain]
        loops = [self._loop([], 0, self._moved(every, TASK, worker), keep)]
        for loop, chain in zip(self.loops, copies, strict=True):
            loops.append(self._loop(chain, loop.step, self._moved(chain, STEP, worker), keep))
        return np.array([len(loops), *(word for loop in loops for word in loop)], np.int64)

    @staticmethod
    def _loop(chain, step: int, moved: list, keep: Callable[[np.ndarray], int]) -> list[int]:
        """The words of a loop."""
        addresses = [keep(record) for record in chain]
        found = [0] * words.LOOP_WIDTH
        found[words.LOOP_STEP] = step
        found[words.LOOP_RECORDS] = keep(np.array([*addresses, 0], np.int64))
        found[words.LOOP_N_RECORDS] = len(chain)
        found[words.LOOP_MOVED] = keep(np.array([*moved, (0, 0, 0)], np.int64).reshape(-1))
        found[words.LOOP_N_MOVED] = len(moved)
        return found

    def _moved(self, chain: Sequence[np.ndarray], span: int, worker: int) -> list[tuple]:
        """For each slot that points into a block of this span: its address, the address to write
        for sample 0, and the bytes that each sample before the first takes from that."""
        found = []
        for local in self.locals:
            if local.span != span:
                continue
            first = address_of(local.values)
            for record in chain:
                for slot in np.flatnonzero((record >= first) & (record < first + local.own)):
                    there = int(record[slot]) + worker * local.own
                    found.append((address_of(record[slot:]), there, local.sample))
        return found
