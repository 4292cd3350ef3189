"""How a device runs a program: by launches, by itself together, or by one block alone.

None of the numbers has been measured yet: they follow from what a launch, a wait of all blocks and
an operation are known to take on a large GPU.
"""

from __future__ import annotations

import numpy as np

from fusednn.kernels import records
from fusednn.kernels.operands import DECLARED

from .launches import Launch, launches_of
from .program import CudaProgram
from .whole import Whole

LAUNCHES, TOGETHER, ALONE = "launches", "together", "alone"
"""A captured graph of launches for each step; one launch of all blocks for many steps; or of one
block, whose shared memory holds all that steps write."""

ALONE_OPERATIONS = 2_000_000
"""The most multiply-adds of a step of one block: some 30 us of one multiprocessor, which is what
the waits of all blocks in a step take."""

TOGETHER_OPERATIONS = 100_000_000
"""The most of a step of blocks that wait for each other: some 15 us of a large GPU. Waits save
about 20 us over launches; large tiles, which only launches have, save more from here on."""

OWN_BYTES = {np.dtype(np.float32): 36 << 10, np.dtype(np.float64): 64 << 10}
"""Shared memory that the ops of a program need for themselves, and scratch, at most as a rule; the
compiler knows."""


def mode_of(program: CudaProgram, shared: int) -> str:
    """How a device had better run a program.

    Parameters
    ----------
    program : CudaProgram
    shared : int
        Bytes of shared memory that a block can have; 0: the device runs no programs by itself.
    """
    if len(program.steps) < 2 or not shared:  # a launch would run one step, too
        return LAUNCHES
    if not _is_kept(program):  # each process would compile all of its ops again
        return LAUNCHES
    operations = operations_of(program)
    if operations > TOGETHER_OPERATIONS:
        return LAUNCHES
    if operations > ALONE_OPERATIONS:
        return TOGETHER
    size = Whole(program, alone=True).size + OWN_BYTES[program.dtype]
    return ALONE if size <= shared else TOGETHER


def _is_kept(program: CudaProgram) -> bool:
    """Whether the disk may keep its machine code: no function is a user's own."""
    functions = [one for kernel in program.kernels for _, one, _ in kernel.functions if one]
    return all(getattr(one, "py_func", one).__closure__ is None for one in functions)


def operations_of(program: CudaProgram) -> int:
    """About the multiply-adds of the longest step: each row meets all of a record's parameters."""
    stages = launches_of(program)
    samples = int(program.steps[:, records.SAMPLES].max())
    return sum(_operations(program, one, samples) for stage in stages for one in stage)


def _operations(program: CudaProgram, launch: Launch, samples: int) -> int:
    op, operands = program.call_of(launch.record)
    sizes = [
        value.size
        for name, kind in DECLARED[op].kinds.items()
        if kind.name == "array" and kind.element is None
        for value in (operands.get(name),)
        if value is not None
    ]
    return (launch.rows or samples) * max(sizes, default=0)
