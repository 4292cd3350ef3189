"""Products of pixels that are added up where windows lie, each sum by the thread that owns it.

    out[at p, tap] = start + sum over pixels p and taps of x[p] w[tap]

The CPU goes through the pixels and adds to several places of out. Here the rows of a tile are
places of out, its columns channels, and at each tap every place finds its pixel, if it has one
(`tap_places.py`): no two threads add to one element. The terms come in the order of the CPU. It
goes on with the chain of multiply-adds from one tap to the next, row of pixels by row; or it adds
up whole products, *by columns*: those of some rows of pixels at once, one column of them after the
other. A tap that no place of a tile has is passed over.
"""

import numpy as np
from fusednn.kernels.cuda.language import (
    barrier,
    block,
    blocks,
    load4,
    local,
    shared,
    thread,
    threads,
)
from fusednn.kernels.cuda.tiles import product
from fusednn.kernels.cuda.tiles.product import (
    LARGE_THREADS,
    SMALL_A_ROW,
    SMALL_COLUMNS,
    SMALL_DEPTH,
    SMALL_ROWS,
    column_of,
    multiply_loaded,
    right_of,
    small_rows,
    tile_memory,
)
from fusednn.kernels.intrinsics.pointers import advance
from fusednn.kernels.intrinsics.scalars import cast, fma

from .tap_places import (
    ACROSS,
    CLEARED,
    DEPTH,
    DOWN,
    FILLED,
    FORM,
    HEIGHT,
    NOWHERE,
    SAMPLES,
    USED,
    W_COLUMNS,
    W_ROWS,
    WIDTH,
    note_pixels,
    note_places,
    runs_of,
    tap_at,
)

WIDE_COLUMNS, WIDE_DEPTH = 64, 16
WIDE_A_ROW = SMALL_ROWS + 4
"""A *wide* tile has 64 x 64 elements, 4 x 4 of a thread, and 16 steps of k in shared memory."""

COPIED, PANELS, TURNED = range(3)
"""How weights lie: in panels of w^T, whose columns are taps and channels of out; in panels of
(taps I, O); in panels of (taps O, I), so that each tap is transposed."""


def rows_each(wide):
    """The rows of a tile that a thread has; it has four columns."""
    return 4 if wide else 2


def columns_of(wide):
    """The columns of a tile."""
    return WIDE_COLUMNS if wide else SMALL_COLUMNS


def own_row(wide):
    """The first of a thread's rows in a tile."""
    return thread() // (columns_of(wide) // 4) * rows_each(wide)


