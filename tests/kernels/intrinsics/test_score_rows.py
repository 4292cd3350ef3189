"""The softmax of a row: against NumPy, and the bits of the columns of `scores`."""

import numpy as np
import pytest
from fusednn.kernels._jit import JIT, entry
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import data
from fusednn.kernels.intrinsics.score_rows import center_row, normalise_row
from fusednn.kernels.intrinsics.scores import center_columns, normalise_columns

BOTH = pytest.mark.parametrize("dtype", [np.float32, np.float64])
COUNTS = pytest.mark.parametrize("count", [1, 7, 16, 17, 64, 79, 130])


@entry
def centered(x, count):
    center_row(data(x), count)


@entry
def normalised(x, count):
    normalise_row(data(x), count)


@entry
def by_columns(x, width, rows):
    center_columns(data(x), width, rows, rows)


@entry
def normalised_columns(x, width, rows):
    normalise_columns(data(x), width, rows, rows)


@entry
def lanes(like):
    return lanes_of(like)


def row_of(dtype, count):
    """So many numbers in whole vectors, with NaN behind them."""
    width = int(lanes(dtype(0)))
    row = np.full(-(-count // width) * width, np.nan, dtype)
    row[:count] = np.random.RandomState(count).normal(size=count)
    return row


@BOTH
@COUNTS
def test_values(dtype, count):
    row = row_of(dtype, count)
    own = row[:count].astype(float)
    centered(row, count)
    tolerance = 20 * np.finfo(dtype).eps
    np.testing.assert_allclose(row[:count], own - own.max(), rtol=0, atol=tolerance)
    assert not row[count:].any()
    row = np.exp(row)
    normalised(row, count)
    e = np.exp(own - own.max())
    np.testing.assert_allclose(row[:count], e / e.sum(), rtol=0, atol=tolerance)
    assert not row[count:].any()


@BOTH
@COUNTS
def test_bits_are_those_of_a_column(dtype, count):
    row, width = row_of(dtype, count), int(lanes(dtype(0)))
    columns = np.repeat(row[:count, np.newaxis], width, axis=1).reshape(-1)
    centered(row, count)
    by_columns(columns, width, count)
    np.testing.assert_array_equal(row[:count], columns[::width])
    row, columns = np.exp(row), np.exp(columns)
    normalised(row, count)
    normalised_columns(columns, width, count)
    rounding = 0 if JIT else 4 * np.finfo(dtype).eps  # NumPy sums in another order
    np.testing.assert_allclose(row[:count], columns[::width], rtol=rounding)
