"""Large tiles of products: whole and cut in rows, columns and k, by the bits of the CPU."""

import fusednn.kernels.cuda.ops.products.dense as gpu
import fusednn.kernels.cuda.ops.products.dense_partials as gpu_partials
import numpy as np
import pytest
from cases.ops.of_attention import sums_of_rows
from fusednn.kernels import records
from fusednn.kernels.cuda.tiles import product
from fusednn.kernels.optimizers import OPTIMIZERS
from running.op_cases import SAMPLES, Case, always, update_case
from running.same_bits import assert_same_bits

from fusednn.plan.layout.forms import Panels
from fusednn.plan.memory.buffers import aligned_zeros

DTYPES = pytest.mark.parametrize(
    "dtype",
    [np.float32, pytest.param(np.float64, marks=pytest.mark.long)],
    ids=["float32", "float64"],
)


@pytest.fixture(autouse=True)
def only_large(monkeypatch):
    """Few tiles are enough, and small ones fail."""

    def refuse(*arguments):
        raise AssertionError("a small tile")

    monkeypatch.setattr(product, "LARGE_TILES", 1)
    monkeypatch.setattr(gpu, "multiply_small", refuse)
    monkeypatch.setattr(gpu_partials, "multiply_small", refuse)


def forward(rows, fan_in, fan_out):
    def case(make):
        form = Panels(fan_in, fan_out, make.dtype)
        x, out = make.rows(make.values(rows, fan_in)), make.empty(fan_out, rows)
        operands = {
            "out": out.block, "x": x.block, "w": make.packed(form, make.values(fan_in, fan_out)),
            "b": make.vector(make.values(fan_out)), "floor": 0.0, **form.forward_operands(),
        }  # fmt: skip
        tasks = [(0, rows)]
        return Case(form.forward_op, operands, {"out": always(out.values)}, {}, (tasks, tasks))

    return case


def plain(rows, fan_in, fan_out):
    def case(make):
        form, made = Panels(fan_in, fan_out, make.dtype), forward(rows, fan_in, fan_out)(make)
        w = aligned_zeros(fan_in * fan_out, make.dtype).reshape(fan_in, fan_out)
        w[:] = make.values(fan_in, fan_out)
        made.operands.update(w=w, **form.forward_operands(plain=True))
        return made._replace(op=form.plain_op)

    return case


def backward(rows, fan_in, fan_out):
    def case(make):
        form = Panels(fan_in, fan_out, make.dtype)
        dz, dx = make.rows(make.values(rows, fan_out)), make.empty(fan_in, rows)
        copy = aligned_zeros(form.transposed_count, make.dtype)
        form.pack_transposed(copy, make.values(fan_in, fan_out))
        operands = {
            "dx": dx.block, "dz": dz.block, "zeros": aligned_zeros(256, make.dtype),
            "w_transposed": copy, **form.backward_operands(),
        }  # fmt: skip
        tasks = [(0, rows)]
        return Case(form.backward_op, operands, {"dx": always(dx.values)}, {}, (tasks, tasks))

    return case


def update(fan_in, fan_out, optimizer="adam"):
    def case(make):
        form = Panels(fan_in, fan_out, make.dtype)
        x, dz = (
            make.rows(make.values(SAMPLES, fan_in)),
            make.rows(make.values(SAMPLES, fan_out), 0),
        )
        operands = {"x": x.block, "dz": dz.block, "zeros": aligned_zeros(512, make.dtype)}
        made = update_case(make, form.update_op, form, np.zeros((fan_in, fan_out)), operands)
        step = OPTIMIZERS[optimizer]
        states = {
            f"state_{n + 1}": made.operands[f"state_{min(n + 1, step.states)}"] for n in range(3)
        }
        made.operands.update(
            states, step=(step.step, "step"), constants=np.array([0.9, 0.99, 1e-3, 0.0])
        )
        squares = made.operands["squares_out"]
        found = {**made.found, "squares": lambda program: squares.copy()}
        for name in states:
            found[name] = lambda program, name=name: made.operands[name].copy()
        settings = {**made.settings, records.EPSILON_FACTOR: 0.7}
        return made._replace(found=found, settings=settings)

    return case


@DTYPES
@pytest.mark.parametrize("rows", [pytest.param(247, marks=pytest.mark.long), 110])
def test_forward(dtype, rows):
    """19 is two whole steps of k and three more, 5 is none."""
    assert_same_bits(forward(rows, 19, 123), dtype, threads=256)
    assert_same_bits(forward(rows, 5, 128), dtype, threads=256)


@DTYPES
def test_plain_forward(dtype):
    assert_same_bits(plain(120, 9, 124), dtype, threads=256)


@DTYPES
def test_backward(dtype):
    assert_same_bits(backward(123, 219, 17), dtype, threads=256)


@DTYPES
@pytest.mark.parametrize(
    ("fan_in", "fan_out"),
    [
        (123, 120),
        pytest.param(250, 100, marks=pytest.mark.long),
        pytest.param(90, 255, marks=pytest.mark.long),
    ],
)
def test_update(dtype, fan_in, fan_out):
    assert_same_bits(update(fan_in, fan_out), dtype, threads=256)


@pytest.mark.long
@pytest.mark.parametrize("optimizer", ["sgd", "amsgrad"])
def test_states_of_an_update(optimizer):
    """One, which stands in the records of all, and three."""
    assert_same_bits(update(128, 128, optimizer), np.float32, threads=256)


@pytest.mark.long
@DTYPES
def test_sums_of_chunks(dtype):
    assert_same_bits(lambda make: sums_of_rows(make, 123, 100, 2), dtype, threads=256)


def test_a_block_alone_takes_small_tiles():
    """What it reads may be in shared memory."""
    with pytest.raises(AssertionError, match="a small tile"):
        assert_same_bits(forward(128, 8, 128), np.float32, blocks=1, threads=256)
    with pytest.raises(AssertionError, match="a small tile"):
        assert_same_bits(forward(128, 8, 128), np.float32, threads=128)
