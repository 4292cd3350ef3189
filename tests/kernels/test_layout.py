"""The transpose in registers, and sums whose order of additions is fixed."""

import numpy as np
import pytest
import reference
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics import layout
from fusednn.kernels.intrinsics.pointers import data
from fusednn.kernels.intrinsics.shapes import SHAPE

both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def run_layout(dst, src, n):
    layout.transpose_square(data(dst), dst.shape[1], data(src), src.shape[1])
    return layout.sum_squares(data(src), n), layout.lanes_of(dst[0, 0])


run_layout = kernel(run_layout)


@both_dtypes
def test_layout(dtype):
    lanes = SHAPE.lanes(np.dtype(dtype).itemsize)
    random = np.random.RandomState(0)
    src = random.normal(size=(lanes, lanes + 3)).astype(dtype)
    dst = np.full((lanes, lanes + 5), np.nan, dtype)
    for vectors in (1, 2, lanes):
        total, counted = run_layout(dst, src, vectors * lanes)
        assert counted == lanes
        want = reference.sum_squares(src.ravel()[: vectors * lanes])
        assert total == pytest.approx(want, rel=1e-14)
    np.testing.assert_array_equal(dst[:, :lanes], reference.transpose_square(src[:, :lanes]))
    assert np.isnan(dst[:, lanes:]).all()


@kernel
def run_dot(x, w, n):
    return layout.dot(data(x), data(w), n)


@both_dtypes
def test_dot(dtype):
    lanes = SHAPE.lanes(np.dtype(dtype).itemsize)
    random = np.random.RandomState(1)
    for n in (*range(1, 2 * lanes + 2), 7 * lanes, 7 * lanes + 3):
        x, w = (np.append(random.normal(size=n), np.nan).astype(dtype) for _ in range(2))
        got = run_dot(x, w, n)
        products = x[:n].astype(np.longdouble) * w[:n]
        assert type(got) in (dtype, float)
        assert abs(got - products.sum()) <= n * np.finfo(dtype).eps * abs(products).sum()
