"""Ops on samples of several rows each do what they do on as many samples of one row."""

import numpy as np
import pytest
from fusednn.kernels import answer, records
from fusednn.kernels.intrinsics.tiles import MICRO_ROWS as CHUNK_ROWS
from fusednn.kernels.ops import answers
from fusednn.kernels.ops.norms import batch_norm, layer_norm
from fusednn.kernels.ops.pointwise import elementwise, noise
from fusednn.kernels.ops.products import dense
from fusednn.kernels.ops.updates import update
from fusednn.kernels.optimizers import OPTIMIZERS
from running.blocks import Rows, assert_close, block_of, row_of

from fusednn.plan.binding.looped import Looped, Records
from fusednn.plan.binding.program import Program, Task
from fusednn.plan.layout.forms import Panels, Vectors, parts
from fusednn.plan.memory.buffers import Block, address_of, aligned_zeros, padded
from fusednn.training.threads.team import run_all

POSITIONS, SAMPLES = 3, 2 * CHUNK_ROWS + 5
COUNT, WIDTH, OUTPUTS = SAMPLES * POSITIONS, 21, 3
RATE = 0.1
both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])

# operands that are text are buffers of `Buffers`; the last item is those that the op changes
ROW_OPS = {
    "copy": (elementwise.copy_rows, {"out": "b", "x": "a"}, "b"),
    "add": (elementwise.add_rows, {"out": "b", "other": "a"}, "b"),
    "dense": (
        dense.plain_forward,
        {
            "out": "b", "x": "a", "w": "w", "b": "v0", "fan_in": WIDTH, "fan_out": WIDTH,
            "floor": -np.inf,
        },
        "b",
    ),
    "layer norm": (
        layer_norm.layer_norm_forward,
        {
            "out": "b", "normal": "a", "inverse": "ones", "scale": "v0", "shift": "v1",
            "epsilon": 1e-3, "centered": 1,
        },
        ["a", "b", "ones"],
    ),
    "noise": (noise.gaussian_noise, {"out": "a", "key": "key", "layer": 2, "deviation": 0.3}, "a"),
    "dropout": (
        noise.dropout,
        {
            "out": "a", "slopes": "c", "key": "key", "layer": 2, "derivative_constants": "v0",
            "dropped": 2**31, "factor": 2.0, "low": 0.1, "high": 0.2, "has_slopes": 0,
        },
        "ac",
    ),
    "batch norm": (
        batch_norm.batch_norm_forward,
        {
            "out": "b", "x": "a", "mean": "v0", "inverse": "v1", "scale": "v2", "shift": "v3",
            "floor": -np.inf,
        },
        "b",
    ),
    "batch norm back": (
        batch_norm.batch_norm_backward,
        {
            "dx": "b", "x": "a", "mean": "v0", "inverse": "v1", "scale": "v2", "dscale": "v3",
            "dshift": "v0",
        },
        "b",
    ),
}  # fmt: skip
RANDOM = "noise", "dropout"
"""Ops whose random numbers belong to a row of a sample, so that they differ."""


def run(dtype, chain, samples, tasks, *, start=0, workers=1):
    """One step of so many samples from `start` on; a chain is ops with their operands."""
    program = Program(dtype, workers, dense.TILE_ROWS * 64)
    chain = [program.record(*pair) for pair in chain]
    program.set_stages([([Task(chain, *task) for task in tasks], None)])
    program.set_steps(np.array([[start, samples, 0, 1]]))
    program.settings[:, records.RATE], program.settings[:, records.STREAM] = RATE, 4
    run_all(program)


class Buffers:
    """COUNT rows as samples of so many, the same whatever these are; rows' padding is zero."""

    def __init__(self, dtype, positions):
        random = np.random.RandomState(0)
        self.dtype, self.samples, self.times = dtype, COUNT // positions, POSITIONS // positions
        self.rows, self.arrays = {}, {}
        for name in "abc":
            made = self.rows[name] = Rows(random.normal(size=(COUNT, WIDTH)).astype(dtype))
            made.rows[:, WIDTH : made.padded] = 0
            made.block = made.block._replace(positions=positions)
            self.arrays[name] = made.memory
        for i in range(4):
            vector = row_of(random.uniform(0.5, 2, WIDTH).astype(dtype))
            vector[WIDTH:] = 0
            self.arrays[f"v{i}"] = vector
        self.arrays["w"] = random.normal(size=WIDTH * WIDTH).astype(dtype)
        self.arrays["key"] = np.array([5, 6], np.int64)
        self.arrays["ones"] = np.full(COUNT, np.nan, dtype)

    def run(self, name, tasks, workers=1):
        """Runs an op of the table."""
        op, operands, _ = ROW_OPS[name]
        held = self.arrays | {name: self.rows[name].block for name in "ab"}
        given = {
            operand: held[value] if isinstance(value, str) else value
            for operand, value in operands.items()
        }
        run(self.dtype, [(op, given)], self.samples, tasks, workers=workers)


