"""Every loss of the table and its output function: value, gradient, bounds, extremes."""

import functools

import numpy as np
import pytest
from cases.loss_arguments import BOUNDED, bounds, constants_of, logits, targets
from fusednn.kernels._jit import kernel
from fusednn.kernels.arrays import loss_gradient
from fusednn.kernels.intrinsics.pointers import data
from fusednn.kernels.losses import LOSSES
from oracles import reference

each_loss = pytest.mark.parametrize("name", LOSSES)
# the first is that of the tests of one dtype: thinned grids compile few of the other
both_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32])
CODED = [name for name, row in LOSSES.items() if row.code is not None]
SHAPES = [(1, 1), (1, 5), (2, 3), (9, 7), (33, 2), (3, 40)]
"""Rows, and columns of the targets, or classes."""
EXTREMES = {"poisson": 80.0, "gamma": 80.0}
"""Logits as large as a mean may be; 1e4 for the others."""
UNBOUNDED = (0.0, np.inf)
CONSTANTS = {
    "softmax_focal": [(0.0,), (0.5,), (5.0,)],
    "logistic_focal": [(0.0,), (0.5,), (5.0,)],
    "softmax_smoothed": [(0.0,), (0.9,)],
    "logistic_smoothed": [(0.0,), (0.9,)],
    "huber": [(0.3,), (50.0,)],
    "quantile": [(1.0, 0.1), (3.0, 0.05, 0.5, 0.9)],
    "gaussian": [(-1.0,)],
}
"""Others than those of the table."""
each_constants = pytest.mark.parametrize(
    ("name", "constants"),
    [
        *((name, row.constants) for name, row in LOSSES.items()),
        *((name, constants) for name, found in CONSTANTS.items() for constants in found),
    ],
)


@functools.cache
def over_arrays(function):
    def run(value, z, t, work, constants):
        C, R = z.shape
        return function(data(value), data(z), data(t), data(work), C, R, data(constants))

    return kernel(run)


def ours(name, z, t, constants):
    """Value and gradient of all rows as one block."""
    block, value = z.T.copy(), np.empty(len(z))
    work = np.empty(3 * len(z), z.dtype)
    function = over_arrays(LOSSES[name].function)
    assert function(value, block, np.ascontiguousarray(t.T), work, constants) == 0
    return value, block.T.copy()


def by_array_kernel(name, z, t, low, high):
    """The same from the public kernel, row by row."""
    value, dz = np.empty(len(z)), np.empty_like(z)
    work = np.empty(z.shape[1] + t.shape[1] + 5, z.dtype)
    loss_gradient(dz, value, z, t, work, low, high, LOSSES[name].code)
    return value, dz


def expected(name, z, t, constants):
    function = getattr(reference, LOSSES[name].function.__name__)
    return function(z.astype(float), t.astype(float), constants[:-1].astype(float))


def sizes(name, z, t, want, gradient, constants):
    """How large the terms are that values and gradients are sums of."""
    of_value, of_gradient = abs(want) + 1, abs(gradient) + 1
    if name in ("squared_error", "huber", "log_cosh", "absolute_error", "quantile", "logistic"):
        of_value = abs(want)
    if LOSSES[name].targets == "real" and name != "gaussian":
        k = z.shape[1] // t.shape[1]
        of_gradient = abs(gradient) + np.repeat(abs(t), k, axis=1)
    if name == "logistic":
        of_gradient = abs(gradient) + abs(t)
    if name == "poisson":
        entropy = t * abs(np.log(np.maximum(t, 1e-9)))
        of_value = (entropy + t * abs(z) + t + np.exp(z)).sum(axis=1)
        of_gradient = abs(gradient) + abs(t)
    elif name == "gamma":
        of_value = (abs(z) + abs(np.log(t)) + t * np.exp(-z) + 1).sum(axis=1)
    elif name == "gaussian":
        s = np.maximum(z[:, 1::2], constants[0])
        d = abs(z[:, ::2]) + abs(t)
        of_value = (abs(s) + (1 + abs(s)) * (1 + d) * d * np.exp(-s)).sum(axis=1)
        part = (1 + abs(s)) * (1 + d) * d * np.exp(-s) + 1
        of_gradient = np.repeat(part, 2, axis=1)
    elif "focal" in name:  # a power of a small number
        of_gradient = 1 + constants[0] * (1 + abs(want))[:, np.newaxis]
    return of_value, of_gradient


def check(name, z, t, constants):
    """Ours and the reference, within the rounding errors of the terms they are sums of."""
    value, dz = ours(name, z, t, constants)
    want, gradient = expected(name, z, t, constants)
    z, t = z.astype(float), t.astype(float)
    of_value, of_gradient = sizes(name, z, t, want, gradient, constants.astype(float))
    allowed = np.finfo(dz.dtype).eps * (6 + z.shape[1])
    assert np.all(abs(value - want) <= allowed * of_value)
    assert np.all(abs(dz - gradient) <= allowed * of_gradient)
    return value, dz


