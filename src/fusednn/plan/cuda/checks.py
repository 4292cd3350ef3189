"""A program that sees whether an array on a GPU is finite."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fusednn.kernels import records
from fusednn.kernels.ops.updates.finite import find_not_finite
from fusednn.plan.binding.program import Program, Task

from .machine import Gpu


class FiniteCheck(NamedTuple):
    """A program of one step, and where it writes 1 if some element is not finite."""

    program: Program
    found: np.ndarray


def lower_check(array: np.ndarray) -> FiniteCheck:
    """The check of an array in a network's type."""
    found = np.zeros(1, np.int64)
    program = Gpu().program(array.dtype, scratch=0)
    record = program.record(find_not_finite, {"found": found, "w": array})
    program.set_stages([([Task([record], 0, array.size)], None)])
    steps = np.zeros((1, records.STEP_WIDTH), np.int64)
    steps[:, records.LAST_STAGE] = 1
    program.set_steps(steps)
    return FiniteCheck(program, found)
