"""The transpose in registers, and sums whose order of additions is fixed."""

from itertools import pairwise

import numpy as np
import pytest
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.lanes import lanes_of, transpose_square
from fusednn.kernels.intrinsics.pointers import data
from fusednn.kernels.intrinsics.shapes import SHAPE
from fusednn.kernels.intrinsics.short_rows import (
    add_scaled,
    add_to_rows,
    fill_bins,
    fill_row,
    sum_rows,
)
from fusednn.kernels.intrinsics.sums import (
    dot_four,
    dot_one,
    row_products,
    row_squares,
    row_sum,
    sum_absolutes,
    sum_squares,
)
from oracles import reference_layers

both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def run_layout(dst, src, n):
    transpose_square(data(dst), dst.shape[1], data(src), src.shape[1])
    sums = sum_squares(data(src), n), sum_absolutes(data(src), n)
    return sums[0], sums[1], lanes_of(dst[0, 0])


run_layout = kernel(run_layout)


@both_dtypes
def test_layout(dtype):
    lanes = SHAPE.lanes(np.dtype(dtype).itemsize)
    random = np.random.RandomState(0)
    src = random.normal(size=(lanes, lanes + 3)).astype(dtype)
    dst = np.full((lanes, lanes + 5), np.nan, dtype)
    for vectors in (1, 2, lanes):
        total, absolute, counted = run_layout(dst, src, vectors * lanes)
        assert counted == lanes
        assert absolute == pytest.approx(
            abs(src.ravel()[: vectors * lanes].astype(float)).sum(), rel=1e-14
        )
        want = reference_layers.sum_squares(src.ravel()[: vectors * lanes])
        assert total == pytest.approx(want, rel=1e-14)
    np.testing.assert_array_equal(
        dst[:, :lanes], reference_layers.transpose_square(src[:, :lanes])
    )
    assert np.isnan(dst[:, lanes:]).all()


@kernel
def run_dots(out, x, w, n, start, rows):
    ldo, ldx = out.strides[0] // out.itemsize, x.strides[0] // x.itemsize
    if rows == 4:
        dot_four(data(out), ldo, data(x), ldx, data(w), n, start)
    else:
        dot_one(data(out), ldo, data(x), ldx, data(w), n, start)


@both_dtypes
def test_dots(dtype):
    lanes = SHAPE.lanes(np.dtype(dtype).itemsize)
    random = np.random.RandomState(1)
    for n in (*range(1, 2 * lanes + 2), 7 * lanes, 7 * lanes + 3):
        x = random.normal(size=(4, n + 1)).astype(dtype)
        w, start = random.normal(size=n + 1).astype(dtype), dtype(0.5)
        x[:, n] = w[n] = np.nan
        four, one = np.full((4, 3), np.nan, dtype), np.full((4, 3), np.nan, dtype)
        run_dots(four, x, w, n, start, 4)
        for row in range(4):
            run_dots(one[row:], x[row:], w, n, start, 1)
        assert four.tobytes() == one.tobytes()
        assert np.isnan(four[:, 1:]).all()
        products = x[:, :n].astype(np.longdouble) * w[:n]
        bound = (n + 1) * np.finfo(dtype).eps * (abs(products).sum(axis=1) + 0.5)
        assert (abs(four[:, 0] - (start + products.sum(axis=1))) <= bound).all()


@kernel
def run_row_sums(out, x, y, center, n):
    out[0] = row_sum(data(x), n)
    out[1] = row_squares(data(x), center, n)
    out[2] = row_products(data(x), data(y), n)


@both_dtypes
def test_row_sums(dtype):
    """Every number of elements up to nine vectors, NaN behind them to the end of the last."""
    lanes = SHAPE.lanes(np.dtype(dtype).itemsize)
    random = np.random.RandomState(2)
    x, y = random.normal(size=(2, 9 * lanes)).astype(dtype)
    center, out = dtype(0.25), np.empty(3, dtype)
    for n in range(1, 9 * lanes + 1):
        here, there = x.copy(), y.copy()
        here[n:] = there[n:] = np.nan
        run_row_sums(out, here, there, center, n)
        left, right = x[:n].astype(np.longdouble), y[:n].astype(np.longdouble)
        for got, terms in zip(out, (left, (left - 0.25) ** 2, left * right), strict=True):
            bound = (n + 2) * np.finfo(dtype).eps * abs(terms).sum()
            assert abs(got - terms.sum()) <= bound


