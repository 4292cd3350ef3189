"""Small ops on rows by plain NumPy."""

import numpy as np
import pytest
from blocks import ROUNDING, WIDTHS, Block, assert_close, empty_like, row_of, run
from fusednn.kernels.intrinsics.tiles import ROWS
from fusednn.kernels.ops import rows as ops

both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
widths = pytest.mark.parametrize("width", WIDTHS)
blocks = pytest.mark.parametrize(("block", "workers"), [(ROWS, 1), (2 * ROWS, 3), (9 * ROWS, 1)])
BATCH = 2 * ROWS + 3


def draw(width, dtype):
    random = np.random.RandomState(width)
    values = random.normal(size=(2, BATCH, width)).astype(dtype)
    return [Block(one) for one in values], random.normal(size=(3, width)).astype(dtype)


def operands(x, out):
    return {
        ops.X: x.memory,
        ops.STRIDE: x.stride,
        ops.OUT: out.memory,
        ops.OUT_STRIDE: out.stride,
        ops.WIDTH: x.width,
        ops.PADDED: x.padded,
    }


def clear_padding(block):
    block.rows[:, block.width : block.padded] = 0


@both_dtypes
@widths
@blocks
def test_copy_and_add(width, dtype, block, workers):
    (x, other), _ = draw(width, dtype)
    clear_padding(x)
    copied = empty_like(x)
    run(dtype, BATCH, [(ops.copy_rows, operands(x, copied), None)], block, workers)
    np.testing.assert_array_equal(copied.values, x.values)
    copied.assert_padding_is_zero()
    clear_padding(other)
    want = x.values + other.values
    run(dtype, BATCH, [(ops.add_rows, operands(x, other), None)], block, workers)
    np.testing.assert_array_equal(other.values, want)
    other.assert_padding_is_zero()


@both_dtypes
@widths
@blocks
def test_scale(width, dtype, block, workers):
    (x, _), (mean, factor, _) = draw(width, dtype)
    out = empty_like(x)
    words = operands(x, out) | {ops.MEAN: row_of(mean), ops.FACTOR: row_of(factor)}
    run(dtype, BATCH, [(ops.scale_rows, words, None)], block, workers)
    want = (x.values.astype(float) - mean) * factor
    assert_close(out.values, want, ROUNDING[dtype])
    out.assert_padding_is_zero()


@both_dtypes
@widths
@blocks
def test_prelu(width, dtype, block, workers):
    (x, d), (slope, *_) = draw(width, dtype)
    x.values[1], x.values[2] = 0, np.nan
    out = empty_like(x)
    words = operands(x, out) | {
        ops.SLOPE: row_of(slope),
        ops.D: d.memory,
        ops.D_STRIDE: d.stride,
    }
    z, dout = x.values.copy(), d.values.copy()
    run(dtype, BATCH, [(ops.prelu_forward, words, None)], block, workers)
    np.testing.assert_array_equal(x.values, z)
    np.testing.assert_array_equal(out.values, np.where(z > 0, z, slope * z))
    run(dtype, BATCH, [(ops.prelu_backward, words, None)], block, workers)
    np.testing.assert_array_equal(d.values, np.where(z > 0, dout, slope * dout))
    np.testing.assert_array_equal(x.values, dout * np.minimum(z, 0))
    for one in (out, x, d):
        one.assert_padding_is_zero()
