"""Ops on blocks of rows, run by the interpreter; all that is no value is NaN before."""

import numpy as np
from fusednn.kernels import records
from fusednn.kernels.intrinsics.shapes import SHAPE

from fusednn.plan.binding.program import Program, Task
from fusednn.plan.memory.buffers import Block, aligned_zeros, padded
from fusednn.training.threads.team import run_all

WIDTHS = [1, 7, 16, 33]
ROUNDING = {np.float32: 2e-5, np.float64: 1e-12}
DIFFERENCES = {np.float32: 2e-4, np.float64: 1e-7}  # beside central differences


def block_of(rows, width=None, positions=1):
    """A matrix, or its first columns, as an operand of kind rows."""
    stride = rows.strides[0] // rows.itemsize
    return Block(rows, stride, rows.shape[1] if width is None else width, positions)


class Rows:
    """Rows of values, `stride` elements apart, with a whole vector behind the padding."""

    def __init__(self, values):
        rows, self.width = values.shape
        self.padded = padded(self.width, values.dtype)
        self.stride = self.padded + SHAPE.lanes(values.dtype.itemsize)
        self.memory = aligned_zeros(rows * self.stride, values.dtype)
        self.rows = self.memory.reshape(rows, self.stride)
        self.rows[:] = np.nan
        self.values[:] = values
        self.block = block_of(self.rows, self.width)

    @property
    def values(self):
        return self.rows[:, : self.width]

    def assert_padding_is_zero(self):
        """And that nothing was written behind it."""
        np.testing.assert_array_equal(self.rows[:, self.width : self.padded], 0)
        assert np.isnan(self.rows[:, self.padded :]).all()


def empty_like(rows):
    """As many rows that hold nothing yet."""
    return Rows(np.full(rows.values.shape, np.nan, rows.memory.dtype))


def row_of(values):
    """One row of values, padded with NaN to whole vectors."""
    row = aligned_zeros(padded(len(values), values.dtype), values.dtype)
    row[:] = np.nan
    row[: len(values)] = values
    return row


def run(dtype, rows, stages, task, workers=1):
    """One step: each of `stages` an op on all rows, by tasks of `task`, and one once after it.

    A stage is (op, its operands, None or (op, its operands)).
    """
    program = Program(dtype, workers, 1)
    words = []
    for op, operands, after in stages:
        chain = [program.record(op, operands)]
        tasks = [Task(chain, lo, lo + task, records.ROWS_OF_BATCH) for lo in range(0, rows, task)]
        words.append((tasks, after and program.record(*after)))
    program.set_stages(words)
    steps = np.zeros((1, records.STEP_WIDTH), np.int64)
    steps[0, [records.SAMPLES, records.LAST_STAGE]] = rows, len(stages)
    program.set_steps(steps)
    run_all(program)


def central_differences(function, x, step=1e-5):
    """The gradient of a function of an array, in float64."""
    gradient = np.empty(x.shape)
    for index in np.ndindex(x.shape):
        sides = []
        for sign in (1, -1):
            moved = x.copy()
            moved[index] += sign * step
            sides.append(function(moved))
        gradient[index] = (sides[0] - sides[1]) / (2 * step)
    return gradient


def assert_close(ours, want, tolerance):
    """Within the tolerance times the largest magnitude."""
    assert ours.shape == want.shape
    np.testing.assert_allclose(ours, want, rtol=0, atol=tolerance * max(1, abs(want).max()))
