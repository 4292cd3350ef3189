"""Updates whose gradients are sums over runs of rows, or over chunks, by plain NumPy."""

import numpy as np
import pytest
from fusednn.kernels import records
from fusednn.kernels.intrinsics.shapes import SHAPE
from fusednn.kernels.ops.products import dense, partials, runs
from fusednn.kernels.ops.products.partials import CHUNK_ROWS
from fusednn.kernels.optimizers import OPTIMIZERS
from running.blocks import Rows, assert_close

from fusednn.plan.binding.program import Program, Task
from fusednn.plan.layout.far_blocks import FarBlocks
from fusednn.plan.layout.forms import Column, Panels
from fusednn.plan.memory.buffers import aligned_zeros
from fusednn.training.threads.team import run_all

SAMPLES, POSITIONS = 2 * CHUNK_ROWS + 3, 13
both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
each_size = pytest.mark.parametrize(("I", "O"), [(1, 1), (5, 33), (70, 17)])
TOLERANCE = {np.float32: 1e-5, np.float64: 1e-13}

# runs of each sample and rows of each; from run to run and row to row of x and of dz; taps
WALKS = {
    "all": (1, POSITIONS, (0, 1), (0, 1), [0]),
    "strides": (1, 4, (0, 2), (0, 3), [0, 3, 5]),
    "runs": (3, 2, (5, 2), (2, 1), [0]),
    "backwards": (2, 3, (1, 3), (6, 2), [2, 0]),
    "none": (1, 0, (0, 1), (0, 1), [0]),
}
each_walk = pytest.mark.parametrize("walk", WALKS.values(), ids=WALKS)


def rows_of(rng, width, dtype):
    """Rows of values, NaN behind them, and the values by sample."""
    values = rng.normal(size=(SAMPLES * POSITIONS, width)).astype(dtype)
    made = Rows(values)
    made.rows[:, width : made.padded] = 0
    return made, values.astype(float).reshape(SAMPLES, POSITIONS, width)


def updated(op, form, operands, optimizer="store", tasks=None):
    """A parameter and its states after a step from zeros, in the parameter's form."""
    arrays = [aligned_zeros(form.count, form.dtype) for _ in range(4)]
    names = "parameters", "state_1", "state_2", "state_3"
    program = Program(form.dtype, 1, 2 * dense.TILE_ROWS * 128)
    record = program.record(
        op,
        {
            "step": (OPTIMIZERS[optimizer].step, "step"),
            "constants": np.array([0.9, 0.999, 1e-8, 0.0]),
            **dict(zip(names, arrays, strict=True)),
            **operands,
            **form.update_operands(),
        },
    )
    tasks = form.tiles(SAMPLES) if tasks is None else tasks
    tasks = [Task([record], lo, hi) for lo, hi, _ in tasks]
    program.set_stages([(tasks, None)])
    program.set_steps(np.array([[0, SAMPLES, 0, 1]]))
    program.settings[:, [records.RATE, records.EPSILON_FACTOR]] = 0.1, 1.0
    run_all(program)
    return arrays


def stored(form, arrays):
    """The gradient that *store* has left."""
    found = np.empty(form.shape, form.dtype)
    form.unpack(found, arrays[1])
    return found


def runs_updated(form, walk, x, dz, optimizer="store"):
    """`updated` by `update_runs`, in blocks of one tile and in blocks of several."""
    panel = SHAPE.panel(form.dtype.itemsize)
    one = FarBlocks(form.fan_in, form.padded_out, dense.TILE_ROWS, panel)
    several = one._replace(rows=2 * one.rows, columns=2 * panel)
    found = [
        updated(
            *(runs.update_runs, form, walked(walk, x, dz, blocks), optimizer),
            blocks.tasks(),
        )
        for blocks in (one, several)
    ]
    for part, other in zip(*found, strict=True):
        assert part.tobytes() == other.tobytes()
    return found[0]


def walked(walk, x, dz, blocks):
    """What `update_runs` is told of the rows."""
    count, length, (x_run, x_row), (dz_run, dz_row), taps = walk
    return {
        "x": x.memory, "dz": dz.memory, "zeros": aligned_zeros(64, x.memory.dtype),
        "taps": np.array(taps, np.int64) * x.stride, "tap_size": x.width,
        "runs": count, "length": length,
        "block_rows": blocks.rows, "block_columns": blocks.columns,
        "x_sample": POSITIONS * x.stride, "x_run": x_run * x.stride, "x_row": x_row * x.stride,
        "dz_sample": POSITIONS * dz.stride, "dz_run": dz_run * dz.stride,
        "dz_row": dz_row * dz.stride,
    }  # fmt: skip


@both_dtypes
@each_size
@each_walk
def test_runs(walk, I, O, dtype):
    rng = np.random.RandomState(0)
    (x, x_values), (dz, dz_values) = rows_of(rng, I, dtype), rows_of(rng, O, dtype)
    count, length, (x_run, x_row), (dz_run, dz_row), taps = walk
    want = np.zeros((len(taps) * I, O))
    for run in range(count):
        for row in range(length):
            at = [run * x_run + row * x_row + tap for tap in taps]
            left = x_values[:, at].reshape(SAMPLES, -1)
            want = want + left.T @ dz_values[:, run * dz_run + row * dz_row]
    form = Panels(len(taps) * I, O, dtype, transposed=False)
    found = stored(form, runs_updated(form, walk, x, dz))
    assert_close(found, want, TOLERANCE[dtype])


@both_dtypes
@each_size
@pytest.mark.parametrize("optimizer", ["store", "adam"])
def test_one_run_or_many_have_the_bits_of_all_rows(optimizer, I, O, dtype):
    rng, form = np.random.RandomState(0), Panels(I, O, dtype, transposed=False)
    x, dz = (rows_of(rng, width, dtype)[0] for width in (I, O))
    blocks = {
        name: rows.block._replace(positions=POSITIONS) for name, rows in (("x", x), ("dz", dz))
    }
    zeros = {"zeros": aligned_zeros(64, dtype)}
    whole = updated(dense.update_weights, form, {**blocks, **zeros}, optimizer)
    for walk in (WALKS["all"], (POSITIONS, 1, (1, 0), (1, 0), [0])):
        found = runs_updated(form, walk, x, dz, optimizer)
        for one, other in zip(found, whole, strict=True):
            assert one.tobytes() == other.tobytes()


@both_dtypes
@each_size
def test_partials_of_weights(I, O, dtype):
    check_partials(partials.update_partials, Panels(I, O, dtype, transposed=False))


@both_dtypes
@pytest.mark.parametrize("size", [1, 17, 300])
def test_partials_of_vectors(size, dtype):
    check_partials(partials.update_vector_partials, Column(size, dtype))


def check_partials(op, form):
    """Chunks are added in order, and those beyond the batch are not read."""
    rng, chunks = np.random.RandomState(0), -(-SAMPLES // CHUNK_ROWS)
    values = rng.normal(size=(chunks, *form.shape)).astype(form.dtype)
    memory = aligned_zeros((chunks + 1) * form.count, form.dtype)
    for part, chunk in zip(memory.reshape(chunks + 1, -1), values, strict=False):
        form.pack(part, chunk)
    memory[chunks * form.count :] = np.nan
    found = stored(form, updated(op, form, {"partials": memory, "chunk": form.count}))
    want = np.zeros(form.shape, form.dtype)
    for chunk in values:
        want = want + chunk
    np.testing.assert_array_equal(found, want)