def own_column(wide):
    """The first of its columns."""
    return thread() % (columns_of(wide) // 4) * 4


def pixel_at(x, place, c):
    """Channel c of the pixel at a place, or 0 where there is none."""
    value = cast(0, x[0])
    if place != NOWHERE:
        value = x[place + c]
    return value


def read_pixels(left, x, pixels, first, size):
    """left (SMALL_DEPTH, SMALL_ROWS) = channels [first, first + size) of the pixels of a tile."""
    q = thread() % SMALL_DEPTH
    if q < size:
        for r in range(thread() // SMALL_DEPTH, small_rows(), threads() // SMALL_DEPTH):
            left[q * SMALL_A_ROW + r] = pixel_at(x, pixels[r], first + q)


def read_wide(left, x, pixels, first, size):
    """left (WIDE_DEPTH, SMALL_ROWS), likewise."""
    q, row = thread() % WIDE_DEPTH, thread() // WIDE_DEPTH
    if q < size:
        for n in range(4):
            r = row + n * WIDE_DEPTH
            left[q * WIDE_A_ROW + r] = pixel_at(x, pixels[r], first + q)


def weights_of(facts, tap, column, like):
    """Where a column of a tap's weights begins, and the distance of its rows."""
    row = tap * facts[DEPTH]
    if facts[FORM] == COPIED:
        row, column = 0, tap * facts[USED] + min(column, facts[USED] - 1)
    column = min(column, facts[W_COLUMNS] - 1)
    offset, width = column_of(column, facts[W_COLUMNS], facts[W_ROWS], True, like)
    return offset + row * width, width


def turned_weight(facts, w, tap, k, column):
    """Weight (k, column) of a tap that is transposed in w."""
    filters = facts[W_ROWS] // (facts[DOWN] * facts[ACROSS])
    if column >= filters:
        return cast(0, w[0])
    offset, width = column_of(k, facts[W_COLUMNS], facts[W_ROWS], True, w[0])
    return w[offset + (tap * filters + column) * width]


def multiply_wide(acc, left, right, size):
    """Adds `size` steps of k that are in shared memory to a thread's 4 x 4 elements."""
    mine_a, mine_b = advance(left, own_row(True)), advance(right, own_column(True))
    for q in range(size):
        x, y = local(4, acc[0]), local(4, acc[0])
        x[0], x[1], x[2], x[3] = load4(mine_a, q * WIDE_A_ROW)
        y[0], y[1], y[2], y[3] = load4(mine_b, q * WIDE_COLUMNS)
        for i in range(4):
            for j in range(4):
                acc[i * 4 + j] = fma(x[i], y[j], acc[i * 4 + j])


def read_weights(right, facts, w, place, tap, first, size, column, columns):
    """right (size, columns of a tile) = a tap's weights from row `first` on; a thread reads one
    column, which begins at a place of w, and whose rows are as far apart as it says."""
    offset, width = place
    for q in range(thread() // columns, size, threads() // columns):
        there = q * columns + thread() % columns
        if facts[FORM] == TURNED:
            right[there] = turned_weight(facts, w, tap, first + q, column)
        else:
            right[there] = w[offset + (first + q) * width]


def multiply_tap(part, facts, x, w, pixels, tap, first_column, wide):
    """Adds the product of the pixels of a tile and the weights of a tap to a thread's elements."""
    left, depth, columns = tile_memory(part[0]), SMALL_DEPTH, columns_of(wide)
    right, column = right_of(left), first_column + thread() % columns
    if wide:
        right, depth = advance(left, WIDE_DEPTH * WIDE_A_ROW), WIDE_DEPTH
    place = weights_of(facts, tap, column, part[0])
    for first in range(0, facts[DEPTH], depth):
        size = min(depth, facts[DEPTH] - first)
        if wide:
            read_wide(left, x, pixels, first, size)
        else:
            read_pixels(left, x, pixels, first, size)
        read_weights(right, facts, w, place, tap, first, size, column, columns)
        barrier()
        if wide:
            multiply_wide(part, left, right, size)
        else:
            multiply_loaded(part, left, right, size)
        barrier()


def begin(acc, facts, b, column, rows):
    """acc (rows, 4) <- b, or 0 in columns that have none."""
    for q in range(4):
        start = b[column + q] if column + q < facts[FILLED] else cast(0, acc[0])
        for r in range(rows):
            acc[r * 4 + q] = start


def write(out, facts, places, acc, row, column, rows):
    """Writes (rows, 4) elements, and zeros behind the columns in use."""
    for r in range(rows):
        place = places[row + r]
        for q in range(4):
            if place != NOWHERE and column + q < facts[USED]:
                out[place + column + q] = acc[r * 4 + q]
            elif place != NOWHERE and column + q < facts[USED] + facts[CLEARED]:
                out[place + column + q] = cast(0, acc[0])


def add_tiles(record, facts, tables, out, x, w, b, lengths, by_columns, wide):
    """`add_taps` by tiles of one kind."""
    places, pixels, corners, found = tables
    columns, rows = columns_of(wide), rows_each(wide)
    tiles, across = tiles_of(facts, columns)
    for tile in range(block(), tiles, blocks()):
        first_column = tile % across * columns
        note_places(facts, places, corners, tile // across * small_rows())
        if thread() == 0:
            found[0] = np.int32(0)
        barrier()
        acc, part = local(16, w[0]), local(16, w[0])
        row, column = own_row(wide), first_column + own_column(wide)
        begin(acc, facts, b, column, rows)
        runs = runs_of(facts, by_columns)
        for number in range(runs * facts[DOWN] * facts[ACROSS]):
            note_pixels(record, facts, lengths, pixels, corners, found, number, runs, by_columns)
            if found[0] == number + 1:
                for q in range(4 * rows):
                    part[q] = cast(0, acc[0]) if by_columns else acc[q]
                y, right = tap_at(facts, number, by_columns)
                tap = y * facts[ACROSS] + right
                multiply_tap(part, facts, x, w, pixels, tap, first_column, wide)
                for q in range(4 * rows):
                    if pixels[row + q // 4] != NOWHERE:
                        acc[q] = acc[q] + part[q] if by_columns else part[q]
            barrier()
        write(out, facts, places, acc, row, column, rows)
        barrier()


def tiles_of(facts, columns):
    """The tiles of so many columns, and how many lie side by side."""
    across = (facts[USED] + facts[CLEARED] + columns - 1) // columns
    rows = facts[SAMPLES] * facts[HEIGHT] * facts[WIDTH]
    return across * ((rows + small_rows() - 1) // small_rows()), across


def is_wide(facts):
    """Whether there are enough columns and tiles."""
    tiles, _ = tiles_of(facts, WIDE_COLUMNS)
    is_full = facts[USED] > SMALL_COLUMNS and threads() == LARGE_THREADS
    return is_full and tiles >= product.LARGE_TILES


def add_taps(record, facts, out, x, w, b, lengths, by_columns):
    """Samples of out (height, width, O) = b + x[p] w[tap], added up; overwrites.

    `lengths` is the slot of those of the series, in pixels of x.
    """
    barrier()
    # of SMALL_ROWS places, and three numbers for each
    tables = shared(64, 0), shared(64, 0), shared(192, np.int32(0)), shared(1, np.int32(0))
    if not by_columns and is_wide(facts):
        add_tiles(record, facts, tables, out, x, w, b, lengths, False, True)
    else:
        add_tiles(record, facts, tables, out, x, w, b, lengths, by_columns, False)
    barrier()  # a block without a tile has read the facts, which the next task's replace
