"""Every activation of the table: by code over arrays, and by function as a plan calls it."""

import functools

import numpy as np
import pytest
import reference
from fusednn.kernels._jit import kernel
from fusednn.kernels.activations import ACTIVATIONS
from fusednn.kernels.arrays import activation_backward, activation_forward
from fusednn.kernels.intrinsics.pointers import data
from sklearn.neural_network import _base as theirs

each_activation = pytest.mark.parametrize("name", ACTIVATIONS)
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


@each_activation
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


@each_activation
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
    def run(out):
        return function(data(out), out.size - 1, data(out))

    return kernel(run)


@functools.cache
def over_arrays(function):
    def run(dout, out):
        return function(data(dout), data(out), out.size - 1, data(out))

    return kernel(run)


@each_activation
@both_dtypes
def test_functions_of_the_table(name, dtype):
    """What plans call gives the bits of the array kernels, and stops at the last element."""
    row = ACTIVATIONS[name]
    z = inputs(dtype)
    by_code, by_function = z.copy(), z.copy()
    activation_forward(by_code, row.code)
    if row.forward is not None:
        assert over_array(row.forward)(by_function) == 0
        assert by_function[-1] == z[-1]
    else:  # the micro-kernel does it
        by_function = np.maximum(z, dtype(row.floor))
    np.testing.assert_array_equal(by_function[:-1], by_code[:-1])
    d_code, d_function = np.full_like(z, 2), np.full_like(z, 2)
    activation_backward(d_code, by_code, row.code)
    if row.backward is not None:
        assert over_arrays(row.backward)(d_function, by_code) == 0
        assert d_function[-1] == 2
    np.testing.assert_array_equal(d_function[:-1], d_code[:-1])


@each_activation
@both_dtypes
def test_nan_stays_visible(name, dtype):
    out = np.array([np.nan, 1.0, np.nan], dtype)
    activation_forward(out, ACTIVATIONS[name].code)
    np.testing.assert_array_equal(np.isnan(out), [True, False, True])


@each_activation
def test_derivative_is_that_of_central_differences(name):
    code, step = ACTIVATIONS[name].code, 1e-3
    z = np.random.RandomState(2).uniform(0.05, 5, 200) * np.tile([1, -1], 100)

    def at(shift):
        out = z + shift * step
        activation_forward(out, code)
        return out

    numeric = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step)
    dz = np.ones_like(z)
    activation_backward(dz, at(0), code)
    np.testing.assert_allclose(dz, numeric, rtol=0, atol=1e-11)


@each_activation
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
