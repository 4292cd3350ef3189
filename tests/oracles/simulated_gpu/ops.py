"""Launches of ops on the simulated GPU: the entries that are compiled for a GPU, in Python."""

import ctypes

import numpy as np
from fusednn.kernels.cuda import entries, programs
from fusednn.kernels.cuda.twins import BLOCK, GRID, THREAD, every_twin
from fusednn.kernels.library import address
from fusednn.kernels.operands import DECLARED

from .memory import Memory
from .running import NOW, arithmetic_of, launch
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
            entry = self._entry(op, functions, every_twin()[op].sized())
            self._entries[key] = self.translated(entry)
        self.memory.begin()
        words = [self._words(at) for at in (record, frame, tasks)]
        real = self.memory.pointer(scratch, self.dtype)
        given = words[0], words[1], real, words[2], n_tasks
        with arithmetic_of(self.dtype):
            launch(self._entries[key], blocks, threads, lambda block: given)

    def launch_program(self, program, shared, words, scratch, first, last, blocks, threads):
        """Launches a program as a GPU does.

        Parameters
        ----------
        program : callable
            As `program` makes it.
        shared : int
            Bytes of shared memory that the launch gives a block.
        words, scratch : int
            Their addresses.
        first, last : int
            Steps.
        blocks, threads : int
        """
        self.memory.begin(shared)
        given = self._words(words), self.memory.pointer(scratch, self.dtype), first, last
        with arithmetic_of(self.dtype):
            launch(program, blocks, threads, lambda block: given)

    def program(self, runs, alone):
        """The entry of a program, of functions that run the tasks of a record each."""

        def run(record, frame, scratch, tasks, n_tasks):
            one = runs[record[0]]
            if one.has_barriers:
                yield from one(record, frame, scratch, tasks, n_tasks)
            else:
                one(record, frame, scratch, tasks, n_tasks)

        run.has_barriers = True
        return self.translated((programs.alone if alone else programs.together)(run))

    def run_of(self, op, functions, words):
        """What runs the tasks of an op in a program.

        `words` are what its record has on the CPU, by their slots.
        """
        return self.translated(self._entry(op, functions, entries.always(0), words))

    def run_on_cpu(self, op, words):
        """The same by the CPU's op: by the first thread of a block."""
        run = self._on_cpu(op, words)

        def run_once(*given):
            if NOW.thread == 0:
                run(*given)

        run_once.has_barriers = False
        return self.translated(entries.by_block(run_once, entries.always(0)))

    def _words(self, at):
        return self.memory.pointer(at, np.dtype(np.int64))

    def _entry(self, op, functions, scratch_of, words=None):
        twin = every_twin()[op]
        if twin.spread == THREAD:
            run = self._on_cpu(op, words or {})
            return entries.by_rows(run)
        run = self._called(op, self.translated(twin.function_for(functions)), functions)
        if twin.spread == BLOCK:
            return entries.by_block(run, scratch_of)
        assert twin.spread == GRID
        return entries.by_grid(run, scratch_of, twin.once, twin.over_padding)

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

    def _on_cpu(self, op, words):
        """The op as compiled for the CPU, which has the same bits; its record is for the CPU."""
        native = OP(address(op, "op", self.dtype))

        def run(record, frame, scratch, lo, hi):
            for slot, word in words.items():
                record[slot] = word
            given = (one.place_on_host for one in (record, frame, scratch))
            assert native(*given, int(lo), int(hi)) == 0

        run.has_barriers = False
        return run
