"""The tiles of a convolution: products of the windows of some pixels and weights in panels.

    acc[p, o] = acc[p, o] + sum over k of x[at p, k] w[k, o]

Each element is one chain over k, by tap and then by channel, as in `intrinsics/windows.py`. What
lies in the padding is read as 0, and takes part in the chain as the zeros of the CPU's frame do.

A *small* tile is that of `product.py`. A *large* one is 128 pixels x 64 columns: 256 threads hold
two squares of 4 x 4 elements each, 64 rows apart. Eight k are in shared memory while the next are
on their way to registers.
"""

import numpy as np
from fusednn.kernels.cuda.language import barrier, load4, local, thread, threads
from fusednn.kernels.cuda.spreading import divided
from fusednn.kernels.cuda.tiles.product import (
    A_ROW,
    A_SIZE,
    DEPTH,
    HALF,
    LARGE,
    SMALL_A_ROW,
    SMALL_COLUMNS,
    SMALL_DEPTH,
    column_of,
    large_column,
    large_row,
    multiply_loaded,
    right_of,
    small_rows,
    tile_memory,
)
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast, fma
from fusednn.kernels.ops.lengths import count_of
from fusednn.kernels.ops.products.convolution import FORWARD
from fusednn.kernels.ops.products.windowed import READ, aligned

from .convolution_partials import sample_place

NOWHERE = -1
"""The place of a row that is not written."""

LARGE_COLUMNS = 64
STAGE = A_SIZE + DEPTH * LARGE_COLUMNS
"""Elements from one part of the shared memory of a large tile to the other."""


def place_in_grid(record, offset):
    """The row, the column and the channel of an offset in x or in its frame."""
    pixel = record[READ.frame_pixel] if record[READ.is_framed] != 0 else record[READ.x_pixel]
    at, channel = divided(offset, pixel)
    row, column = divided(at, record[READ.frame_width])
    return row, column, channel


def note_windows(record, frame, places, corners, lo, first, rows, size):
    """Notes of `size` rows of a tile where each window begins in x and its pixel in out, and the
    first row and column of the window in its sample, which may lie in the padding."""
    t, pixels = thread(), record[FORWARD.pixels]
    if t < size:
        own = min(first + t, rows - 1)
        row, p = lo + own // pixels, own % pixels
        y, x, _ = place_in_grid(record, slot(record, FORWARD.at, lo)[p])
        y, x = y - record[READ.top], x - record[READ.left]
        begin = sample_place(record, frame, row)
        places[t] = begin + (y * record[READ.width] + x) * record[READ.x_pixel]
        corners[t], corners[LARGE + t] = np.int32(y), np.int32(x)
        target = row * record[FORWARD.out_stride] + p * record[FORWARD.out_pixel]
        if first + t >= rows or p >= count_of(record, FORWARD.lengths, row, pixels):
            target = NOWHERE
        places[LARGE + t] = target
    barrier()


def read_inside(record, x, places, corners, r, y, right, c):
    """Channel c of the pixel (y, right) of the window of row r, or 0 in the padding."""
    down, across, value = corners[r] + y, corners[LARGE + r] + right, cast(0, x[0])
    if down >= 0 and down < record[READ.height] and across >= 0 and across < record[READ.width]:
        value = x[places[r] + (y * record[READ.width] + right) * record[READ.x_pixel] + c]
    return value


