"""Twins with every activation and every loss as functions of the record: the bits of the CPU."""

import numpy as np
import pytest
from cases.ops import on_rows
from fusednn.kernels import records
from fusednn.kernels.activations import ACTIVATIONS
from fusednn.kernels.losses import LOSSES, bounds
from fusednn.kernels.ops import output
from fusednn.kernels.ops.pointwise import activate
from running.op_cases import BY_ROWS, SAMPLES, WIDTH, Case, always, run
from running.simulated_ops import run_simulated

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
OUTPUTS = 4
CURVED = {name: row for name, row in ACTIVATIONS.items() if row.forward is not None}


def assert_same_bits(case, dtype, threads=32):
    _, want = run(case, dtype, np.nan)
    _, found = run_simulated(case, dtype, np.nan, blocks=2, threads=threads)
    for name, array in want.items():
        assert np.isfinite(array).all()
        assert found[name].tobytes() == array.tobytes(), name


def constants_of(row, dtype):
    values = bounds(dtype) if getattr(row, "bounded", False) else row.constants
    return np.array([*values, 0], dtype)


def values_of(make):
    """Rows of numbers, signed zeros among them, and numbers at which exponentials vanish."""
    x = make.values(SAMPLES, WIDTH) * make.dtype(3)
    x[0, :4] = 0, -0.0, 60, -60
    return make.rows(x, padding=0)


@DTYPES
@pytest.mark.parametrize("name", CURVED)
def test_activations(name, dtype):
    row = CURVED[name]

    def case(make):
        x, slopes = values_of(make), values_of(make)
        operands = {"out": x.block, "constants": constants_of(row, dtype)}
        found = {"out": always(x.values)}
        if row.slopes is None:
            operands["function"] = row.forward, "activation"
        else:
            operands |= {"function": (row.slopes, "slopes"), "slopes": slopes.memory}
            found["slopes"] = always(slopes.values)
        return Case(activate.activate, operands, found, {}, BY_ROWS)

    assert_same_bits(case, dtype)


@DTYPES
@pytest.mark.parametrize("name", CURVED)
def test_derivatives_alone_and_under_dropout(name, dtype):
    row = CURVED[name]

    def case(make):
        d, out = values_of(make), values_of(make)
        operands = {
            "dx": d.block, "out": out.memory, "constants": constants_of(row, dtype),
            "function": (row.backward, "derivative"),
        }  # fmt: skip
        return Case(activate.differentiate, operands, {"dx": always(d.values)}, {}, BY_ROWS)

    def dropped(make):
        made, x, slopes = on_rows.dropout(make), values_of(make), values_of(make)
        operands = {
            **made.operands, "out": x.block, "slopes": slopes.memory, "has_slopes": 0,
            "derivative": (row.backward, "derivative"),
            "derivative_constants": constants_of(row, dtype), "low": -0.5, "high": 0.25,
        }  # fmt: skip
        found = {"out": always(x.values), "slopes": always(slopes.rows[:, : slopes.padded])}
        return made._replace(operands=operands, found=found)

    assert_same_bits(case, dtype)
    if row.slopes is None:
        assert_same_bits(dropped, dtype)


@pytest.mark.parametrize(
    "changed",
    [{"by_channel": 1}, {"has_slopes": 0}, {"low": 0.5, "high": -0.25}],
    ids=["by channel", "without slopes", "moved"],
)
def test_forms_of_dropout(changed):
    def case(make):
        made, x, slopes = on_rows.dropout(make), values_of(make), values_of(make)
        block = x.block._replace(positions=3)
        operands = {**made.operands, "out": block, "slopes": slopes.memory, **changed}
        found = {"out": always(x.values), "slopes": always(slopes.values)}
        return made._replace(operands=operands, found=found)

    assert_same_bits(case, np.float32)


def targets_of(make, row, columns):
    shape = SAMPLES + 9, columns
    if row.class_targets:
        return make.random.randint(OUTPUTS, size=shape).astype(make.dtype)
    if row.targets == "binary":
        return make.random.randint(2, size=shape).astype(make.dtype)
    if row.targets == "probability":
        return make.random.uniform(size=shape).astype(make.dtype)
    drawn = make.values(*shape)
    return drawn if row.targets == "real" else abs(drawn) + make.dtype(0.1)


def loss_case(op, name, dtype, weighted=False, unknown=0.0):
    row = LOSSES[name]
    per_target = OUTPUTS if row.class_targets else row.outputs_of_target()

    def case(make):
        made = on_rows.known_loss_gradient(make)
        order, z = made.operands["order"], make.rows(make.values(SAMPLES, OUTPUTS) * dtype(4))
        targets = targets_of(make, row, OUTPUTS // per_target)
        targets[make.random.uniform(size=targets.shape) < unknown] = np.nan
        dz, losses = make.empty(OUTPUTS), np.full(SAMPLES, make.fill)
        operands = {
            "dlogits": dz.block._replace(width=dz.padded), "losses": losses, "logits": z.block,
            "targets": make.data(targets), "order": order, "constants": constants_of(row, dtype),
            "weights": made.operands["weights"] if weighted else None,
            "function": (row.function, "loss"),
        }  # fmt: skip
        if op is output.known_loss_gradient:
            operands |= {"column_losses": np.full(SAMPLES, make.fill), "divisor": 2}
        found = {"dz": always(dz.rows[:, : dz.padded]), "losses": always(losses)}
        settings = {records.SCALE: 0.3}
        return Case(op, operands, found, {}, BY_ROWS, (), settings, 32 * 16)

    return case


@DTYPES
@pytest.mark.parametrize("name", LOSSES)
def test_losses(name, dtype):
    assert_same_bits(loss_case(output.loss_gradient, name, dtype, dtype is np.float32), dtype)


@pytest.mark.parametrize("name", [name for name, row in LOSSES.items() if not row.class_targets])
def test_losses_of_known_targets(name):
    case = loss_case(output.known_loss_gradient, name, np.float32, unknown=0.4)
    assert_same_bits(case, np.float32)
