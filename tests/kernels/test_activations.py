"""Every activation of the table: by function as a plan calls it, and by code over arrays."""

import functools

import numpy as np
import pytest
from fusednn.kernels._jit import kernel
from fusednn.kernels.activations import ACTIVATIONS
from fusednn.kernels.arrays import activation_backward, activation_forward
from fusednn.kernels.intrinsics.pointers import data
from oracles import reference
from sklearn.neural_network import _base as theirs


def constants_of(row, dtype):
    """What its function reads; never empty."""
    return np.array([*row.constants, 0.0], dtype)


each_activation = pytest.mark.parametrize("name", ACTIVATIONS)
each_code = pytest.mark.parametrize(
    "name", [name for name, row in ACTIVATIONS.items() if row.code is not None]
)
each_with_slopes = pytest.mark.parametrize(
    "name", [name for name, row in ACTIVATIONS.items() if row.slopes is not None]
)
both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
ULPS = 6
"""Four of the elementary function, and the roundings around it."""


def inputs(dtype, count=501):
    random = np.random.RandomState(0)
    edges = [0.0, -0.0, 1e-30, -1e-30, 1.0, -1.0, 30.0, -30.0, 1e4, -1e4]
    edges += [1e300, -1e300] if dtype is np.float64 else []
    return np.concatenate([edges, random.normal(scale=4, size=count)]).astype(dtype)


def assert_close(ours, expected, size=0.0):
    """Within some units in the last place of the result, or of the terms it is made of."""
    info = np.finfo(ours.dtype)
    allowed = ULPS * (info.eps * np.maximum(abs(expected), size) + info.smallest_subnormal)
    assert np.all(abs(ours.astype(float) - expected) <= allowed)


@pytest.mark.thinned
@each_code
@both_dtypes
def test_forward_and_backward(name, dtype):
    code = ACTIVATIONS[name].code
    z = inputs(dtype)
    out = z.copy()
    activation_forward(out, code)
    assert_close(out, getattr(reference, f"{name}_forward")(z.astype(float)))
    dout = np.linspace(-3, 3, len(z)).astype(dtype)
    dz = dout.copy()
    activation_backward(dz, out, code)
    expected = getattr(reference, f"{name}_backward")(dout.astype(float), out.astype(float))
    assert_close(dz, expected, size=abs(dout))


@pytest.mark.thinned
@each_code
@both_dtypes
@pytest.mark.parametrize("shape", [(1,), (3, 7), (2, 3, 5)])
def test_any_shape_and_read_only_outputs(name, dtype, shape):
    code = ACTIVATIONS[name].code
    z = np.random.RandomState(1).normal(size=shape).astype(dtype)
    flat, whole = z.ravel().copy(), z.copy()
    activation_forward(flat, code)
    activation_forward(whole, code)
    np.testing.assert_array_equal(whole.ravel(), flat)
    dz = np.ones(shape, dtype)
    whole.flags.writeable = False
    activation_backward(dz, whole, code)
    expected = getattr(reference, f"{name}_backward")(np.ones(shape), whole.astype(float))
    assert_close(dz, expected, size=1.0)


@functools.cache
def over_array(function):
    def run(out, constants):
        return function(data(out), out.size - 1, data(constants))

    return kernel(run)


@functools.cache
def over_arrays(function):
    def run(one, other, constants):
        return function(data(one), data(other), one.size - 1, data(constants))

    return kernel(run)


def run_forward(row, z):
    """The activation of all but the last element, as predictions take it."""
    out = z.copy()
    if row.forward is None:  # the micro-kernel does it
        out[:-1] = np.maximum(z[:-1], z.dtype.type(row.floor))
        return out
    assert over_array(row.forward)(out, constants_of(row, z.dtype)) == 0
    return out


def run_slopes(row, z):
    """Output and slopes, as training takes them."""
    out, slopes = z.copy(), np.full_like(z, 7)
    assert over_arrays(row.slopes)(out, slopes, constants_of(row, z.dtype)) == 0
    return out, slopes


def run_backward(row, dout, z):
    """dout with the derivative at z, all but the last element."""
    dz = dout.copy()
    if row.backward is None:
        return dz
    out = run_forward(row, z) if row.slopes is None else run_slopes(row, z)[1]
    assert over_arrays(row.backward)(dz, out, constants_of(row, z.dtype)) == 0
    return dz


def slope_reference(name, z):
    """The derivative at z in float64."""
    if ACTIVATIONS[name].slopes is not None:
        return getattr(reference, f"{name}_slopes")(z)
    out = getattr(reference, f"{name}_forward")(z)
    return getattr(reference, f"{name}_backward")(np.ones_like(z), out)


@pytest.mark.thinned
@each_activation
@both_dtypes
def test_forward(name, dtype):
    z = inputs(dtype)
    out = run_forward(ACTIVATIONS[name], z)
    assert out[-1] == z[-1]
    expected = getattr(reference, f"{name}_forward")(z.astype(float))
    assert_close(out[:-1], expected[:-1], size=np.minimum(abs(z[:-1]), 1))


