"""Runs a record of an op on the simulated GPU, as a launch does."""

import numpy as np
from fusednn.kernels import records
from fusednn.kernels.cuda.twins import BLOCK, GRID, THREAD, TWINS
from fusednn.kernels.intrinsics.pointers import view_at
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

    def functions_of(self, op, given):
        """The functions of a record in the order of their operands, translated; None: missing."""
        kinds = DECLARED[op].kinds if op in DECLARED else {}
        return [
            self.translated(given[name]) if given.get(name) is not None else None
            for name, kind in kinds.items()
            if kind.name == "function"
        ]

    def run(self, op, functions, record, frame, scratch, tasks, blocks, threads):
        """Runs tasks of a record.

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
            launch(
                *(entry, blocks, threads),
                lambda block: (*words, self.memory.pointer(scratch(block), self.dtype)),
            )


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
