"""The gradients of dense layers for each chunk: as `kernels/ops/products/dense_partials.py`.

Blocks share the tiles of all chunks. Each element is one chain over the rows of its chunk.
"""

import numpy as np
from fusednn.kernels.cuda.language import (
    barrier,
    block,
    blocks,
    local,
    shared,
    single,
    store4,
    thread,
)
from fusednn.kernels.cuda.ops.products.chunks import (
    chunks_between,
    first_sample,
    last_sample,
    sums_at,
)
from fusednn.kernels.cuda.spreading import everyone, first
from fusednn.kernels.cuda.sums.columns import PLAIN, column_total
from fusednn.kernels.cuda.tiles.product import (
    HALF,
    LARGE,
    SMALL_COLUMNS,
    clear,
    column_of,
    is_large,
    large_column,
    large_columns,
    large_row,
    multiply_large,
    multiply_small,
    small_rows,
    small_tiles,
    squares_across,
)
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops.lengths import count_of
from fusednn.kernels.ops.products import dense_partials as cpu
from fusednn.kernels.ops.products.dense_partials import PARTIALS, is_dense


def rows_of(record, sample):
    """The rows of a sample."""
    return count_of(record, PARTIALS.lengths, np.int64(sample), record[PARTIALS.rows])


def sum_small(record, acc, i, j, sample, last):
    """acc += the small tile at (i, j) of x^T dz of samples [sample, last)."""
    while sample < last:
        single()
        x, dz = slot(record, PARTIALS.x, acc[0]), slot(record, PARTIALS.dz, acc[0])
        following, rows = np.int32(sample + 1), rows_of(record, sample)
        if is_dense(record):
            following, rows = last, (last - sample) * record[PARTIALS.rows]
        multiply_small(
            acc, advance(x, sample * record[PARTIALS.x_stride]), 1, record[PARTIALS.x_row],
            record[PARTIALS.fan_in], advance(dz, sample * record[PARTIALS.dz_stride]),
            record[PARTIALS.dz_row], False, record[PARTIALS.columns], i, j, rows,
        )  # fmt: skip
        sample = following


