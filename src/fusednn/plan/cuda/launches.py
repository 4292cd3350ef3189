"""The launches of each stage of a program: a record with all tasks that run it.

Chains of a stage do not depend on each other, so their records run one after the other, each for
all tasks of its chain. A launch sees what those before it have written.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import NamedTuple

import numpy as np

from fusednn.kernels import records
from fusednn.plan.binding.looped import Looped
from fusednn.plan.binding.program import Task

from .program import CudaProgram

TASK_WIDTH = 3
"""Words of a task: its bounds, and its kind, WHOLE or ROWS_OF_BATCH."""


class Launch(NamedTuple):
    """A record and its tasks.

    Parameters
    ----------
    record : ndarray of int64
        Its first word is the number of the kernel.
    tasks : ndarray of int64, of shape (tasks, TASK_WIDTH)
        Shared by the launches of a chain. A record that runs once has the task (0, 0).
    """

    record: np.ndarray
    tasks: np.ndarray

    @property
    def kernel(self) -> int:
        """The number of its kernel."""
        return int(self.record[records.OP])

    @property
    def rows(self) -> int:
        """The most rows of the batch that it runs for; 0: none of its tasks are rows."""
        lo, hi, kind = self.tasks.T
        samples = int((hi - lo)[kind == records.ROWS_OF_BATCH].sum())
        return samples * int(self.record[records.POSITIONS])


def launches_of(program: CudaProgram) -> list[list[Launch]]:
    """The launches of each stage of a program, in order."""
    return [[one for chain in stage for one in chain] for stage in _chains_of(program)]


def rounds_of(program: CudaProgram) -> list[list[list[Launch]]]:
    """The same in rounds: launches of one round do not depend on each other."""
    found = []
    for chains in _chains_of(program):
        *alike, after = chains
        rounds = [[one for one in turn if one is not None] for turn in zip_longest(*alike)]
        found.append(rounds + [[one] for one in after])
    return found


def _chains_of(program: CudaProgram) -> list[list[list[Launch]]]:
    """For each stage the launches of each chain, and at last what ends the stage."""
    once = np.zeros((1, TASK_WIDTH), np.int64)
    found = []
    for tasks, after in program.stages:
        chains: dict[int, list[Task]] = {}
        for task in tasks:
            chains.setdefault(id(task.chain), []).append(task)
        launches = []
        for alike in chains.values():
            table, chain = _table(alike), alike[0].chain
            assert not isinstance(chain, Looped)
            launches.append([Launch(record, table) for record in chain])
        launches.append([] if after is None else [Launch(after, once)])
        found.append(launches)
    return found


def _table(tasks: list[Task]) -> np.ndarray:
    """The words of tasks. A worker's own rows are the batch's, as there is one worker."""
    kinds = {records.ROWS_OF_WORKER: records.ROWS_OF_BATCH}
    return np.array([(lo, hi, kinds.get(kind, kind)) for _, lo, hi, kind, _ in tasks], np.int64)
