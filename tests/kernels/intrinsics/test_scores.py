"""The softmax over rows of columns, and its derivative, against NumPy; bits that no row moves."""

import numpy as np
import pytest
from fusednn.kernels._jit import entry
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import data
from fusednn.kernels.intrinsics.scores import (
    center_columns,
    differentiate_softmax,
    normalise_columns,
)

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@entry
def centered(x, width, rows, first):
    center_columns(data(x), width, rows, first)


@entry
def normalised(x, width, rows, first):
    normalise_columns(data(x), width, rows, first)


@entry
def differentiated(d, p, width, rows):
    differentiate_softmax(data(d), data(p), width, rows)


@entry
def lanes(like):
    return lanes_of(like)


def seen_of(width, rows, first):
    return np.arange(rows)[:, np.newaxis] <= first + np.arange(width)


@DTYPES
@pytest.mark.parametrize("rows", [1, 5, 33])
@pytest.mark.parametrize("first", [0, 3, 100])
def test_values(dtype, rows, first):
    width, random = 2 * int(lanes(dtype(0))), np.random.RandomState(0)
    x = random.normal(size=(rows + 1, width)).astype(dtype)  # a row behind, which stays
    x[rows] = np.nan
    seen, own = seen_of(width, rows, first), x[:rows].astype(float)
    centered(x, width, rows, first)
    most = np.where(seen, own, -np.inf).max(axis=0)
    tolerance = 20 * np.finfo(dtype).eps
    np.testing.assert_allclose(x[:rows], np.where(seen, own - most, 0), rtol=0, atol=tolerance)
    p = np.exp(x)
    e = np.where(seen, np.exp(own - most), 0)
    normalised(p, width, rows, first)
    np.testing.assert_allclose(p[:rows], e / e.sum(axis=0), rtol=0, atol=tolerance)
    d = random.normal(size=(rows + 1, width)).astype(dtype)
    before, q = d[:rows].astype(float), p[:rows].astype(float)
    differentiated(d, p, width, rows)
    want = q * (before - (q * before).sum(axis=0))
    np.testing.assert_allclose(d[:rows], want, rtol=0, atol=tolerance)
    assert np.isnan(p[rows]).all()


@DTYPES
def test_rows_that_no_column_sees_change_no_bit(dtype):
    """A step alone, and the same with later steps behind it, whatever these hold."""
    width, random = int(lanes(dtype(0))), np.random.RandomState(0)
    long = random.normal(size=(40, width)).astype(dtype)
    for rows in (1, 7, width, 39):
        alone, among = long[:rows].copy(), long.copy()
        among[rows:] = 1e30
        seen = rows - 1  # of the first column
        for x, count in ((alone, rows), (among, 40)):
            centered(x, width, count, seen)
            x[:] = np.exp(x)
            normalised(x, width, count, seen)
        assert alone[:, 0].tobytes() == among[:rows, 0].tobytes()
        assert not among[rows:, 0].any()