def read_windows(left, record, places, corners, first, size):
    """left (SMALL_DEPTH, SMALL_ROWS) = elements [first, first + size) of the windows of a tile.

    A thread reads the same element of several windows.
    """
    t, x = thread(), slot(record, READ.x, left[0])
    q = t % SMALL_DEPTH
    if q < size:
        y, right, c = place_in_grid(record, slot(record, FORWARD.steps, 0)[first + q])
        for r in range(t // SMALL_DEPTH, small_rows(), threads() // SMALL_DEPTH):
            left[q * SMALL_A_ROW + r] = read_inside(record, x, places, corners, r, y, right, c)


def turned_weight(record, w, k, column):
    """Element (k, column) of weights whose taps are transposed in w."""
    C, filters = record[READ.channels], record[FORWARD.filters]
    if column >= filters:
        return cast(0, w[0])
    rows = record[FORWARD.taps] * filters
    offset, width = column_of(k % C, aligned(C, w[0]), rows, True, w[0])
    return w[offset + (k // C * filters + column) * width]


def read_weights(right, record, w, first, size, first_column):
    """right (SMALL_DEPTH, SMALL_COLUMNS) = rows [first, first + size) of w."""
    t, columns = thread(), record[FORWARD.columns]
    column = min(first_column + t % SMALL_COLUMNS, columns - 1)
    offset, width = column_of(column, columns, record[FORWARD.fan_in], True, w[0])
    for q in range(t // SMALL_COLUMNS, size, threads() // SMALL_COLUMNS):
        place = q * SMALL_COLUMNS + t % SMALL_COLUMNS
        if record[FORWARD.turned] != 0:
            right[place] = turned_weight(record, w, first + q, column)
        else:
            right[place] = w[offset + (first + q) * width]


def multiply_small_windows(acc, record, places, corners, first_column):
    """Adds the small tile at a column, 2 x 4 elements of acc a thread."""
    left, w, depth = tile_memory(acc[0]), slot(record, FORWARD.w, acc[0]), record[FORWARD.fan_in]
    right = right_of(left)
    for first in range(0, depth, SMALL_DEPTH):
        size = min(SMALL_DEPTH, depth - first)
        read_windows(left, record, places, corners, first, size)
        read_weights(right, record, w, first, size, first_column)
        barrier()
        multiply_loaded(acc, left, right, size)
        barrier()


def multiply_one(acc, a, b):
    """Adds one k to a thread's 8 x 4 elements; a and b are its parts of shared memory."""
    x, y = local(8, acc[0]), local(4, acc[0])
    x[0], x[1], x[2], x[3] = load4(a, 0)
    x[4], x[5], x[6], x[7] = load4(a, HALF)
    y[0], y[1], y[2], y[3] = load4(b, 0)
    for i in range(8):
        for j in range(4):
            acc[i * 4 + j] = fma(x[i], y[j], acc[i * 4 + j])


def multiply_four(acc, a, b):
    """Adds four k."""
    multiply_one(acc, a, b)
    multiply_one(acc, advance(a, A_ROW), advance(b, LARGE_COLUMNS))
    multiply_one(acc, advance(a, 2 * A_ROW), advance(b, 2 * LARGE_COLUMNS))
    multiply_one(acc, advance(a, 3 * A_ROW), advance(b, 3 * LARGE_COLUMNS))


def multiply_all(acc, a, b):
    """Adds all k of a stage: written out, as in `product.py`."""
    multiply_four(acc, a, b)
    multiply_four(acc, advance(a, 4 * A_ROW), advance(b, 4 * LARGE_COLUMNS))


def fetch_stage(values, record, places, corners, tap, c, k, w, w_row):
    """values <- a thread's four elements of a and its two of b in the stage of which k is its own
    step: that is channel c of a tap; w_row is the distance of rows of w."""
    x, depth, t = slot(record, READ.x, values[0]), record[FORWARD.fan_in], thread()
    if k < depth:
        first = slot(record, FORWARD.steps, 0)[tap * record[READ.channels]]
        y, right, _ = place_in_grid(record, first)
        for n in range(4):
            r = t // DEPTH + n * 32
            values[n] = read_inside(record, x, places, corners, r, y, right, c)
    own = k - t % DEPTH + t // LARGE_COLUMNS
    for n in range(2):
        if own + 4 * n < depth:
            values[4 + n] = w[(own + 4 * n) * w_row]


def put_stage(left, right, values):
    """Writes a thread's elements to shared memory."""
    t = thread()
    for n in range(4):
        left[t % DEPTH * A_ROW + t // DEPTH + n * 32] = values[n]
    for n in range(2):
        right[(t // LARGE_COLUMNS + 4 * n) * LARGE_COLUMNS + t % LARGE_COLUMNS] = values[4 + n]


def multiply_large_windows(acc, record, places, corners, first_column):
    """Adds the large tile at a column, 8 x 4 elements of acc a thread; w is not turned."""
    left, depth, C = tile_memory(acc[0]), record[FORWARD.fan_in], record[READ.channels]
    right, columns, k = advance(left, A_SIZE), record[FORWARD.columns], thread() % DEPTH
    column = min(first_column + thread() % LARGE_COLUMNS, columns - 1)
    offset, w_row = column_of(column, columns, depth, True, acc[0])
    w, values = advance(slot(record, FORWARD.w, acc[0]), offset), local(6, acc[0])
    for n in range(6):
        values[n] = cast(0, acc[0])
    tap, c, here, stages = k // C, k % C, 0, (depth + DEPTH - 1) // DEPTH
    fetch_stage(values, record, places, corners, tap, c, k, w, w_row)
    put_stage(left, right, values)
    barrier()
    while stages > 0:
        stages -= 1
        if stages > 0:
            k, c = k + DEPTH, c + DEPTH
            if c >= C:
                more, c = divided(c, C)
                tap += more
            fetch_stage(values, record, places, corners, tap, c, k, w, w_row)
        a, b = advance(left, here + large_row()), advance(right, here + large_column())
        if stages > 0 or depth % DEPTH == 0:
            multiply_all(acc, a, b)
        else:
            for q in range(depth % DEPTH):
                multiply_one(acc, advance(a, q * A_ROW), advance(b, q * LARGE_COLUMNS))
        here = STAGE - here
        if stages > 0:
            put_stage(advance(left, here), advance(right, here), values)
        barrier()
