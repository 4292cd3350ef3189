"""Compiles programs that a GPU runs by itself: the entries of several ops, in a loop of steps."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from fusednn.kernels.cuda import programs
from fusednn.kernels.cuda.entries import always
from fusednn.kernels.cuda.twins import Twin, every_twin
from numba import types

from . import compiler
from .compiler import Cubin, compiling, device_function
from .porting import Porting
from .program_meanings import SharedMemory, meanings_of

LOOP_SHARED = 192
"""Bytes of shared memory of the loop of steps: the frame."""

PROGRAM = "program"
"""The spread of a program: its ops have their own."""


def compile_program(
    ops: Sequence[tuple[Any, Mapping[str, Any]]],
    dtype: Any,
    capability: tuple[int, int],
    alone: bool,
) -> Cubin:
    """Compiles a program for a GPU.

    Parameters
    ----------
    ops : sequence of (kernel, mapping)
        In the order of their numbers: ops that have twins, and the functions of their records.
    dtype : dtype
        The network's: float32 or float64.
    capability : tuple of int
        The GPU's, such as (9, 0).
    alone : bool
        Whether it is for one block, with memory in the block's shared memory.

    Raises
    ------
    ImportError
        If a package is missing, or is not made for this NumPy.
    """
    dtype = np.dtype(dtype)
    twins = [every_twin()[op] for op, _ in ops]
    scratch = max((one.small or one.scratch for one in twins), default=0)
    ptx, shared = ptx_of_program(ops, dtype, capability, alone)
    made = compiler.linked(ptx, capability, Twin(compile_program, PROGRAM, scratch))
    assert made.shared == 0  # all of it is a part of what the launch gives
    return made._replace(shared=shared)


def ptx_of_program(ops, dtype: np.dtype, capability: tuple[int, int], alone: bool):
    """The PTX of a program, and the bytes of shared memory of its ops.

    The arguments are those of `compile_program`.
    """
    made = _Parts(alone)
    with compiling(capability):
        entry = made.entry(ops).py_func
        words, count = compiler.WORDS, compiler.COUNT
        signature = words, types.CPointer(compiler.FLOATS[dtype]), count, count
        library = compiler.library_of(entry, "program", dtype, signature, 1, capability)
        [text] = library.get_asm_strs(cc=capability)
    assert made.memories[0].end == LOOP_SHARED
    return text, max(memory.end for memory in made.memories)


class _Parts:
    """The functions of one program: the loop of steps, and the ops.

    Ops follow one another, so each has the same shared memory as the others, behind the loop's.
    """

    def __init__(self, alone):
        self._alone = alone
        self.memories = [SharedMemory()]

    def entry(self, ops):
        """The entry of a program."""
        runs = [self._run_of(op, functions) for op, functions in ops]
        make = programs.alone if self._alone else programs.together
        return self._port(self.memories[0])(make(_chosen(runs)))

    def _run_of(self, op, functions):
        """What runs the tasks of an op's record."""
        twin = every_twin()[op]
        present = {name: functions.get(name) for name in compiler.operands_of(op)}
        self.memories.append(SharedMemory(LOOP_SHARED))
        port = self._port(self.memories[-1], present)
        run = compiler.called(port, twin, present)
        return port(compiler.entry_of(run, twin, always(0)))

    def _port(self, memory, functions=()):
        """Carries functions over that have some shared memory."""
        known = meanings_of(memory, self._alone)
        return Porting(
            lambda value: compiler.meaning(value, known), device_function, dict(functions)
        )


def _chosen(runs):
    """A device function that runs a record by the number of its op."""
    names = [f"_{number}" for number in range(len(runs))]
    lines = [
        f"    if number == {number}:\n        {name}(record, frame, scratch, tasks, n_tasks)\n"
        for number, name in enumerate(names)
    ]
    scope = dict(zip(names, runs, strict=True))
    exec(
        "def run(record, frame, scratch, tasks, n_tasks):\n    number = record[0]\n"
        + "".join(lines),
        scope,
    )
    return device_function(scope["run"])
