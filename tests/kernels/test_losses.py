"""Every loss of the table and its output function: value, gradient, bounds, extremes."""

import functools

import numpy as np
import pytest
import reference
from fusednn.kernels._jit import kernel
from fusednn.kernels.arrays import loss_gradient
from fusednn.kernels.intrinsics.pointers import data
from fusednn.kernels.losses import LOSSES
from sklearn.neural_network import _base as theirs

each_loss = pytest.mark.parametrize("name", LOSSES)
both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
SHAPES = [(1, 1), (1, 5), (2, 3), (9, 7), (33, 2), (3, 40)]
EXTREMES = {"poisson": 80.0}
"""Logits as large as a mean may be; 1e4 for the others."""

THEIRS = {
    "softmax": theirs.log_loss,
    "logistic": theirs.binary_log_loss,
    "squared_error": theirs.squared_loss,
    "poisson": theirs.poisson_loss,
}
OUTPUT_FUNCTIONS = {
    "softmax": "softmax",
    "logistic": "logistic",
    "squared_error": "identity",
    "poisson": "exp",
}


def bounds(dtype):
    """What clipping a probability to [eps, 1 - eps] does to its negative logarithm."""
    epsilon = float(np.finfo(dtype).eps)
    return dtype(-np.log1p(-epsilon)), dtype(-np.log(epsilon))


def targets(name, shape, dtype, random):
    """Targets that include both ends of what the loss takes."""
    if LOSSES[name].class_targets:
        return random.randint(shape[1], size=(shape[0], 1)).astype(dtype)
    t = random.choice([0.0, 1.0, 0.25, 0.75], size=shape)
    return (t if name == "logistic" else t * 6).astype(dtype)


def ours(name, z, t, low, high):
    value, dz = np.empty(len(z)), np.empty_like(z)
    work = np.empty(z.shape[1] + t.shape[1] + 3, z.dtype)
    loss_gradient(dz, value, z, t, work, low, high, LOSSES[name].code)
    return value, dz


def expected(name, z, t, low, high):
    function = getattr(reference, LOSSES[name].function.__name__)
    return function(z.astype(float), t.astype(float), float(low), float(high))


def check(name, z, t, low, high):
    """Ours and the reference, within the rounding errors of the terms they are sums of."""
    value, dz = ours(name, z, t, low, high)
    want, gradient = expected(name, z, t, low, high)
    z, t = z.astype(float), t.astype(float)
    size, terms = abs(t), abs(want)
    if name == "softmax":
        size, terms = 1.0, terms + 1
    elif name == "poisson":
        terms = (t * abs(np.log(np.maximum(t, 1e-9))) + t * abs(z) + t + np.exp(z)).sum(axis=1)
    allowed = np.finfo(dz.dtype).eps * (6 + z.shape[1])
    assert np.all(abs(value - want) <= allowed * terms)
    assert np.all(abs(dz - gradient) <= allowed * (abs(gradient) + size))
    return value, dz


@each_loss
@both_dtypes
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("bounded", [False, True])
def test_value_and_gradient(name, dtype, shape, bounded):
    random = np.random.RandomState(sum(shape))
    z = random.normal(scale=2, size=shape).astype(dtype)
    low, high = bounds(dtype) if bounded else (dtype(0), dtype(np.inf))
    check(name, z, targets(name, shape, dtype, random), low, high)


@each_loss
@both_dtypes
def test_extreme_logits(name, dtype):
    top = EXTREMES.get(name, 1e4)
    grid = [-top, -top / 2, -1.0, 0.0, 1.0, top / 2, top]
    z = np.array([[a, b, c] for a in grid for b in grid for c in (-top, 0.5, top)], dtype)
    for seed in range(3):
        t = targets(name, z.shape, dtype, np.random.RandomState(seed))
        value, dz = check(name, z, t, *bounds(dtype))
        assert np.isfinite(value).all()
        assert np.isfinite(dz).all()


@pytest.mark.parametrize("name", ["softmax", "logistic"])
def test_the_largest_logits(name):
    low, high = bounds(np.float64)
    z = np.array([[1e300, -1e300, 0.0], [-1e300, 1e300, 1e300], [1e300] * 3])
    t = np.zeros((3, 1 if name == "softmax" else 3))
    value, dz = ours(name, z, t, low, high)
    want, gradient = expected(name, z, t, low, high)
    np.testing.assert_allclose(value, want, rtol=1e-15)
    np.testing.assert_allclose(dz, gradient, rtol=1e-15)


