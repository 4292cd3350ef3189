"""The gradients of convolutions for each chunk: as `kernels/ops/products/convolution_partials.py`.

Blocks share the tiles of all chunks. Each element is one chain over the pixels of its chunk, which
stays in registers; a transposed convolution writes each tap transposed as it stores.
"""

import numpy as np
from fusednn.kernels.cuda.language import barrier, block, blocks, local, single, thread, threads
from fusednn.kernels.cuda.ops.products.chunks import (
    chunks_between,
    first_sample,
    last_sample,
    sums_at,
)
from fusednn.kernels.cuda.spreading import everyone, first
from fusednn.kernels.cuda.sums.columns import PLAIN, column_total
from fusednn.kernels.cuda.tiles.product import (
    SMALL_COLUMNS,
    clear,
    column_of,
    put_sums,
    small_rows,
    small_tiles,
    tile_memory,
)
from fusednn.kernels.cuda.tiles.windows import (
    add_rounds,
    fetch_columns,
    fetch_inside,
    fetch_rows,
    note_pair,
    own_row,
)
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops.frames import sample_of
from fusednn.kernels.ops.lengths import count_of
from fusednn.kernels.ops.products import convolution_partials as cpu
from fusednn.kernels.ops.products.convolution_partials import WEIGHTS
from fusednn.kernels.ops.products.window_tiles import is_half
from fusednn.kernels.ops.products.windowed import READ, aligned


def sample_place(record, frame, row):
    """Where the sample at a row of the buffers begins in x."""
    sample = sample_of(record, frame, row, READ.order) if record[READ.is_data] != 0 else row
    return sample * record[READ.x_stride] + record[READ.channel]


def read_place(record, offset):
    """The line, the column, and the element of x for an offset in a frame, but for its corner."""
    pixel, across = np.int32(record[READ.frame_pixel]), np.int32(record[READ.frame_width])
    at = np.int32(offset) // pixel
    line, column, channel = at // across, at % across, np.int32(offset) % pixel
    there = (line * record[READ.width] + column) * record[READ.x_pixel] + channel
    return np.int32(line), np.int32(column), there


def corner_place(record):
    """How far before x its frame begins, in elements."""
    before = record[READ.top] * record[READ.width] + record[READ.left]
    return before * record[READ.x_pixel]


def pixels_of(record, sample):
    """The pixels of dz of a sample."""
    return count_of(record, WEIGHTS.lengths, np.int64(sample), record[WEIGHTS.pixels])


def note_pixel(record, frame, places, lines, turn, sample, last, pixel):
    """Notes where a pixel's window begins, and where its row of dz does; both, for the next.

    A pixel beyond those of its sample is one of the samples after it.
    """
    while sample < last and pixel >= pixels_of(record, sample):
        pixel = np.int32(pixel - pixels_of(record, sample))
        sample = np.int32(sample + 1)
    if sample < last:
        step = slot(record, WEIGHTS.steps, 0)[pixel]
        x_at = sample_place(record, frame, sample)
        dz_at = sample * record[WEIGHTS.dz_stride] + pixel * record[WEIGHTS.dz_pixel]
        if record[READ.is_framed] == 0:
            note_pair(places, turn, x_at + step, dz_at)
        else:
            line, column, there = read_place(record, step)
            note_pair(places, turn, x_at + there - corner_place(record), dz_at)
            line, column = line - record[READ.top], column - record[READ.left]
            note_pair(lines, turn, np.int32(line), np.int32(column))
    return sample, pixel


def fetch_round(record, values, own, line, column, j, places, lines, turn, size):
    """values <- the elements of x and dz of a round that is noted; overwrites."""
    x, dz = slot(record, WEIGHTS.x, values[0]), slot(record, WEIGHTS.dz, values[0])
    if record[READ.is_framed] == 0:
        fetch_rows(values, x, own, places, turn, size)
    else:
        height, width = np.int32(record[READ.height]), np.int32(record[READ.width])
        fetch_inside(values, x, own, line, column, height, width, places, lines, turn, size)
    used = record[WEIGHTS.columns] if record[WEIGHTS.kept] == 0 else record[WEIGHTS.kept]
    fetch_columns(values, dz, j, np.int32(used), places, turn, size)


def add_windows(record, frame, acc, i, j, sample, last):
    """acc += the tile at (i, j) of the windows of samples [sample, last), times dz."""
    own = slot(record, WEIGHTS.at, 0)[min(i + own_row(), record[WEIGHTS.fan_in] - 1)]
    line, column, depth = np.int32(0), np.int32(0), np.int32(0)
    if record[READ.is_framed] != 0:
        line, column, own = read_place(record, own)
    for one in range(sample, last):
        depth = np.int32(depth + pixels_of(record, one))
    add_rounds(
        acc, record, frame, note_pixel, fetch_round, own, line, column, j, sample, last, depth
    )


def turned_place(record, row, column, like):
    """Where an element of dw lies when each tap is transposed."""
    size, filters = record[READ.channels], record[WEIGHTS.filters]
    tap = np.int32(row) // np.int32(size)
    fan_in = record[WEIGHTS.taps] * filters
    offset, width = column_of(row - tap * size, aligned(size, like), fan_in, True, like)
    return offset + (tap * filters + column) * width