@both_dtypes
@pytest.mark.parametrize(("task", "workers"), [(CHUNK_ROWS, 1), (2 * CHUNK_ROWS, 3)])
@pytest.mark.parametrize("name", [name for name in ROW_OPS if name not in RANDOM])
def test_rows(name, dtype, task, workers):
    ours, ones, before = (Buffers(dtype, positions) for positions in (POSITIONS, 1, POSITIONS))
    for buffers in (ours, ones):
        length = task * buffers.times
        starts = range(0, buffers.samples, length)
        tasks = [(lo, lo + length, records.ROWS_OF_BATCH) for lo in starts]
        buffers.run(name, tasks, workers)
    changed = {
        one
        for one, array in ours.arrays.items()
        if array.tobytes() != before.arrays[one].tobytes()
    }
    assert changed == set(ROW_OPS[name][-1])
    for one in changed & set(ours.rows):
        assert (ours.rows[one].values != before.rows[one].values).any(axis=1).all()
    for one, array in ours.arrays.items():
        assert array.tobytes() == ones.arrays[one].tobytes()


@both_dtypes
@pytest.mark.parametrize(("task", "workers"), [(CHUNK_ROWS, 1), (2 * CHUNK_ROWS, 3)])
@pytest.mark.parametrize("positions", [1, 3, 30])
def test_sums_of_chunks_are_over_the_rows_of_their_samples(positions, task, workers, dtype):
    """Means, squares about them, and sums of products: of 30 rows each, some chunks have 240."""
    random = np.random.RandomState(1)
    values = [random.normal(3, 1, (SAMPLES * positions, WIDTH)).astype(dtype) for _ in "xd"]
    x, d = (Rows(array) for array in values)
    for made in (x, d):
        made.rows[:, WIDTH : made.padded] = 0
        made.block = made.block._replace(positions=positions)
    wide, chunks = padded(WIDTH, dtype), -(-SAMPLES // CHUNK_ROWS)
    found = [np.full((chunks, 2, wide), np.nan, dtype) for _ in "xd"]
    forward = batch_norm.batch_partials, {"partials": found[0].reshape(-1), "x": x.block}
    back = {
        "partials": found[1].reshape(-1), "dout": d.block, "x": x.block,
        "mean": np.zeros(wide, dtype), "inverse": np.ones(wide, dtype),
    }  # fmt: skip
    chain = [forward, (batch_norm.batch_norm_partials, back)]
    starts = range(0, SAMPLES, task)
    tasks = [(lo, lo + task, records.ROWS_OF_BATCH) for lo in starts]
    run(dtype, chain, SAMPLES, tasks, workers=workers)
    exact = [array.astype(float) for array in values]
    for chunk in range(chunks):
        rows = slice(chunk * CHUNK_ROWS * positions, (chunk + 1) * CHUNK_ROWS * positions)
        own, gradient = (array[rows] for array in exact)
        deviations = ((own - own.mean(axis=0)) ** 2).sum(axis=0)
        expected = [own.mean(axis=0), deviations], [gradient.sum(axis=0), (gradient * own).sum(0)]
        for pair, wanted in zip(found, expected, strict=True):
            np.testing.assert_allclose(
                pair[chunk, :, :WIDTH], wanted, rtol=40 * np.finfo(dtype).eps * len(own) ** 0.5
            )
            assert (pair[chunk, :, WIDTH:] == 0).all()


@both_dtypes
@pytest.mark.parametrize("name", RANDOM)
def test_noise_in_a_workers_rows(name, dtype):
    """Samples from the fifth on, in the first rows of the buffers, have the batch's own noise."""
    first, count = 5, 11
    whole, part = (Buffers(dtype, POSITIONS) for _ in range(2))
    for buffers in (whole, part):
        buffers.rows["a"].values[:] = 1
    whole.run(name, [(0, SAMPLES, records.ROWS_OF_BATCH)])
    part.run(name, [(first, first + count, records.ROWS_OF_WORKER)])
    whole, part = whole.rows["a"].values, part.rows["a"].values
    own = whole[first * POSITIONS : (first + count) * POSITIONS]
    np.testing.assert_array_equal(part[: len(own)], own)
    np.testing.assert_array_equal(part[len(own) :], 1)


def dense_and_emitted(random, data, out, emitted, dtype):
    """The matrix of a layer of data in place, and the ops that compute it and emit it."""
    form = Panels(WIDTH, OUTPUTS, dtype)
    w, flat = random.normal(size=form.shape).astype(dtype), aligned_zeros(form.count, dtype)
    form.pack(flat, w)
    forward = {
        "out": out, "x": data, "w": flat, "b": aligned_zeros(form.padded_out, dtype),
        "fan_in": WIDTH, "fan_out": form.padded_out, "floor": 0.0, "in_place": 1,
    }  # fmt: skip
    emit = {"emitted": emitted, "logits": out}
    return w, [(dense.dense_forward, forward), (answers.emit_outputs, emit)]


def buffer_of(samples, dtype):
    """Room for the outputs of so many samples."""
    return block_of(np.full((samples * POSITIONS, 16), np.nan, dtype), OUTPUTS, POSITIONS)


@both_dtypes
def test_data_and_answers_in_their_own_order(dtype):
    """A layer reads samples from the step's first on, and what it gives is emitted there."""
    start, task, random = 3, 8, np.random.RandomState(0)
    data, emitted = random.normal(size=(COUNT, WIDTH)).astype(dtype), np.full((COUNT, 3), 7, dtype)
    out = buffer_of(task + 1, dtype)
    x, answers = (block_of(array, positions=POSITIONS) for array in (data, emitted))
    w, chain = dense_and_emitted(random, x, out, answers, dtype)
    count = SAMPLES - start
    tasks = [(lo, lo + task, records.ROWS_OF_WORKER) for lo in range(0, count, task)]
    run(dtype, chain, count, tasks, start=start)
    want, first = np.maximum(data.astype(float) @ w, 0), start * POSITIONS
    assert_close(emitted[first:], want[first:], 20 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(emitted[:first], 7)
    assert np.isnan(out.values[task * POSITIONS :]).all()


@both_dtypes
@pytest.mark.parametrize("count", [1, 4, 11])
def test_calls(count, dtype):
    """A prepared chain answers samples of several rows, a block of samples after the other."""
    random, block = np.random.RandomState(0), 4
    x = random.normal(size=(count, POSITIONS * WIDTH)).astype(dtype)
    answers = np.full((count, POSITIONS * OUTPUTS), np.nan, dtype)
    data, emitted = np.zeros(1, dtype), np.zeros(1, dtype)  # a call's arrays take their places
    w, ops = dense_and_emitted(
        random, Block(data, WIDTH, WIDTH, POSITIONS), buffer_of(block, dtype),
        Block(emitted, OUTPUTS, OUTPUTS, POSITIONS), dtype,
    )  # fmt: skip
    program = Program(dtype, 1, 32 * 2 * OUTPUTS)
    chain = [program.record(*pair) for pair in ops]
    [routine] = Looped([Records(chain, 0)], []).routines(1, program.keep)
    places = np.array(program.places_of(data))
    outs = np.array(program.places_of(emitted))
    words = np.zeros(answer.WIDTH, np.int64)
    words[answer.ROUTINE] = routine
    words[answer.FRAME] = address_of(program.frames)
    words[answer.SCRATCH] = address_of(program.scratch)
    words[answer.BLOCK_ROWS], words[answer.FAN_IN] = block, POSITIONS * WIDTH
    words[answer.DATA], words[answer.N_DATA] = address_of(places), len(places)
    words[answer.OUT], words[answer.N_OUT] = address_of(outs), len(outs)
    assert answer.answer_with_gil(words, x, answers, True) == answer.DONE
    want = np.maximum(x.astype(float).reshape(-1, WIDTH) @ w, 0)
    assert_close(answers.reshape(-1, OUTPUTS), want, 20 * np.finfo(dtype).eps)


def updated(op, operands, optimizer, count, samples, tasks):
    """A parameter and its states after a step from zeros."""
    arrays = [aligned_zeros(count, operands["zeros"].dtype) for _ in range(4)]
    names = "parameters", "state_1", "state_2", "state_3"
    rule = {"step": (OPTIMIZERS[optimizer].step, "step"), "constants": np.array([0.9, 0.0])}
    chain = [(op, {**rule, **dict(zip(names, arrays, strict=True)), **operands})]
    run(arrays[0].dtype, chain, samples, tasks)
    return arrays


@both_dtypes
@pytest.mark.parametrize("form", [Panels, Vectors])
@pytest.mark.parametrize("optimizer", ["store", "sgd"])
def test_updates_go_over_all_rows(form, optimizer, dtype):
    layer, zeros = form(WIDTH, OUTPUTS, dtype), aligned_zeros(64, dtype)
    tiles = [(j, i) for j, i, _ in layer.tiles(SAMPLES)]
    columns, results = padded(OUTPUTS, dtype), []
    for positions in (POSITIONS, 1):
        buffers = Buffers(dtype, positions)
        x, dz = buffers.rows["a"].block, buffers.rows["b"].block.part(0, OUTPUTS)
        read = {"x": x, "dz": dz, "zeros": zeros, **layer.update_operands()}
        summed = {"dz": dz, "zeros": zeros, "ones": np.ones(1, dtype)}
        samples = buffers.samples
        results.append(
            updated(layer.update_op, read, optimizer, layer.count, samples, tiles)
            + updated(
                update.update_bias, summed, optimizer, columns, samples, parts(columns, dtype)
            )
        )
    for ours, one in zip(*results, strict=True):
        assert ours.tobytes() == one.tobytes()
    # a stored gradient is in the state, a step in the parameters
    at, times = (1, 1.0) if optimizer == "store" else (0, -RATE)
    found = np.empty(layer.shape, dtype)
    layer.unpack(found, results[0][at])
    x = buffers.rows["a"].values.astype(float)
    dz = buffers.rows["b"].values[:, :OUTPUTS].astype(float)
    tolerance = 100 * np.finfo(dtype).eps
    assert_close(found, times * (x.T @ dz), tolerance)
    assert_close(results[0][4 + at][:OUTPUTS], times * dz.sum(axis=0), tolerance)
