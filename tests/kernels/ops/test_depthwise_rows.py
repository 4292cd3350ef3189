"""Rows of depthwise products: any number of them, by tiles of every form."""

import numpy as np
import pytest
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import data
from fusednn.kernels.intrinsics.shapes import SHAPE
from fusednn.kernels.ops.products.depthwise import lane_rows


@kernel
def run_rows(c, to, x, at, w, of, width, b, ldi, runs, M, floor):
    lane_rows(
        data(c), c.shape[1], data(to), data(x), data(at), data(w), w.shape[1], data(of), width,
        data(b), ldi, data(runs), len(runs), M, floor,
    )  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("vectors", [1, SHAPE.vectors])
@pytest.mark.parametrize("M", range(1, 20))
@pytest.mark.parametrize("floor", [-np.inf, 0.0])
def test_rows(M, vectors, floor, dtype):
    width, taps = vectors * SHAPE.lanes(np.dtype(dtype).itemsize), 3
    random = np.random.RandomState(M)
    x, w = (random.normal(size=(5, width)).astype(dtype) for _ in "xw")
    bias, before = random.normal(size=width), random.normal(size=(M, width))
    at, of = random.randint(3, size=M) * width, random.permutation(5)[:taps]
    to, runs = random.permutation(M), random.randint(3, size=taps) * width
    places = (at[:, np.newaxis] + runs) // width
    sums = (x[places].astype(float) * w[of]).sum(axis=1)
    for start, ldi in ((bias, 0), (before, width)):
        c = before.astype(dtype)  # read in place where it is not overwritten
        given = c if ldi else start.astype(dtype)
        run_rows(
            c, to, x.reshape(-1), at, w, of, width, given.reshape(-1), ldi, runs, M, dtype(floor)
        )
        expected = np.empty((M, width))
        expected[to] = sums + (start[to] if ldi else start)
        bound = 1e-5 if dtype == np.float32 else 1e-13
        np.testing.assert_allclose(c, np.maximum(expected, floor), atol=bound, rtol=bound)
