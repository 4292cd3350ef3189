"""Small ops on rows by plain NumPy."""

import numpy as np
import pytest
from fusednn.kernels.intrinsics.tiles import MICRO_ROWS
from fusednn.kernels.ops.pointwise import elementwise as ops
from running.blocks import ROUNDING, WIDTHS, Rows, assert_close, empty_like, row_of, run

both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
widths = pytest.mark.parametrize("width", WIDTHS)
blocks = pytest.mark.parametrize(
    ("block", "workers"), [(MICRO_ROWS, 1), (2 * MICRO_ROWS, 3), (9 * MICRO_ROWS, 1)]
)
BATCH = 2 * MICRO_ROWS + 3


def draw(width, dtype):
    random = np.random.RandomState(width)
    values = random.normal(size=(2, BATCH, width)).astype(dtype)
    return [Rows(one) for one in values], random.normal(size=(3, width)).astype(dtype)


def clear_padding(rows):
    rows.rows[:, rows.width : rows.padded] = 0


@both_dtypes
@widths
@blocks
def test_copy_and_add(width, dtype, block, workers):
    (x, other), _ = draw(width, dtype)
    clear_padding(x)
    copied = empty_like(x)
    words = {"out": copied.block, "x": x.block}
    run(dtype, BATCH, [(ops.copy_rows, words, None)], block, workers)
    np.testing.assert_array_equal(copied.values, x.values)
    copied.assert_padding_is_zero()
    clear_padding(other)
    want = x.values + other.values
    words = {"out": other.block, "other": x.block}
    run(dtype, BATCH, [(ops.add_rows, words, None)], block, workers)
    np.testing.assert_array_equal(other.values, want)
    other.assert_padding_is_zero()


@both_dtypes
@widths
@blocks
def test_scale(width, dtype, block, workers):
    (x, _), (mean, factor, _) = draw(width, dtype)
    out = empty_like(x)
    words = {"out": out.block, "x": x.block, "mean": row_of(mean), "factor": row_of(factor)}
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
    slope_row = row_of(slope)
    z, dout = x.values.copy(), d.values.copy()
    words = {"out": out.block, "x": x.block, "slope": slope_row}
    run(dtype, BATCH, [(ops.prelu_forward, words, None)], block, workers)
    np.testing.assert_array_equal(x.values, z)
    np.testing.assert_array_equal(out.values, np.where(z > 0, z, slope * z))
    words = {"dx": d.block, "products": x.block, "slope": slope_row}
    run(dtype, BATCH, [(ops.prelu_backward, words, None)], block, workers)
    np.testing.assert_array_equal(d.values, np.where(z > 0, dout, slope * dout))
    np.testing.assert_array_equal(x.values, dout * np.minimum(z, 0))
    for one in (out, x, d):
        one.assert_padding_is_zero()