@pytest.mark.parametrize("name", ["softmax", "logistic"])
@both_dtypes
def test_the_value_is_bounded_and_the_gradient_is_not(name, dtype):
    low, high = bounds(dtype)
    z = np.array([[40.0, -40.0], [-40.0, 40.0]], dtype)
    t = np.array([[0], [0]] if name == "softmax" else [[1, 0], [1, 0]], dtype)
    value, dz = ours(name, z, t, low, high)
    terms = 1 if name == "softmax" else 2
    np.testing.assert_array_equal(value, [terms * float(low), terms * float(high)])
    np.testing.assert_allclose(dz, [[0, 0], [-1, 1]], atol=1e-15)
    assert dz[0, 1] > 0


@each_loss
@both_dtypes
def test_against_scikit_learn(name, dtype):
    random = np.random.RandomState(5)
    z = random.normal(scale=3, size=(57, 4)).astype(dtype)
    z[0], z[1] = 50, -50
    z[:2, 0] = 0
    t = targets(name, z.shape, dtype, random)
    value, dz = ours(name, z, t, *bounds(dtype))
    outputs = z.copy()
    theirs.ACTIVATIONS[OUTPUT_FUNCTIONS[name]](outputs)
    one_hot = np.eye(4, dtype=dtype)[t[:, 0].astype(int)] if name == "softmax" else t
    epsilon = float(np.finfo(dtype).eps)
    for rows in (slice(2), slice(2, None)):
        want = THEIRS[name](one_hot[rows], outputs[rows])
        # Their 1 - p has lost what rounding p lost, unless it is bounded anyway.
        lost = (1 / (1 - outputs[2:])).max() if name == "logistic" else 0.0
        assert value[rows].mean() == pytest.approx(float(want), rel=epsilon * (40 + float(lost)))
    size = max(1.0, float(abs(outputs).max()))
    np.testing.assert_allclose(dz, outputs - one_hot, rtol=40 * epsilon, atol=10 * epsilon * size)


@each_loss
def test_gradient_is_that_of_central_differences(name):
    random = np.random.RandomState(6)
    z = random.normal(size=(8, 5))
    t, step = targets(name, z.shape, np.float64, random), 1e-3
    _, dz = ours(name, z, t, 0.0, np.inf)
    for c in range(z.shape[1]):

        def at(shift, c=c):
            moved = z.copy()
            moved[:, c] += shift * step
            return ours(name, moved, t, 0.0, np.inf)[0]

        numeric = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step)
        if LOSSES[name].per_output:
            numeric *= z.shape[1]
        np.testing.assert_allclose(dz[:, c], numeric, rtol=1e-9, atol=1e-10)


@functools.cache
def over_arrays(function):
    def run(value, z, t, work, low, high):
        C, R = z.shape
        return function(data(value), data(z), data(t), data(work), C, R, low, high)

    return kernel(run)


@functools.cache
def link_over_arrays(function):
    def run(z, work):
        C, R = z.shape
        return function(data(z), data(work), C, R)

    return kernel(run)


@each_loss
@both_dtypes
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_block_has_the_bits_of_its_rows(name, dtype, shape):
    random = np.random.RandomState(7)
    rows = random.normal(scale=3, size=shape).astype(dtype)
    t = targets(name, shape, dtype, random)
    low, high = bounds(dtype)
    want, gradient = ours(name, rows, t, low, high)
    z, work, value = rows.T.copy(), np.empty(3 * len(rows), dtype), np.empty(len(rows))
    function = over_arrays(LOSSES[name].function)
    assert function(value, z, np.ascontiguousarray(t.T), work, low, high) == 0
    np.testing.assert_array_equal(value, want)
    np.testing.assert_array_equal(z.T, gradient)


@each_loss
@both_dtypes
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_output_function(name, dtype, shape):
    link = LOSSES[name].link
    if link is None:  # the outputs are the logits
        assert name == "squared_error"
        return
    top = EXTREMES.get(name, 1e4)
    rows = np.random.RandomState(8).normal(scale=3, size=shape).astype(dtype)
    rows[0] = top
    rows[-1, 0] = -top
    z, work = rows.T.copy(), np.empty(3 * len(rows), dtype)
    assert link_over_arrays(link)(z, work) == 0
    want = getattr(reference, link.__name__)(rows.astype(float))
    ulps = np.finfo(dtype).eps * (6 + abs(rows.astype(float)).max(axis=1, keepdims=True) / 2)
    smallest = np.finfo(dtype).smallest_subnormal
    assert np.all(abs(z.T - want) <= ulps * want + 2 * smallest)
