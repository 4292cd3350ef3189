"""Every optimizer of the table: one step by reference, many against scikit-learn's."""

import functools

import numpy as np
import pytest
from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.arrays import adam_step, sgd_step
from fusednn.kernels.intrinsics.pointers import data
from fusednn.kernels.optimizers import OPTIMIZERS
from oracles import reference
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

each_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)
# the first is that of the tests of one dtype: thinned grids compile few of the other
both_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32])
CONSTANTS = (0.9, 0.99, 1e-8)
"""Momentum, or Adam's two betas, and its epsilon."""
OF_OTHERS = {
    **dict.fromkeys(["sgd", "nesterov", "polyak", "polyak_nesterov"], (0.9,)),
    "rmsprop": (0.99, 1e-8),
    "adagrad": (1e-10,),
    "lion": (0.9, 0.99),
}
RATES = 0.05, 0.02, 0.3
"""Rate, second rate, and factor of epsilon."""


@functools.cache
def over_arrays(step):
    def run(w, g, s1, s2, s3, n, decay, settings, constants):
        return step(
            data(w), data(g), data(s1), data(s2), data(s3), n, decay, data(settings),
            data(constants),
        )  # fmt: skip

    return kernel(run)


def settings_of(rate, second=0.0, factor=1.0):
    settings = np.zeros(records.SETTINGS_WIDTH)
    settings[records.RATE], settings[records.EPSILON_FACTOR] = rate, factor
    settings[records.SECOND_RATE] = second
    return settings


def drawn(random, n, dtype):
    """Weights and states: the second moments, or squares, are positive."""
    w, s1, s2, s3 = random.normal(size=(4, n)).astype(dtype)
    return w, s1, abs(s2), abs(s3)


@pytest.mark.thinned
@each_optimizer
@both_dtypes
@pytest.mark.parametrize("n", [1, 2, 7, 16, 33])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_steps(name, dtype, n, decay):
    """Five steps, each judged from the state before it; what lies behind n stays."""
    random = np.random.RandomState(n)
    run, constants = over_arrays(OPTIMIZERS[name].step), OF_OTHERS.get(name, CONSTANTS)
    parts = drawn(random, n + 1, dtype)
    if name in ("rmsprop", "adagrad"):
        np.abs(parts[1], out=parts[1])
    for _ in range(5):
        g = random.normal(size=n + 1).astype(dtype)
        before = [part.copy() for part in parts]
        w, *states = parts
        assert run(
            w, g, *states, n, dtype(decay), settings_of(*RATES), np.array(constants)
        ) == 0  # fmt: skip
        whole = [part[:n].astype(float) for part in (before[0], g, *before[1:])]
        want = getattr(reference, name)(*whole, float(dtype(decay)), RATES, constants)
        for one, other, old in zip(parts, want, before, strict=True):
            np.testing.assert_allclose(one[:n], other, rtol=0, atol=32 * np.finfo(dtype).eps)
            assert one[n] == old[n]


@pytest.mark.thinned
@each_optimizer
@both_dtypes
def test_padding_stays_zero(name, dtype):
    """Zero weights of zero gradients, whatever the step; a NaN gradient reaches the weight."""
    w, g, s1, s2, s3 = np.zeros((5, 33), dtype)
    g[::2] = np.nan
    constants = np.array(OF_OTHERS.get(name, CONSTANTS))
    settings = settings_of(*RATES)
    over_arrays(OPTIMIZERS[name].step)(w, g, s1, s2, s3, 33, dtype(0.1), settings, constants)
    for part in (w, s1, s2, s3):
        np.testing.assert_array_equal(part[1::2], 0)
    reached = s1 if name in ("store", "accumulate") else w
    assert np.isnan(reached[::2]).all()


@each_optimizer
def test_number_of_states(name):
    """A step writes the states it says it keeps, and no other."""
    values = 1.0, 2.0, 0.5, 0.25, 0.125
    w, g, *states = (np.full(8, value) for value in values)
    constants = np.array(OF_OTHERS.get(name, CONSTANTS))
    run = over_arrays(OPTIMIZERS[name].step)
    run(w, g, *states, 8, 0.0, settings_of(*RATES), constants)
    written = [bool((s != value).any()) for s, value in zip(states, values[2:], strict=True)]
    assert written == [number < OPTIMIZERS[name].states for number in range(3)]


@both_dtypes
@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_against_scikit_learn(dtype, nesterov, momentum):
    random = np.random.RandomState(0)
    w = random.normal(size=(5, 7)).astype(dtype)
    velocity, theirs = np.zeros_like(w), w.astype(float)
    optimizer = SGDOptimizer([theirs], 0.05, momentum=momentum, nesterov=nesterov)
    for _ in range(20):
        g = random.normal(size=w.shape).astype(dtype)
        optimizer.update_params([theirs], [g.astype(float) + 0.01 * theirs])
        sgd_step(w, velocity, g, 0.05, momentum, 0.01, nesterov)
    np.testing.assert_allclose(w, theirs, rtol=0, atol=100 * np.finfo(dtype).eps)


@both_dtypes
def test_adam_against_scikit_learn(dtype):
    random = np.random.RandomState(1)
    w = random.normal(size=(5, 7)).astype(dtype)
    m, v, theirs = np.zeros_like(w), np.zeros_like(w), w.astype(float)
    optimizer = AdamOptimizer([theirs], 0.01, 0.9, 0.999, 1e-8)
    for t in range(1, 21):
        g = random.normal(size=w.shape).astype(dtype)
        optimizer.update_params([theirs], [g.astype(float) + 0.01 * theirs])
        rate = 0.01 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        adam_step(w, m, v, g, rate, 0.9, 0.999, 1e-8, 0.01)
    np.testing.assert_allclose(w, theirs, rtol=0, atol=100 * np.finfo(dtype).eps)


@both_dtypes
def test_array_kernels_have_the_bits_of_the_table(dtype):
    random = np.random.RandomState(2)
    w, g, s1 = (random.normal(size=33).astype(dtype) for _ in range(3))
    s2 = random.uniform(size=33).astype(dtype)
    constants = np.array(CONSTANTS)

    def table(name):
        parts = w.copy(), g, s1.copy(), s2.copy()
        over_arrays(OPTIMIZERS[name].step)(
            *parts, s2, 33, dtype(0.1), settings_of(0.05), constants
        )
        return parts[0], parts[2], parts[3]

    for name in ("sgd", "nesterov"):
        ours, velocity = w.copy(), s1.copy()
        sgd_step(ours, velocity, g, 0.05, CONSTANTS[0], 0.1, name == "nesterov")
        np.testing.assert_array_equal([ours, velocity], table(name)[:2])
    ours = w.copy(), s1.copy(), s2.copy()
    adam_step(*ours, g, 0.05, *CONSTANTS, 0.1)
    np.testing.assert_array_equal(ours, table("adam"))