def store_sums(record, dw, acc, i, j):
    """Writes the tile at (i, j) of dw; through shared memory, so that the code is there once."""
    tile, fan_in, columns = tile_memory(acc[0]), record[WEIGHTS.fan_in], record[WEIGHTS.columns]
    put_sums(tile, acc)
    barrier()
    lanes = lanes_of(acc[0])
    halved = is_half(record[WEIGHTS.filters], acc[0]) and columns == lanes
    for n in range(thread(), small_rows() * SMALL_COLUMNS, threads()):
        single()
        row, column = i + n // SMALL_COLUMNS, j + n % SMALL_COLUMNS
        if row >= fan_in:
            pass
        elif record[WEIGHTS.turned] == 0:
            if column < columns:
                offset, width = column_of(column, columns, fan_in, True, acc[0])
                value = cast(0, acc[0]) if halved and 2 * column >= lanes else tile[n]
                dw[offset + row * width] = value
        elif column < record[WEIGHTS.filters]:
            dw[turned_place(record, row, column, acc[0])] = tile[n]
    barrier()


def sum_column(record, frame, c, sample, last, like):
    """The sum of a column of dz, or of x where both have changed places, over samples."""
    total, whole = cast(0, like), record[WEIGHTS.summed] // lanes_of(like) * lanes_of(like)
    for row in range(sample, last):
        single()
        source, apart = slot(record, WEIGHTS.dz, like), record[WEIGHTS.dz_pixel]
        start, pixels = row * record[WEIGHTS.dz_stride] + c, pixels_of(record, row)
        if record[WEIGHTS.turned] != 0:
            source, apart = slot(record, WEIGHTS.x, like), record[READ.x_pixel]
            start = sample_place(record, frame, row) + c
            pixels = record[READ.height] * record[READ.width]
            pixels = count_of(record, WEIGHTS.x_lengths, np.int64(row), pixels)
        x = advance(source, start)
        if c < whole:
            total = total + column_total(x, x, apart, pixels, total, total, PLAIN)
        else:
            for at in range(pixels):
                total = total + x[at * apart]
    return total


def tiles_across(record):
    """The tiles of dw side by side."""
    return np.int32((record[WEIGHTS.columns] + SMALL_COLUMNS - 1) // SMALL_COLUMNS)


def tiles_of(record):
    """The tiles of dw."""
    down = np.int32(record[WEIGHTS.fan_in] + small_rows() - 1) // np.int32(small_rows())
    return np.int32(tiles_across(record) * down)


def tile_place(record, tile):
    """The row and column of a tile by its number."""
    down = tile // tiles_across(record)
    column = (tile - down * tiles_across(record)) * SMALL_COLUMNS
    return np.int32(down * small_rows()), np.int32(column)


def sum_weights(record, frame, lo, hi, like):
    """dw of each chunk of samples [lo, hi); overwrites."""
    unit = np.int32(block())
    while unit < chunks_between(frame, lo, hi) * tiles_of(record):
        single()
        chunk = np.int32(unit // tiles_of(record))
        i, j = tile_place(record, np.int32(unit - chunk * tiles_of(record)))
        acc = local(8, like)
        clear(acc, 8)
        sample, last = first_sample(frame, lo, chunk), last_sample(frame, lo, hi, chunk)
        add_windows(record, frame, acc, i, j, sample, last)
        dw = sums_at(record, WEIGHTS.dw, record[WEIGHTS.dw_chunk], frame, lo, chunk, like)
        store_sums(record, dw, acc, i, j)
        unit = np.int32(unit + blocks())


def sum_biases(record, frame, lo, hi, like):
    """db of each chunk of samples [lo, hi); overwrites."""
    n = record[WEIGHTS.summed] + record[WEIGHTS.cleared]
    for at in range(first(), chunks_between(frame, lo, hi) * n, everyone()):
        single()
        chunk = np.int32(at) // np.int32(n)
        c, total = at - chunk * n, cast(0, like)
        if c < record[WEIGHTS.summed]:
            sample, last = first_sample(frame, lo, chunk), last_sample(frame, lo, hi, chunk)
            total = sum_column(record, frame, c, sample, last, like)
        sums_at(record, WEIGHTS.db, record[WEIGHTS.db_chunk], frame, lo, chunk, like)[c] = total


def clear_turned(record, frame, lo, hi, like):
    """Zeros in the padding columns of transposed taps of each chunk."""
    size, rows = record[READ.channels], record[WEIGHTS.taps] * record[WEIGHTS.filters]
    wide = aligned(size, like)
    n = rows * (wide - size)
    for at in range(first(), chunks_between(frame, lo, hi) * n, everyone()):
        single()
        chunk = np.int32(at) // np.int32(n)
        row = np.int32(at - chunk * n) // np.int32(wide - size)
        column = at - chunk * n - row * (wide - size) + size
        offset, width = column_of(column, wide, rows, True, like)
        dw = sums_at(record, WEIGHTS.dw, record[WEIGHTS.dw_chunk], frame, lo, chunk, like)
        dw[offset + row * width] = cast(0, like)


def units_of(record):
    """The tiles of a chunk: more blocks than samples may have work."""
    return small_tiles(record[WEIGHTS.fan_in], record[WEIGHTS.columns])


@twin(cpu.convolution_partials, units=units_of)
def convolution_partials(record, frame, scratch, lo, hi):
    """dw (fan_in, O) and db (O,) of each chunk of samples [lo, hi), which are whole chunks;
    overwrites.
    """
    zero = cast(0, scratch[0])
    sum_weights(record, frame, lo, hi, zero)
    barrier()  # what follows reads the record again
    sum_biases(record, frame, lo, hi, zero)
    barrier()
    if record[WEIGHTS.turned] != 0:
        clear_turned(record, frame, lo, hi, zero)
