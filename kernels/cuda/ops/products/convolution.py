"""Convolutions forward: as `kernels/ops/products/convolution.py`, by the tiles of a product.

The rows of the product are the pixels of all samples, its k the elements of a window. No sample is
copied to a frame.
"""

import numpy as np
from fusednn.kernels.cuda.language import barrier, block, blocks, local, shared, thread, threads
from fusednn.kernels.cuda.tiles import product
from fusednn.kernels.cuda.tiles.product import (
    HALF,
    LARGE,
    LARGE_THREADS,
    SMALL_COLUMNS,
    large_column,
    large_row,
    small_rows,
)
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops.products import convolution
from fusednn.kernels.ops.products.convolution import FORWARD
from fusednn.kernels.ops.products.window_tiles import is_half

from .dense import raised
from .window_tiles import (
    LARGE_COLUMNS,
    NOWHERE,
    multiply_large_windows,
    multiply_small_windows,
    note_windows,
)


def used_columns(record, like):
    """The columns of out that are sums; those behind them become zero."""
    used = record[FORWARD.columns] if record[FORWARD.kept] == 0 else record[FORWARD.kept]
    return min(used, lanes_of(like) // 2) if is_half(record[FORWARD.filters], like) else used


def written_columns(record):
    """The columns of out that are written."""
    used = record[FORWARD.columns] if record[FORWARD.kept] == 0 else record[FORWARD.kept]
    return used + record[FORWARD.cleared]


def tiles_of(record, rows, tall, wide):
    """The tiles of so many rows and columns, and how many lie side by side."""
    across = (written_columns(record) + wide - 1) // wide
    return across * ((rows + tall - 1) // tall), across


def is_large(record, rows):
    """Whether so many pixels are worth large tiles."""
    tiles, _ = tiles_of(record, rows, LARGE, LARGE_COLUMNS)
    fits = record[FORWARD.turned] == 0 and written_columns(record) > SMALL_COLUMNS
    return fits and tiles >= product.LARGE_TILES and threads() == LARGE_THREADS


def begin(acc, record, column, count):
    """acc (count, 4) <- b from a column on."""
    b, used = slot(record, FORWARD.b, acc[0]), used_columns(record, acc[0])
    for q in range(4):
        start = b[min(column + q, used - 1)]
        for r in range(count):
            acc[r * 4 + q] = start


def write(record, place, acc, column):
    """Writes four elements of the pixel at a place of out, raised to the floor, or zeros behind
    the columns in use."""
    out, floor = slot(record, FORWARD.out, acc[0]), number(record, FORWARD.floor, acc[0])
    used, columns = used_columns(record, acc[0]), written_columns(record)
    for q in range(4):
        if place != NOWHERE and column + q < columns:
            value = raised(acc[q], floor) if column + q < used else cast(0, floor)
            out[place + column + q] = value


@twin(convolution.convolve)
def convolve(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of out (pixels, O) = max(floor, b + windows of x times w); overwrites."""
    places, corners = shared(256, 0), shared(256, np.int32(0))  # 2 LARGE
    rows = (hi - lo) * record[FORWARD.pixels]
    if is_large(record, rows):
        tiles, across = tiles_of(record, rows, LARGE, LARGE_COLUMNS)
        for tile in range(block(), tiles, blocks()):
            i, j = tile // across * LARGE, tile % across * LARGE_COLUMNS
            note_windows(record, frame, places, corners, lo, i, rows, LARGE)
            acc = local(32, scratch[0])
            begin(acc, record, j + large_column(), 8)
            multiply_large_windows(acc, record, places, corners, j)
            for r in range(8):
                place = places[LARGE + large_row() + r // 4 * HALF + r % 4]
                write(record, place, advance(acc, r * 4), j + large_column())
            barrier()
        return
    tiles, across = tiles_of(record, rows, small_rows(), SMALL_COLUMNS)
    for tile in range(block(), tiles, blocks()):
        i, j = tile // across * small_rows(), tile % across * SMALL_COLUMNS
        note_windows(record, frame, places, corners, lo, i, rows, small_rows())
        acc, column = local(8, scratch[0]), j + thread() % 8 * 4
        begin(acc, record, column, 2)
        multiply_small_windows(acc, record, places, corners, j)
        for r in range(2):
            place = places[LARGE + thread() // 8 * 2 + r]
            write(record, place, advance(acc, r * 4), column)
        barrier()