@pytest.mark.thinned
@each_activation
@both_dtypes
def test_backward(name, dtype):
    z = inputs(dtype)
    dout = np.linspace(-3, 3, len(z)).astype(dtype)
    dz = run_backward(ACTIVATIONS[name], dout, z)
    assert dz[-1] == dout[-1]
    expected = dout.astype(float) * slope_reference(name, z.astype(float))
    assert_close(dz[:-1], expected[:-1], size=2 * abs(dout[:-1]))


@pytest.mark.thinned
@each_with_slopes
@both_dtypes
def test_slopes(name, dtype):
    """Training and predictions have the same outputs; each fills as much as it is told."""
    row, z = ACTIVATIONS[name], inputs(dtype)
    out, slopes = run_slopes(row, z)
    assert (out[-1], slopes[-1]) == (z[-1], 7)
    np.testing.assert_array_equal(out, run_forward(row, z))
    np.testing.assert_array_equal(np.signbit(out), np.signbit(run_forward(row, z)))
    assert_close(slopes[:-1], slope_reference(name, z.astype(float))[:-1], size=2.0)


LIMITS = {  # of out / z and of the slope, far to the left and to the right
    "identity": (1.0, 1.0),
    "relu": (0.0, 1.0),
    "tanh": (0.0, 0.0),
    "logistic": (0.0, 0.0),
    "leaky_relu": (0.01, 1.0),
    "elu": (0.0, 1.0),
    "selu": (0.0, reference.SELU[0]),
}


@pytest.mark.thinned
@each_activation
@both_dtypes
def test_far_out(name, dtype):
    """Finite, with the slopes of the asymptotes."""
    sizes = (1e4, 1e30) if dtype is np.float32 else (1e4, 1e300)
    row = ACTIVATIONS[name]
    z = np.array([sign * size for size in sizes for sign in (-1, 1)] + [0.0], dtype)
    out, dz = run_forward(row, z)[:-1], run_backward(row, np.ones_like(z), z)[:-1]
    limits = np.tile(LIMITS.get(name, (0.0, 1.0)), 2)
    np.testing.assert_allclose(dz, limits, rtol=1e-6, atol=0)
    np.testing.assert_allclose(out / z[:-1], limits, rtol=1e-6, atol=2e-4)


@pytest.mark.thinned
@each_activation
@both_dtypes
def test_small_results_keep_their_digits(name, dtype):
    """Where the activation dies out to the left, it does so with a small relative error."""
    z = np.linspace(-8, -4, 101).astype(dtype)
    out = run_forward(ACTIVATIONS[name], z)[:-1]
    expected = getattr(reference, f"{name}_forward")(z[:-1].astype(float))
    np.testing.assert_allclose(out, expected, rtol=256 * np.finfo(dtype).eps, atol=0)


@pytest.mark.thinned
@each_code
@both_dtypes
def test_functions_of_the_table(name, dtype):
    """What plans call gives the bits of the array kernels."""
    row = ACTIVATIONS[name]
    z = inputs(dtype)
    by_code = z.copy()
    activation_forward(by_code, row.code)
    np.testing.assert_array_equal(run_forward(row, z)[:-1], by_code[:-1])
    d_code = np.full_like(z, 2)
    activation_backward(d_code, by_code, row.code)
    np.testing.assert_array_equal(run_backward(row, np.full_like(z, 2), z)[:-1], d_code[:-1])


@pytest.mark.thinned
@each_activation
@both_dtypes
def test_nan_stays_visible(name, dtype):
    z = np.array([np.nan, 1.0, np.nan, 1.0], dtype)
    row = ACTIVATIONS[name]
    np.testing.assert_array_equal(np.isnan(run_forward(row, z)), np.isnan(z))
    if row.slopes is not None:
        out, slopes = run_slopes(row, z)
        np.testing.assert_array_equal(np.isnan(out), np.isnan(z))
        np.testing.assert_array_equal(np.isnan(slopes), np.isnan(z))


@pytest.mark.thinned
@each_code
@both_dtypes
def test_nan_stays_visible_by_code(name, dtype):
    out = np.array([np.nan, 1.0, np.nan], dtype)
    activation_forward(out, ACTIVATIONS[name].code)
    np.testing.assert_array_equal(np.isnan(out), [True, False, True])


@each_activation
def test_derivative_is_that_of_central_differences(name):
    row, step = ACTIVATIONS[name], 1e-3
    z = np.random.RandomState(2).uniform(0.05, 5, 201) * np.resize([1, -1], 201)
    z = z[abs(abs(z) - 3) > 3 * step]  # hard_swish has its kinks there

    def at(shift):
        return run_forward(row, z + shift * step)[:-1]

    numeric = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step)
    dz = run_backward(row, np.ones_like(z), z)[:-1]
    np.testing.assert_allclose(dz, numeric, rtol=0, atol=1e-11)


@pytest.mark.thinned
@each_code
@both_dtypes
def test_against_scikit_learn(name, dtype):
    z = np.random.RandomState(3).normal(scale=3, size=(9, 11)).astype(dtype)
    out, expected = z.copy(), z.copy()
    activation_forward(out, ACTIVATIONS[name].code)
    theirs.ACTIVATIONS[name](expected)
    assert_close(out, expected.astype(float))
    dz, delta = np.full_like(z, 0.5), np.full_like(z, 0.5)
    activation_backward(dz, out, ACTIVATIONS[name].code)
    theirs.DERIVATIVES[name](expected, delta)
    assert_close(dz, delta.astype(float), size=1.0)
