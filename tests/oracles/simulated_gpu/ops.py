"""Runs a record of an op on the simulated GPU, as a launch does."""

import numpy as np
from fusednn.kernels.cuda import entries
from fusednn.kernels.cuda.twins import BLOCK, GRID, THREAD, every_twin
from fusednn.kernels.library import address
from fusednn.kernels.operands import DECLARED

from .memory import Memory
from .running import arithmetic_of, launch
from .translating import Translated


class Simulator:
    """Translates twins once, for one memory.

    Parameters
    ----------
    memory : Memory
    dtype : dtype
        Of the network.
    """

    def __init__(self, memory: Memory, dtype):
        self.memory, self.dtype = memory, np.dtype(dtype)
        self.translated = Translated(memory)

    def launch(self, op, functions, record, frame, scratch, tasks, n_tasks, blocks, threads):
        """Launches an op as a GPU does.

        Parameters
        ----------
        op : kernel
            With a twin that no thread runs alone.
        functions : dict of str to kernel
            By the names of the operands.
        record, frame : int
            Their addresses.
        scratch : callable
            The address of a block's scratch, by its number.
        tasks : list of (int, int)
            The bounds, in rows.
        blocks, threads : int
        """
        twin = TWINS[op]
        assert twin.spread in (GRID, BLOCK), THREAD
        function = self.translated(twin.function_for(functions))
        given = self.functions_of(op, functions)
        everyone = twin.spread == GRID

        def each(record, frame, scratch):
            mine = tasks if everyone else tasks[NOW.block :: NOW.blocks]
            for lo, hi in mine:
                function(record, frame, scratch, lo, hi, *given)

        def each_with_barriers(record, frame, scratch):
            mine = tasks if everyone else tasks[NOW.block :: NOW.blocks]
            for lo, hi in mine:
                yield from function(record, frame, scratch, lo, hi, *given)

        entry = each_with_barriers if function.has_barriers else each
        entry.has_barriers = function.has_barriers
        self.memory.begin()
        words = self.memory.pointer(record, np.int64), self.memory.pointer(frame, np.int64)
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

def bounds_of(tasks, record, frame):
    """The bounds of a launch's tasks in rows, as an engine on a CPU has them.

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