@pytest.mark.thinned
@each_constants
@both_dtypes
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_value_and_gradient(name, constants, dtype, shape):
    random = np.random.RandomState(sum(shape))
    z = logits(name, shape, dtype, random, 2, constants)
    t = targets(name, shape, dtype, random)
    check(name, z, t, constants_of(name, dtype, constants))
    if name in BOUNDED:
        check(name, z, t, np.array([*UNBOUNDED, 0], dtype))


@pytest.mark.thinned
@each_constants
@both_dtypes
def test_extreme_logits(name, constants, dtype):
    top = EXTREMES.get(name, 1e4)
    grid = [-top, -top / 2, -1.0, 0.0, 1.0, top / 2, top]
    z = np.array([[a, b, c] for a in grid for b in grid for c in (-top, 0.5, top)], dtype)
    outputs = LOSSES[name].outputs_of_target(constants)
    wide = np.hstack([np.roll(z, shift, axis=0) for shift in range(outputs)])
    for seed in range(3):
        t = targets(name, z.shape, dtype, np.random.RandomState(seed))
        value, dz = check(name, wide, t, constants_of(name, dtype, constants))
        assert np.isfinite(value).all()
        assert np.isfinite(dz).all()


@pytest.mark.thinned
@each_constants
@both_dtypes
def test_nan_is_seen(name, constants, dtype):
    """In the row's value and in the gradient at the logit, not in other rows."""
    random = np.random.RandomState(3)
    z = logits(name, (9, 3), dtype, random, 1, constants)
    t = targets(name, (9, 3), dtype, random)
    z[4, 1] = np.nan
    value, dz = ours(name, z, t, constants_of(name, dtype, constants))
    assert np.isnan(value[4])
    assert np.isnan(dz[4, 1])
    others = np.arange(9) != 4
    assert np.isfinite(value[others]).all()
    assert np.isfinite(dz[others]).all()


@pytest.mark.parametrize("name", BOUNDED)
def test_the_largest_logits(name):
    constants = constants_of(name, np.float64)
    z = np.array([[1e300, -1e300, 0.0], [-1e300, 1e300, 1e300], [1e300] * 3])
    t = np.zeros((3, 1 if name == "softmax" else 3))
    value, dz = ours(name, z, t, constants)
    want, gradient = expected(name, z, t, constants)
    np.testing.assert_allclose(value, want, rtol=1e-15)
    np.testing.assert_allclose(dz, gradient, rtol=1e-15)


@pytest.mark.parametrize("name", BOUNDED)
@both_dtypes
def test_the_value_is_bounded_and_the_gradient_is_not(name, dtype):
    low, high = bounds(dtype)
    z = np.array([[40.0, -40.0], [-40.0, 40.0]], dtype)
    t = np.array([[0], [0]] if name == "softmax" else [[1, 0], [1, 0]], dtype)
    value, dz = ours(name, z, t, constants_of(name, dtype))
    terms = 1 if name == "softmax" else 2
    np.testing.assert_array_equal(value, [terms * float(low), terms * float(high)])
    np.testing.assert_allclose(dz, [[0, 0], [-1, 1]], atol=1e-15)
    assert dz[0, 1] > 0


@each_constants
def test_gradient_is_that_of_central_differences(name, constants):
    random = np.random.RandomState(6)
    z = logits(name, (8, 5), np.float64, random, 1, constants)
    if name == "gaussian":  # below its least variance the gradient is not that of the value
        z[:, 1::2] = abs(z[:, 1::2])
    t, step = targets(name, (8, 5), np.float64, random), 1e-3
    read = np.array([*UNBOUNDED, 0]) if name in BOUNDED else constants_of(name, float, constants)
    _, dz = ours(name, z, t, read)
    for c in range(z.shape[1]):

        def at(shift, c=c):
            moved = z.copy()
            moved[:, c] += shift * step
            return ours(name, moved, t, read)[0]

        numeric = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step)
        if LOSSES[name].per_output:
            numeric *= z.shape[1]
        np.testing.assert_allclose(dz[:, c], numeric, rtol=1e-9, atol=1e-10)


@pytest.mark.thinned
@each_constants
@both_dtypes
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_block_has_the_bits_of_its_rows(name, constants, dtype, shape):
    random = np.random.RandomState(7)
    z = logits(name, shape, dtype, random, 3, constants)
    t = targets(name, shape, dtype, random)
    read = constants_of(name, dtype, constants)
    value, dz = ours(name, z, t, read)
    rows = [ours(name, z[r : r + 1], t[r : r + 1], read) for r in range(len(z))]
    np.testing.assert_array_equal(value, np.concatenate([one for one, _ in rows]))
    np.testing.assert_array_equal(dz, np.vstack([other for _, other in rows]))
    if name in CODED:
        low, high = read[0], read[1] if name in BOUNDED else read[0]
        for one, other in zip(by_array_kernel(name, z, t, low, high), (value, dz), strict=True):
            np.testing.assert_array_equal(one, other)


def test_new_losses_are_none_of_the_array_kernels():
    assert CODED == ["softmax", "logistic", "squared_error", "poisson"]
