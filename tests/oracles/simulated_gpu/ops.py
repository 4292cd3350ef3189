"""Launches of ops on the simulated GPU: the entries that are compiled for a GPU, in Python."""

import ctypes

import numpy as np
from fusednn.kernels.cuda import entries
from fusednn.kernels.cuda.twins import BLOCK, GRID, THREAD, every_twin
from fusednn.kernels.library import address
from fusednn.kernels.operands import DECLARED

from .memory import Memory
from .running import arithmetic_of, launch
from .translating import Translated

OP = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 5)


class Simulator:
    """Runs records of ops on arrays of one memory.

    Parameters
    ----------
    memory : Memory
    dtype : dtype
        The network's.
    """

    def __init__(self, memory: Memory, dtype):
        self.memory, self.dtype = memory, np.dtype(dtype)
        self.translated, self._entries = Translated(memory), {}

    def launch(self, op, functions, record, frame, scratch, tasks, n_tasks, blocks, threads):
        """Launches an op as a GPU does.

        Parameters
        ----------
        op : kernel
            One that has a twin.
        functions : dict of str to kernel
            By the names of the operands.
        record, frame, scratch, tasks : int
            Their addresses.
        n_tasks : int
        blocks, threads : int
        """
        key = op, tuple(functions.items())
        if key not in self._entries:
            self._entries[key] = self.translated(self._entry(op, functions))
        self.memory.begin()
        words = [self.memory.pointer(at, np.dtype(np.int64)) for at in (record, frame, tasks)]
        real = self.memory.pointer(scratch, self.dtype)
        given = words[0], words[1], real, words[2], n_tasks
        with arithmetic_of(self.dtype):
            launch(self._entries[key], blocks, threads, lambda block: given)

    def _entry(self, op, functions):
        twin = every_twin()[op]
        if twin.spread == THREAD:
            run = self._on_cpu(op)
            return entries.by_samples(run) if twin.by_sample else entries.by_rows(run)
        run = self._called(op, self.translated(twin.function_for(functions)), functions)
        if twin.spread == BLOCK:
            return entries.by_block(run, twin.scratch)
        assert twin.spread == GRID
        return entries.by_grid(run, twin.scratch, twin.once)

    def _called(self, op, function, functions):
        """A twin with the functions of a record, in the order of their operands."""
        kinds = DECLARED[op].kinds if op in DECLARED else {}
        names = [name for name, kind in kinds.items() if kind.name == "function"]
        given = [functions.get(name) for name in names]
        given = [one and self.translated(one) for one in given]

        def called(record, frame, scratch, lo, hi):
            function(record, frame, scratch, lo, hi, *given)

        def called_with_barriers(record, frame, scratch, lo, hi):
            yield from function(record, frame, scratch, lo, hi, *given)

        called.has_barriers, called_with_barriers.has_barriers = False, True
        return called_with_barriers if function.has_barriers else called

    def _on_cpu(self, op):
        """The op as compiled for the CPU, which has the same bits; its record is for the CPU."""
        native = OP(address(op, "op", self.dtype))

        def run(record, frame, scratch, lo, hi):
            status = native(record.address, frame.address, scratch.address, int(lo), int(hi))
            assert status == 0

        run.has_barriers = False
        return run
