"""Runs a record of an op on the simulated GPU, as a launch does."""

import numpy as np
from fusednn.kernels import records
from fusednn.kernels.cuda import entries
from fusednn.kernels.cuda.twins import BLOCK, GRID, THREAD, every_twin
from fusednn.kernels.intrinsics.pointers import view_at
from fusednn.kernels.library import address
from fusednn.kernels.operands import DECLARED

from .memory import Memory
from .running import NOW, arithmetic_of, launch
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

    def run(self, op, functions, record, frame, scratch, tasks, blocks, threads):
        """Runs an op on rows.

        Parameters
        ----------
        op : kernel
        functions : dict of str to kernel
        record, frame : int
            Their addresses.
        scratch : callable
            The address of a block's scratch, by its number.
        tasks : list of (int, int)
            The bounds, in rows.
        blocks, threads : int
        """
        twin = every_twin()[op]
        function = self.translated(twin.function_for(functions))
        called, everyone = self._called(op, function, functions), twin.spread == GRID

        def each(record, frame, scratch):
            for lo, hi in tasks if everyone else tasks[NOW.block :: NOW.blocks]:
                called(record, frame, scratch, lo, hi)

        def each_with_barriers(record, frame, scratch):
            for lo, hi in tasks if everyone else tasks[NOW.block :: NOW.blocks]:
                yield from called(record, frame, scratch, lo, hi)

        entry = each_with_barriers if called.has_barriers else each
        entry.has_barriers = called.has_barriers
        self.memory.begin()
        words = [self.memory.pointer(at, np.dtype(np.int64)) for at in (record, frame)]
        with arithmetic_of(self.dtype):
            launch(
                *(entry, blocks, threads),
                lambda block: (*words, self.memory.pointer(scratch(block), self.dtype)),
            )


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


def bounds_of(tasks, record, frame):
    """The bounds of a launch's tasks in rows, as an engine on a CPU has them.

    Parameters
    ----------
    tasks : iterable of (int, int, int)
        Bounds and kinds.
    record, frame : ndarray of int64
    """
    found = []
    rows = int(record[records.POSITIONS])
    for lo, hi, kind in tasks:
        if kind != records.WHOLE:
            hi = min(hi, int(frame[records.SAMPLES]))
        if record[records.LENGTHS] != 0:
            lengths = view_at(record[records.LENGTHS], np.int64)
            found += [(one * rows, one * rows + int(lengths[one])) for one in range(lo, hi)]
        elif kind == records.WHOLE:
            found.append((lo, hi))
        elif lo < hi:
            found.append((lo * rows, hi * rows))
    return found