def run_short(out, x, factor, n):
    add_scaled(data(out), data(x), factor, n)
    fill_row(data(x), factor, n)


run_short = kernel(run_short)


@both_dtypes
def test_short_rows(dtype):
    """Whole vectors; what is behind them stays."""
    lanes, random = SHAPE.lanes(np.dtype(dtype).itemsize), np.random.RandomState(0)
    for n in (0, lanes, 3 * lanes):
        out, x = random.normal(size=(2, n + 5)).astype(dtype)
        before, factor = out.copy(), dtype(0.3)
        expected = out[:n] + x[:n] * factor
        bound = np.finfo(dtype).eps * (abs(out[:n]) + abs(x[:n] * factor))  # the sums may cancel
        rest = x[n:].copy()
        run_short(out, x, factor, n)
        assert (abs(out[:n] - expected) <= bound).all()
        np.testing.assert_array_equal(x, np.append(np.full(n, factor), rest))
        np.testing.assert_array_equal(out[n:], before[n:])


def run_rows(out, b, w, x, rows, count, last, n):
    sum_rows(data(out), data(b), data(w), x, data(rows), rows.shape[1], count, last, n)
    add_to_rows(data(rows), data(b), rows.shape[1], count, last, n)


run_rows = kernel(run_rows)


@both_dtypes
@pytest.mark.parametrize("count", [0, 1, 4])
def test_rows_of_a_table(dtype, count):
    lanes, random = SHAPE.lanes(np.dtype(dtype).itemsize), np.random.RandomState(0)
    n, x, last = 2 * lanes, dtype(0.7), dtype(-0.3)
    rows, (out, b, w) = (random.normal(size=(k, n + 3)).astype(dtype) for k in (6, 3))
    before, tail, shares = rows.copy(), out[n:].copy(), np.zeros((6, 1))
    shares[:count], shares[count] = 1, last
    expected = b[:n] + x * w[:n] + (shares * rows[:, :n].astype(float)).sum(axis=0)
    run_rows(out, b, w, x, rows, count, last, n)
    tolerance = 16 * np.finfo(dtype).eps
    np.testing.assert_allclose(out[:n], expected, rtol=tolerance, atol=tolerance)
    np.testing.assert_array_equal(out[n:], tail)
    before[:, :n] += (shares * b[:n]).astype(dtype)
    np.testing.assert_allclose(rows, before, rtol=tolerance, atol=tolerance)


def run_bins(out, edges, x, n):
    fill_bins(data(out), data(edges), x, n)


run_bins = kernel(run_bins)


@both_dtypes
def test_filled_bins(dtype):
    """Exactly 1 below the number's bin and 0 above it, its fraction within it."""
    n, random = 2 * SHAPE.lanes(np.dtype(dtype).itemsize), np.random.RandomState(0)
    edges = np.sort(random.normal(size=n + 1)).astype(dtype)
    between = edges[:-1] + (edges[1:] - edges[:-1]) * random.uniform(size=n).astype(dtype)
    ends = np.array([edges[0] - 1, edges[-1] + 1, -np.inf, np.inf, np.finfo(dtype).max], dtype)
    for x in [*between, *edges, *np.nextafter(edges, dtype(-9)), *ends]:
        out = np.full(n + 3, 7, dtype)
        run_bins(out, edges, x, n)
        expected = [
            1 if x >= high else (x - low) / (high - low) if x >= low else 0
            for low, high in pairwise(edges)
        ]
        np.testing.assert_array_equal(out[:n], np.array(expected, dtype))
        np.testing.assert_array_equal(out[n:], 7)
