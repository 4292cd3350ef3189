"""Mixup's rows and losses, by plain NumPy."""

import numpy as np
import pytest
from fusednn.kernels import records
from fusednn.kernels.ops.pointwise import mix
from running.blocks import block_of
from running.one_op import run_op

from fusednn.plan.memory.buffers import padded

each_share = pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@both_dtypes
@each_share
@pytest.mark.parametrize(("stride", "width"), [(16, 16), (64, 33), (40, 17), (19, 1)])
def test_rows(dtype, share, stride, width):
    """Only the rows of the task and the columns, in whole vectors, are written."""
    out, other = np.random.RandomState(width).normal(size=(2, 9, stride)).astype(dtype)
    expected, kept, last = out.astype(float), other.copy(), padded(width, dtype)
    expected[2:8, :last] = share * expected[2:8, :last] + (1 - share) * other[2:8, :last]
    operands = {"out": block_of(out, width), "other": block_of(other, width)}
    run_op(mix.mix_rows, operands, [(2, 5), (5, 8)], dtype, {records.MIX: share})
    np.testing.assert_allclose(out, expected, rtol=0, atol=8 * np.finfo(dtype).eps)
    outside = np.ones(out.shape, bool)
    outside[2:8, :last] = share == 1
    np.testing.assert_array_equal(out[outside], expected.astype(dtype)[outside])
    np.testing.assert_array_equal(other, kept)


@both_dtypes
@each_share
def test_values(dtype, share):
    """In float64, whatever the network's type."""
    values, other = np.random.RandomState(0).normal(size=(2, 21))
    expected = values.copy()
    expected[3:20] = share * values[3:20] + (1 - share) * other[3:20]
    operands = {"out": values, "other": other}
    run_op(mix.mix_values, operands, [(3, 4), (4, 20)], dtype, {records.MIX: share})
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(values[[0, 1, 2, 20]], expected[[0, 1, 2, 20]])
