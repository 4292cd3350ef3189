"""Factors of rate and decay of a layer: those of the settings, by bits and by plain NumPy."""

import numpy as np
import pytest
from fusednn.kernels import records
from fusednn.kernels.ops.updates import update
from fusednn.kernels.ops.updates.adjust import adjust
from fusednn.kernels.optimizers import OPTIMIZERS
from running.one_op import run_op
from running.sessions import gradient, random_network

from fusednn.plan.layout.forms import Panels, Vectors
from fusednn.plan.layout.panels import parts
from fusednn.plan.memory.buffers import aligned_zeros
from fusednn.plan.training import Rule

SETTINGS = {
    records.RATE: 0.1,
    records.SECOND_RATE: 0.07,
    records.EPSILON_FACTOR: 0.9,
    records.DECAY: 0.2,
    records.SCALE: 0.5,
    records.STREAM: 3.0,
    records.MIX: 0.4,
    records.AVERAGE: 0.6,
    records.L1: 0.0,
    records.CONTINUES: 0.0,
}
FACTORS = np.array([0.25, 3.0, 1.7, 2.3])
CONSTANTS = np.array([0.9, 0.99, 1e-3])
FAN_IN, FAN_OUT = 70, 3
both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
each_form = pytest.mark.parametrize("form", [Panels, Vectors])


def drawn(dtype):
    """Weights and their gradient, both (I, O)."""
    random = np.random.RandomState(0)
    matrices = random.normal(size=(2, FAN_IN, FAN_OUT)).astype(dtype)
    matrices[0, 3, 2] = 0
    return matrices


def update_operands(name, w, states, factors):
    """What the updates of all parameters take."""
    return {
        "step": (OPTIMIZERS[name].step, "step"),
        "constants": CONSTANTS,
        "parameters": w,
        "state_1": states[0],
        "state_2": states[1],
        "state_3": states[2],
        "factors": factors,
        "adjust": (adjust, "adjust"),
    }


def step_weights(form, dtype, name, factors, settings=SETTINGS, workers=1, absolutes=None):
    """A step from a stored gradient: parameters, states, sums of squares, and the program."""
    layer = form(FAN_IN, FAN_OUT, dtype)
    flats = [aligned_zeros(layer.count, dtype) for _ in range(5)]
    for flat, matrix in zip(flats, drawn(dtype), strict=False):
        layer.pack(flat, matrix)
    w, g, *states = flats
    tiles = layer.tiles(1)
    squares = np.zeros(len(tiles))
    operands = {
        **update_operands(name, w, states, factors),
        "squares_out": squares,
        "absolutes_out": absolutes,
        "gradient": g,
        **layer.update_operands(),
    }
    tasks = [(j, i) for j, i, _ in tiles]
    program = run_op(layer.apply_op, operands, tasks, dtype, settings, workers)
    return [w, *states], squares, program, layer


def step_bias(dtype, name, factors, settings=SETTINGS):
    """A step of a bias from a stored gradient: parameters and states."""
    b, g = np.random.RandomState(1).normal(size=(2, 70)).astype(dtype)
    states = [np.zeros_like(b) for _ in range(3)]
    operands = {**update_operands(name, b, states, factors), "gradient": g}
    run_op(update.apply_bias, operands, parts(70, dtype), dtype, settings)
    return [b, *states]


def scaled_settings():
    return {
        **SETTINGS,
        records.RATE: SETTINGS[records.RATE] * FACTORS[0],
        records.SECOND_RATE: SETTINGS[records.SECOND_RATE] * FACTORS[0],
        records.DECAY: SETTINGS[records.DECAY] * FACTORS[1],
    }


def assert_same_bits(ours, others):
    for one, other in zip(ours, others, strict=True):
        assert one.tobytes() == other.tobytes()


