"""Dropout of channels: one mask for all positions of a sample, whatever the tasks."""

import numpy as np
import pytest
from fusednn.kernels import records
from fusednn.kernels.ops.pointwise import noise
from oracles.reference_layers import dropout_mask

from fusednn.plan.binding.program import Program, Task
from fusednn.plan.memory.buffers import Block
from fusednn.training.threads.team import run_all

SEED, STEP, LAYER, RATE = 1234, 2, 3, 0.4
SAMPLES, POSITIONS = 7, 5


def drop(width, dtype, task, by_channel):
    """Ones of SAMPLES x POSITIONS x width after dropout, in tasks of so many samples."""
    stride = width + 3
    out = np.ones((SAMPLES, POSITIONS, stride), dtype)
    slopes = np.ones_like(out)
    program = Program(out.dtype, 2, stride + 3)
    operands = {
        "out": Block(out.reshape(-1), stride, width, POSITIONS), "slopes": slopes.reshape(-1),
        "key": np.array([SEED, 0], np.int64), "has_slopes": 1, "layer": LAYER,
        "dropped": round(RATE * 2**32), "factor": 2.0, "low": 0.0, "high": 0.0,
        "derivative_constants": np.zeros(1, dtype), "by_channel": by_channel,
    }  # fmt: skip
    chain = [program.record(noise.dropout, operands)]
    starts = range(0, SAMPLES, task)
    tasks = [Task(chain, lo, min(lo + task, SAMPLES), records.ROWS_OF_BATCH) for lo in starts]
    program.set_stages([(tasks, None)])
    program.set_steps(np.array([[0, SAMPLES, 0, 1]]))
    program.settings[0, records.STREAM] = STEP
    run_all(program)
    np.testing.assert_array_equal(out[..., :width], slopes[..., :width])
    return out[..., :width]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", [1, 3, 8, 17])
@pytest.mark.parametrize("task", [1, 3, SAMPLES])
def test_masks(task, width, dtype):
    """Channels have the mask of a row of samples, elements that of a row of positions."""
    shared = {"seed": SEED, "step": STEP, "layer": LAYER}
    by_channel = dropout_mask(RATE, SAMPLES, width, **shared) > 0
    wanted = 2.0 * np.repeat(by_channel[:, np.newaxis], POSITIONS, axis=1)
    np.testing.assert_array_equal(drop(width, dtype, task, True), wanted)
    by_element = dropout_mask(RATE, SAMPLES * POSITIONS, width, positions=POSITIONS, **shared) > 0
    wanted = 2.0 * by_element.reshape(SAMPLES, POSITIONS, width)
    np.testing.assert_array_equal(drop(width, dtype, task, False), wanted)
