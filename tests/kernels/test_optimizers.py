"""Every optimizer of the table: one step by reference, many against scikit-learn's."""

import functools

import numpy as np
import pytest
import reference
from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.arrays import adam_step, sgd_step
from fusednn.kernels.intrinsics.pointers import data
from fusednn.kernels.optimizers import OPTIMIZERS
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

each_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)
both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
CONSTANTS = (0.9, 0.99, 1e-8)
"""Momentum, or Adam's two betas, and its epsilon."""


@functools.cache
def over_arrays(step):
    def run(w, g, s1, s2, n, decay, settings, constants):
        return step(
            data(w), data(g), data(s1), data(s2), data(s2), n, decay, data(settings),
            data(constants),
        )  # fmt: skip

    return kernel(run)


def settings_of(rate):
    settings = np.zeros(records.SETTINGS_WIDTH)
    settings[records.RATE], settings[records.EPSILON_FACTOR] = rate, 1.0
    return settings


@each_optimizer
@both_dtypes
@pytest.mark.parametrize("n", [1, 2, 7, 16, 33])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_steps(name, dtype, n, decay):
    """Five steps, each judged from the state before it; what lies behind n stays."""
    random = np.random.RandomState(n)
    run = over_arrays(OPTIMIZERS[name].step)
    w, s1 = (random.normal(size=n + 1).astype(dtype) for _ in range(2))
    s2 = random.uniform(size=n + 1).astype(dtype)
    settings, constants = settings_of(0.05), np.array(CONSTANTS)
    for _ in range(5):
        g = random.normal(size=n + 1).astype(dtype)
        before = [part.copy() for part in (w, s1, s2)]
        assert run(w, g, s1, s2, n, dtype(decay), settings, constants) == 0
        parts = [part[:n].astype(float) for part in (before[0], g, *before[1:])]
        count = {"sgd": 1, "nesterov": 1}.get(name, len(CONSTANTS))
        want = getattr(reference, name)(*parts, float(dtype(decay)), 0.05, CONSTANTS[:count])
        for one, other, old in zip((w, s1, s2), want, before, strict=True):
            np.testing.assert_allclose(one[:n], other, rtol=0, atol=32 * np.finfo(dtype).eps)
            assert one[n] == old[n]


@each_optimizer
def test_number_of_states(name):
    """A step writes the states it says it keeps, and no other."""
    w, g, s1, s2 = (np.full(8, value) for value in (1.0, 2.0, 0.5, 0.25))
    over_arrays(OPTIMIZERS[name].step)(w, g, s1, s2, 8, 0.0, settings_of(0.1), np.array(CONSTANTS))
    written = int((s1 != 0.5).any()) + int((s2 != 0.25).any())
    assert written == OPTIMIZERS[name].states


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
        over_arrays(OPTIMIZERS[name].step)(*parts, 33, dtype(0.1), settings_of(0.05), constants)
        return parts[0], parts[2], parts[3]

    for name in ("sgd", "nesterov"):
        ours, velocity = w.copy(), s1.copy()
        sgd_step(ours, velocity, g, 0.05, CONSTANTS[0], 0.1, name == "nesterov")
        np.testing.assert_array_equal([ours, velocity], table(name)[:2])
    ours = w.copy(), s1.copy(), s2.copy()
    adam_step(*ours, g, 0.05, *CONSTANTS, 0.1)
    np.testing.assert_array_equal(ours, table("adam"))