def small_chunks(record, frame, lo, hi, like):
    """dw of each chunk of samples [lo, hi) by small tiles; overwrites."""
    across = np.int32((record[PARTIALS.columns] + SMALL_COLUMNS - 1) // SMALL_COLUMNS)
    down = np.int32(record[PARTIALS.fan_in] + small_rows() - 1) // np.int32(small_rows())
    tiles = np.int32(across * down)
    for unit in range(block(), chunks_between(frame, lo, hi) * tiles, blocks()):
        single()
        chunk = np.int32(unit) // tiles
        tile = np.int32(unit - chunk * tiles)
        i = np.int32(tile // across * small_rows())
        j = np.int32(tile % across * SMALL_COLUMNS)
        acc = local(8, like)
        clear(acc, 8)
        sample, last = first_sample(frame, lo, chunk), last_sample(frame, lo, hi, chunk)
        sum_small(record, acc, i, j, sample, last)
        dw = sums_at(record, PARTIALS.dw, record[PARTIALS.dw_chunk], frame, lo, chunk, like)
        row, column = i + thread() // 8 * 2, j + thread() % 8 * 4
        for half in range(0, 4, 2):  # two columns are in one panel
            fan_in, columns = record[PARTIALS.fan_in], record[PARTIALS.columns]
            offset, width = column_of(column + half, columns, fan_in, True, like)
            for r in range(2):
                if row + r < fan_in and column + half < columns:
                    there = advance(dw, offset + (row + r) * width)
                    there[0], there[1] = acc[r * 4 + half], acc[r * 4 + half + 1]


def store_large(record, dw, acc, i, j):
    """Writes a thread's elements of the large tile at (i, j) of dw."""
    row, column = i + large_row(), j + large_column()
    fan_in, columns = record[PARTIALS.fan_in], record[PARTIALS.columns]
    for half in range(squares_across(acc[0])):
        at = column + half * HALF
        offset, width = column_of(at, columns, fan_in, True, acc[0])
        for r in range(8):
            there, q = row + r // 4 * HALF + r % 4, r * 8 + half * 4
            if there < fan_in and at < columns:
                place = offset + there * width
                store4(dw, place, acc[q], acc[q + 1], acc[q + 2], acc[q + 3])


def large_unit(record, unit, like):
    """The chunk of a large tile by its number, and its row and column; behind the last chunk:
    there is none.
    """
    wide = large_columns(like)
    across = np.int32((record[PARTIALS.columns] + wide - 1) // wide)
    tiles = np.int32(across * np.int32((record[PARTIALS.fan_in] + LARGE - 1) // LARGE))
    chunk = np.int32(unit // tiles)
    tile = np.int32(unit - chunk * tiles)
    return chunk, np.int32(tile // across * LARGE), np.int32(tile % across * wide)


def multiply_chunk(record, acc, i, j, first, rows):
    """acc += the large tile at (i, j) of x^T dz of the rows from sample `first` on."""
    x, dz = slot(record, PARTIALS.x, acc[0]), slot(record, PARTIALS.dz, acc[0])
    multiply_large(
        acc, advance(x, first * record[PARTIALS.x_stride]), 1, record[PARTIALS.x_row],
        record[PARTIALS.fan_in], advance(dz, first * record[PARTIALS.dz_stride]),
        record[PARTIALS.dz_row], False, record[PARTIALS.columns], i, j, rows,
    )  # fmt: skip


def large_chunks(record, frame, lo, hi, like):
    """The same by large tiles, where the rows of a chunk lie at one distance.

    What the loop needs is in shared memory while a tile is summed: the tile takes all registers.
    """
    kept, unit = shared(6, 0), np.int32(block())
    chunk, i, j = large_unit(record, unit, like)
    while chunk < chunks_between(frame, lo, hi):
        if thread() == 0:
            kept[0], kept[1], kept[2], kept[3], kept[4], kept[5] = unit, lo, hi, chunk, i, j
        sample = first_sample(frame, lo, chunk)
        rows = (last_sample(frame, lo, hi, chunk) - sample) * record[PARTIALS.rows]
        barrier()
        acc = local(64, like)
        clear(acc, 64)
        multiply_chunk(record, acc, i, j, sample, rows)
        lo, hi, chunk = kept[1], kept[2], np.int32(kept[3])
        i, j = np.int32(kept[4]), np.int32(kept[5])
        dw = sums_at(record, PARTIALS.dw, record[PARTIALS.dw_chunk], frame, lo, chunk, like)
        store_large(record, dw, acc, i, j)
        unit = np.int32(kept[0] + blocks())
        chunk, i, j = large_unit(record, unit, like)
        barrier()


def sum_biases(record, frame, lo, hi, like):
    """db of each chunk of samples [lo, hi); overwrites."""
    columns = record[PARTIALS.columns]
    for at in range(first(), chunks_between(frame, lo, hi) * columns, everyone()):
        single()
        chunk = np.int32(at) // np.int32(columns)
        c, total = at - chunk * columns, cast(0, like)
        sample, last = first_sample(frame, lo, chunk), last_sample(frame, lo, hi, chunk)
        while sample < last:
            single()
            dz = slot(record, PARTIALS.dz, like)
            x = advance(dz, sample * record[PARTIALS.dz_stride] + c)
            rows = rows_of(record, sample)
            total = total + column_total(x, x, record[PARTIALS.dz_row], rows, total, total, PLAIN)
            sample = np.int32(sample + 1)
        sums_at(record, PARTIALS.db, record[PARTIALS.columns], frame, lo, chunk, like)[c] = total


def units_of(record):
    """The tiles of a chunk: more blocks than samples may have work."""
    return small_tiles(record[PARTIALS.fan_in], record[PARTIALS.columns])


@twin(cpu.dense_partials, units=units_of)
def dense_partials(record, frame, scratch, lo, hi):
    """dw (I, O) and db (O,) of each chunk of samples [lo, hi), which are whole chunks;
    overwrites.
    """
    zero = cast(0, scratch[0])
    fits = is_dense(record) and lanes_of(zero) >= 4 and record[PARTIALS.dz] % 16 == 0
    fits = fits and (record[PARTIALS.dz_row] | record[PARTIALS.columns]) % 4 == 0
    chunks = chunks_between(frame, lo, hi)
    if is_large(record[PARTIALS.fan_in], record[PARTIALS.columns], fits, zero, chunks):
        large_chunks(record, frame, lo, hi, zero)
    else:
        small_chunks(record, frame, lo, hi, zero)
    sum_biases(record, frame, lo, hi, zero)