@both_dtypes
@each_form
@pytest.mark.parametrize("name", ["store", "sgd", "adam", "adamw", "nadam", "lion"])
def test_weights(form, dtype, name):
    """As if the settings were others; a worker's settings are its own, the step's stay."""
    ours, squares, program, _ = step_weights(form, dtype, name, FACTORS, workers=2)
    others, plain, _, _ = step_weights(form, dtype, name, None, scaled_settings())
    assert_same_bits(ours, others)
    np.testing.assert_array_equal(squares, plain * FACTORS[2])
    assert squares.all()
    assert dict(enumerate(program.settings[0])) == SETTINGS
    first, second = program.frames.reshape(2, -1)
    own = slice(records.OWN, records.OWN + records.SETTINGS_WIDTH)
    assert second[own].view(float).tolist() == list(scaled_settings().values())
    assert not first[own].any()
    assert second[records.OWN_SETTINGS] == second[own].ctypes.data


@both_dtypes
@pytest.mark.parametrize("name", ["sgd", "adamw", "nadam"])
def test_bias(dtype, name):
    ours = step_bias(dtype, name, FACTORS)
    assert_same_bits(ours, step_bias(dtype, name, None, scaled_settings()))


@both_dtypes
@each_form
def test_factors_of_one_change_no_bit(form, dtype):
    ours, squares, *_ = step_weights(form, dtype, "nadam", np.ones(4))
    others, plain, *_ = step_weights(form, dtype, "nadam", None)
    assert_same_bits([*ours, squares], [*others, plain])
    assert_same_bits(step_bias(dtype, "nadam", np.ones(4)), step_bias(dtype, "nadam", None))


@both_dtypes
@each_form
def test_gradient_descent(form, dtype):
    """w - rate (g + decay w), with the factors of both."""
    (flat, *_), squares, _, layer = step_weights(form, dtype, "sgd", FACTORS)
    ours = np.empty((FAN_IN, FAN_OUT), dtype)
    layer.unpack(ours, flat)
    w, g = drawn(dtype).astype(float)
    expected = w - 0.1 * 0.25 * (g + 0.2 * 3.0 * w)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=16 * np.finfo(dtype).eps)
    assert squares.sum() == pytest.approx(1.7 * (w**2).sum(), rel=1e-12)
    b, g = np.random.RandomState(1).normal(size=(2, 70)).astype(dtype).astype(float)
    ours = step_bias(dtype, "sgd", FACTORS)[0]
    np.testing.assert_allclose(ours, b - 0.025 * g, rtol=0, atol=16 * np.finfo(dtype).eps)


@both_dtypes
@each_form
@pytest.mark.parametrize("factors", [None, FACTORS])
def test_signs(form, dtype, factors):
    """The L1 term: signs of the weights in the gradient, by a factor of its own, and a sum."""
    settings = {**SETTINGS, records.L1: 0.3, records.DECAY: 0.0}
    layer = form(FAN_IN, FAN_OUT, dtype)
    absolutes = np.zeros(len(layer.tiles(1)))
    ours, _, _, _ = step_weights(form, dtype, "store", factors, settings, absolutes=absolutes)
    w, g = drawn(dtype).astype(float)
    found = np.empty((FAN_IN, FAN_OUT), dtype)
    layer.unpack(found, ours[1])
    factor = 1.0 if factors is None else FACTORS[3]
    np.testing.assert_allclose(found, g + 0.3 * factor * np.sign(w), rtol=0, atol=1e-6)
    assert found[3, 2] == dtype(g[3, 2])
    assert absolutes.sum() == pytest.approx(factor * abs(w).sum(), rel=1e-6)


def test_sum_in_the_loss():
    random = np.random.RandomState(0)
    X, t = random.normal(size=(9, 5)), random.normal(size=(9, 3))
    parameters = random_network([5, 4, 3], np.float64)
    plain, penalised = (gradient(X, t, parameters, rule=Rule(None, l1=l1))[0] for l1 in (0.0, 0.3))
    expected = 0.3 * sum(abs(w).sum() for w in parameters[0]) / len(X)
    assert penalised - plain == pytest.approx(expected, rel=1e-12)
