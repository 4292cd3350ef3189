"""Where parameters lie: packing and unpacking lose nothing, padding stays zero."""

from itertools import pairwise, product

import numpy as np
import pytest
from cases.dense_networks import dense_network
from fusednn.kernels.intrinsics.shapes import SHAPE
from running.sessions import in_order

from fusednn.plan.layout.choosing import forms_of
from fusednn.plan.layout.parameters import ParameterLayout
from fusednn.plan.memory.buffers import ALIGNMENT, aligned_zeros, leading_dimension, padded
from fusednn.plan.updating.batches import row_blocks

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
SIZES = [
    (1, 1),
    (1, 1, 1),
    (3, 2, 5),
    (7, 16, 33, 1),
    (64, 32, 8),
    (65, 31, 17, 129),
    (784, 256, 10),
    (6, 20, 3),
    (4, 4),
    (5, 1, 1, 1, 5),
]


def layout_of(sizes, dtype):
    return ParameterLayout(forms_of(dense_network(sizes, "relu", "squared_error"), dtype), dtype)


def draw(sizes, dtype):
    rng = np.random.RandomState(sum(sizes))
    coefs = [rng.normal(1, 0.1, size=pair).astype(dtype) for pair in pairwise(sizes)]
    return coefs, [rng.normal(1, 0.1, size=out).astype(dtype) for out in sizes[1:]]


@DTYPES
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_round_trip(sizes, dtype):
    layout = layout_of(sizes, dtype)
    coefs, intercepts = draw(sizes, dtype)
    arrays = in_order(coefs, intercepts)
    flat = layout.pack(arrays)
    for one, other in zip(arrays, layout.unpack(flat), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@DTYPES
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_padding_is_zero_and_parts_do_not_overlap(sizes, dtype):
    """Every parameter is in the vector once, all else is zero: no draw is zero itself."""
    layout = layout_of(sizes, dtype)
    coefs, intercepts = draw(sizes, dtype)
    flat = layout.pack(in_order(coefs, intercepts))
    assert flat.shape == (layout.count,)
    values = np.sort(np.concatenate([part.ravel() for part in coefs + intercepts]))
    np.testing.assert_array_equal(np.sort(flat[flat != 0]), values)
    parts = layout.views(flat)
    assert sum(part.size for part in parts) == flat.size
    assert all(part.ctypes.data % SHAPE.vector_bytes == 0 for part in parts)


@DTYPES
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_transposed_copy(sizes, dtype):
    """Panels of w^T, for every layer whose input needs a gradient, but a last one of few units."""
    layout = layout_of(sizes, dtype)
    coefs, intercepts = draw(sizes, dtype)
    arrays = in_order(coefs, intercepts)
    flat = layout.pack_transposed(arrays)
    copied = range(1, len(coefs))
    if len(sizes) > 2 and sizes[-1] <= 4:
        copied = copied[:-1]
        vectors = layout.view(layout.pack(arrays), 2 * len(coefs) - 2)
        vectors = vectors.reshape(sizes[-1], -1)[:, : sizes[-2]]
        np.testing.assert_array_equal(vectors, coefs[-1].T)
        assert layout.transposed(flat, 2 * len(coefs) - 2) is None
    values = np.concatenate([np.zeros(0, dtype), *[coefs[layer].ravel() for layer in copied]])
    np.testing.assert_array_equal(np.sort(flat[flat != 0]), np.sort(values))
    for layer in copied:
        alone = layout_of([padded(sizes[layer + 1], dtype), sizes[layer]], dtype)
        panels = np.zeros(alone.count, dtype)
        panels[: layout.transposed(flat, 2 * layer).size] = layout.transposed(flat, 2 * layer)
        w_transposed = alone.unpack(panels)[0]
        np.testing.assert_array_equal(w_transposed[: sizes[layer + 1]], coefs[layer].T)


@DTYPES
def test_leading_dimensions(dtype):
    """Rows fill whole vectors and never follow each other at a multiple of 1 KB."""
    item = np.dtype(dtype).itemsize
    for width in range(1, 3000):
        stride = leading_dimension(width, dtype)
        assert width <= padded(width, dtype) <= stride <= width + 2 * 64 // item
        assert padded(stride, dtype) == stride
        assert stride * item % 1024 != 0


@DTYPES
def test_aligned_memory(dtype):
    for count in (1, 3, 1000):
        array = aligned_zeros(count, dtype)
        assert array.shape == (count,)
        assert array.dtype == dtype
        assert array.ctypes.data % ALIGNMENT == 0
        assert not array.any()


@pytest.mark.parametrize("workers", [1, 2, 3, 7, 16, 100])
def test_row_blocks_cover_the_batch(workers):
    for batch, of_rows in product([*range(1, 300), 1000, 4095, 4096], [(), (3,), (784, 1)]):
        blocks = row_blocks(batch, workers, *of_rows)
        rows = [row for lo, hi in blocks for row in range(lo, hi)]
        assert rows == list(range(batch))
        assert all(lo < hi for lo, hi in blocks)
