"""Runs one op of a plan over hand-made tasks."""

import numpy as np
from fusednn.kernels import engine, records
from fusednn.kernels.intrinsics.shapes import SHAPE
from fusednn.kernels.ops.products import dense

from fusednn.plan.binding.program import Program, Task


def run_op(op, operands, tasks, dtype, settings=(), workers=1):
    """Runs `op` on each (lo, hi), by the last of the workers; returns the program."""
    panel = SHAPE.panel(np.dtype(dtype).itemsize)
    program = Program(dtype, workers, dense.TILE_ROWS * panel)
    chain = [program.record(op, operands)]
    program.set_stages([([Task(chain, lo, hi) for lo, hi in tasks], None)])
    steps = np.zeros((1, records.STEP_WIDTH), np.int64)
    steps[:, records.LAST_STAGE] = 1
    program.set_steps(steps)
    for setting, value in dict(settings).items():
        program.settings[:, setting] = value
    assert engine.run_steps(program.words, workers - 1, 0, 1) == engine.DONE
    return program
