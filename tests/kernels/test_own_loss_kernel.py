"""The kernel around a user's function: the sum over outputs, and the type of the elements."""

import functools

import numba
import numpy as np
import pytest
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import data
from fusednn.kernels.own_loss import own_loss


@numba.njit
def squares(z, t):
    return 0.5 * (z - t) ** 2, z - t


@functools.cache
def over_arrays(function):
    def run(value, z, t):
        C, R = z.shape
        return function(data(value), data(z), data(t), data(z), C, R, data(z))

    return kernel(run)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_value_and_gradient(dtype):
    random = np.random.RandomState(0)
    z, t = random.normal(size=(2, 3, 40)).astype(dtype)
    value, gradient = np.empty(40), z - t
    assert over_arrays(own_loss(squares).function)(value, z, t) == 0
    np.testing.assert_array_equal(z, gradient)
    np.testing.assert_allclose(value, (gradient.astype(float) ** 2).sum(axis=0) / 2, rtol=1e-6)


def test_one_row_for_one_function():
    assert own_loss(squares) is own_loss(squares)
    assert own_loss(squares).outputs_of_target() == 1
