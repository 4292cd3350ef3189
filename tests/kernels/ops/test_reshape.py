"""Samples in rows of another shape by NumPy's own reshape, from buffers and from the data."""

import numpy as np
import pytest
from fusednn.kernels.intrinsics.tiles import MICRO_ROWS
from fusednn.kernels.ops import reshape
from running.blocks import run

from fusednn.plan.memory.buffers import Block, leading_dimension, padded

SAMPLES = 2 * MICRO_ROWS + 3
SHAPES = [
    ((12,), (4, 3)),
    ((17,), (17, 1)),
    ((1,), (1, 1)),
    ((4, 3), (12,)),
    ((4, 3), (3, 4)),
    ((2, 17), (17, 2)),
    ((17, 3), (3, 17)),
    ((40,), (2, 20)),
    ((5, 2), (5, 2)),
]
both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
shapes = pytest.mark.parametrize(("shape", "out_shape"), SHAPES)


def buffer(shape, dtype):
    """Samples of rows, padded; all NaN."""
    positions, width = int(np.prod(shape[:-1])), shape[-1]
    stride = leading_dimension(width, dtype)
    memory = np.full((SAMPLES, positions, stride), np.nan, dtype)
    return memory, Block(memory.reshape(-1), stride, width, positions)


def operands(out, x, columns):
    return {
        "out": out.by_sample,
        "x": x.by_sample,
        "rows": out.positions,
        "out_row": out.stride,
        "x_row": x.stride,
        "columns": columns,
    }


def check(memory, block, expected):
    rows = memory[:, :, : block.width]
    np.testing.assert_array_equal(rows, expected.reshape(rows.shape))
    last = padded(block.width, memory.dtype)
    np.testing.assert_array_equal(memory[:, :, block.width : last], 0)
    assert np.isnan(memory[:, :, last:]).all()


def turned(x, columns):
    """The elements of each sample, a matrix of so many columns, by its columns."""
    return x.reshape(len(x), -1, columns).transpose(0, 2, 1)


@both_dtypes
@shapes
@pytest.mark.parametrize(
    ("block", "workers"), [(MICRO_ROWS, 1), (2 * MICRO_ROWS, 3), (9 * MICRO_ROWS, 1)]
)
def test_rows_of_another_shape(shape, out_shape, dtype, block, workers):
    size = int(np.prod(shape))
    values = np.random.RandomState(0).normal(size=(SAMPLES, size)).astype(dtype)
    for columns in [number for number in range(1, size + 1) if size % number == 0]:
        (x_memory, x), (memory, out) = buffer(shape, dtype), buffer(out_shape, dtype)
        x_memory[:, :, : x.width] = values.reshape(SAMPLES, -1, x.width)
        stage = reshape.reshape_rows, operands(out, x, columns), None
        run(dtype, SAMPLES, [stage], block, workers)
        check(memory, out, turned(values, columns) if columns > 1 else values)


@both_dtypes
@pytest.mark.parametrize("is_ordered", [True, False])
def test_samples_of_the_data(is_ordered, dtype):
    """Through an order, from rows that lie apart."""
    data = np.random.RandomState(0).normal(size=(SAMPLES + 9, 30)).astype(dtype)
    order = np.random.RandomState(1).permutation(len(data))[:SAMPLES]
    samples = data[order if is_ordered else slice(SAMPLES), :24]
    for columns in (1, 6):
        memory, out = buffer((4, 6), dtype)
        x = Block(data.reshape(-1), 30, 24)
        named = operands(out, x, columns) | {"order": order if is_ordered else None}
        run(dtype, SAMPLES, [(reshape.gather_reshaped, named, None)], MICRO_ROWS)
        check(memory, out, turned(samples, columns) if columns > 1 else samples)
