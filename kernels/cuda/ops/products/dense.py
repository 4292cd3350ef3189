"""Dense layers: forward, the gradient of the input, and the update of the weights.

As `kernels/ops/products/dense.py`. A tile's gradient stays in registers, and each thread takes the
optimizer's step on what it has summed.
"""

from fusednn.kernels.cuda.language import (
    barrier,
    block,
    blocks,
    local,
    shared,
    store4,
    thread,
    threads,
)
from fusednn.kernels.cuda.ops.updates.settings import own_settings
from fusednn.kernels.cuda.ops.updates.tiles import (
    LARGE_SCRATCH,
    LARGE_UNIT,
    SMALL_SCRATCH,
    SMALL_UNIT,
    note_unit,
    step_large,
    step_small,
    step_tile,
)
from fusednn.kernels.cuda.product import (
    HALF,
    LARGE,
    SMALL_COLUMNS,
    column_of,
    is_large,
    large_column,
    large_columns,
    large_row,
    multiply_large,
    multiply_small,
    small_rows,
    squares_across,
)
from fusednn.kernels.cuda.twins import GRID, twin
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops.frames import rows_of_batch, rows_of_run, runs_of_batch
from fusednn.kernels.ops.products import dense
from fusednn.kernels.ops.products.dense import BACKWARD, FORWARD, UPDATE_WEIGHTS, first_row
from fusednn.kernels.ops.updates.update import MATRIX


def raised(value, floor):
    """The larger of both; a NaN stays one."""
    return floor if value < floor else value


def write_four(out, acc, floor):
    """Writes four elements of one row."""
    store4(
        out, 0, raised(acc[0], floor), raised(acc[1], floor), raised(acc[2], floor),
        raised(acc[3], floor),
    )  # fmt: skip


def multiply(out, stride, x, x_stride, w, w_row, panels, b, m, k, n, floor, fits):
    """out (m, n) = max(x (m, k) w + b, floor), without b where that is None; overwrites.

    `w_row` is as in `column_of`; `fits` says whether out and w can be taken by whole vectors.
    """
    if is_large(m, n, fits, floor):
        wide = large_columns(floor)
        across = (n + wide - 1) // wide
        tiles = across * ((m + LARGE - 1) // LARGE)
        for tile in range(block(), tiles, blocks()):
            i, j = tile // across * LARGE, tile % across * wide
            row, column = i + large_row(), j + large_column()
            acc = local(64, floor)
            for q in range(4 * squares_across(floor)):
                start, at = cast(0, floor), column + q // 4 * HALF + q % 4
                if b is not None:
                    start = b[min(at, n - 1)]
                for r in range(8):
                    acc[r * 8 + q] = start
            multiply_large(acc, x, x_stride, 1, m, w, w_row, panels, n, i, j, k)
            for r in range(8):
                there = row + r // 4 * HALF + r % 4
                for half in range(squares_across(floor)):
                    if there < m and column + half * HALF < n:
                        target = advance(out, there * stride + column + half * HALF)
                        write_four(target, advance(acc, r * 8 + half * 4), floor)
        return
    across = (n + SMALL_COLUMNS - 1) // SMALL_COLUMNS
    tiles = across * ((m + small_rows() - 1) // small_rows())
    for tile in range(block(), tiles, blocks()):
        i, j = tile // across * small_rows(), tile % across * SMALL_COLUMNS
        row, column = i + thread() // 8 * 2, j + thread() % 8 * 4
        acc = local(8, floor)
        for q in range(4):
            start = cast(0, floor)
            if b is not None:
                start = b[min(column + q, n - 1)]
            acc[q] = start
            acc[4 + q] = start
        multiply_small(acc, x, x_stride, 1, m, w, w_row, panels, n, i, j, k)
        for r in range(2):
            for q in range(4):
                if row + r < m and column + q < n:
                    out[(row + r) * stride + column + q] = raised(acc[r * 4 + q], floor)


def forward(record, frame, scratch, lo, hi, panels):
    """Rows [lo, hi) of out (B, O) = max(x (B, I) w + b, floor), with w in panels or row-major."""
    x, w = slot(record, FORWARD.x, scratch[0]), slot(record, FORWARD.w, scratch[0])
    b, out = slot(record, FORWARD.b, scratch[0]), slot(record, FORWARD.out, scratch[0])
    stride, x_stride = record[FORWARD.out_stride], record[FORWARD.x_stride]
    k, n = record[FORWARD.fan_in], record[FORWARD.fan_out]
    fits = (record[FORWARD.out] | record[FORWARD.w]) % 16 == 0 and (stride | n) % 4 == 0
    x = advance(x, first_row(record, frame, lo) * x_stride)
    floor = number(record, FORWARD.floor, scratch[0])
    out, w_row = advance(out, lo * stride), k if panels else n
    multiply(out, stride, x, x_stride, w, w_row, panels, b, hi - lo, k, n, floor, fits)


@twin(dense.dense_forward, spread=GRID)
def dense_forward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = max(x (B, I) w + b, floor); overwrites."""
    forward(record, frame, scratch, lo, hi, True)


@twin(dense.plain_forward, spread=GRID)
def plain_forward(record, frame, scratch, lo, hi):
    """dense_forward with w (I, O) row-major."""
    forward(record, frame, scratch, lo, hi, False)


@twin(dense.dense_backward, spread=GRID)
def dense_backward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of dx (B, I) = dz (B, O) w^T; overwrites."""
    dx, dz = slot(record, BACKWARD.dx, scratch[0]), slot(record, BACKWARD.dz, scratch[0])
    w = slot(record, BACKWARD.w_transposed, scratch[0])
    stride, dz_stride = record[BACKWARD.dx_stride], record[BACKWARD.dz_stride]
    n, k, depth = record[BACKWARD.padded_in], record[BACKWARD.fan_out], record[BACKWARD.padded_out]
    fits = (record[BACKWARD.dx] | record[BACKWARD.w_transposed]) % 16 == 0
    fits = fits and (stride | n) % 4 == 0
    lowest = cast(-float("inf"), scratch[0])
    dx, dz = advance(dx, lo * stride), advance(dz, lo * dz_stride)
    multiply(dx, stride, dz, dz_stride, w, depth, True, None, hi - lo, k, n, lowest, fits)


def clear(acc, n):
    """acc (n) <- 0, where acc is in registers."""
    zero = cast(0, acc[0])
    for q in range(n):
        acc[q] = zero


def sum_small(acc, record, frame, first_row, first_column):
    """acc += the small tile of x^T dz over the whole batch."""
    x, dz = slot(record, UPDATE_WEIGHTS.x, acc[0]), slot(record, UPDATE_WEIGHTS.dz, acc[0])
    x_stride, dz_stride = record[UPDATE_WEIGHTS.x_stride], record[UPDATE_WEIGHTS.dz_stride]
    for run in range(runs_of_batch(record, frame, UPDATE_WEIGHTS.lengths)):
        first, rows = rows_of_run(record, frame, UPDATE_WEIGHTS.lengths, run)
        multiply_small(
            acc, advance(x, first * x_stride), 1, x_stride, record[MATRIX.fan_in],
            advance(dz, first * dz_stride), dz_stride, False, record[MATRIX.columns], first_row,
            first_column, rows,
        )  # fmt: skip


def sum_large(acc, record, frame, first_row, first_column):
    """The same of a large tile, where the rows of the batch are one run."""
    x, dz = slot(record, UPDATE_WEIGHTS.x, acc[0]), slot(record, UPDATE_WEIGHTS.dz, acc[0])
    multiply_large(
        acc, x, 1, record[UPDATE_WEIGHTS.x_stride], record[MATRIX.fan_in], dz,
        record[UPDATE_WEIGHTS.dz_stride], False, record[MATRIX.columns], first_row, first_column,
        rows_of_batch(record, frame),
    )  # fmt: skip


def large_unit(record, unit, like):
    """The row and column of a large unit by its number; beyond the last row: there is none."""
    wide = large_columns(like)
    across = (record[MATRIX.columns] + wide - 1) // wide
    return unit // across * LARGE_UNIT, unit % across * wide


def update_large(record, frame, own, scratch, step, adjust, like):
    """update_weights by large tiles.

    What the loop needs is in shared memory and in the record while a tile is summed, and is read
    again: the tile takes all registers.
    """
    kept, unit = shared(1, 0), block()
    i, j = large_unit(record, unit, like)
    while i < record[MATRIX.fan_in]:
        if thread() == 0:
            kept[0] = unit
        note_unit(record, like, i, j, LARGE_UNIT, large_columns(like), adjust)
        acc = local(64, like)
        clear(acc, 64)
        sum_large(acc, record, frame, i, j)
        i, j = large_unit(record, kept[0], like)
        step_large(record, own, scratch, acc, i, j, step)
        unit = kept[0] + blocks()
        i, j = large_unit(record, unit, like)
        barrier()


@twin(dense.update_weights, spread=GRID, scratch=LARGE_SCRATCH, once=True)
def update_weights(record, frame, scratch, lo, hi, step, adjust):
    """All tiles: the gradient x^T dz over the whole batch, then its step."""
    fan_in, columns = record[MATRIX.fan_in], record[MATRIX.columns]
    fits = record[UPDATE_WEIGHTS.dz] % 16 == 0 and lanes_of(scratch[0]) >= 4
    fits = fits and (record[UPDATE_WEIGHTS.dz_stride] | columns) % 4 == 0
    fits = fits and record[UPDATE_WEIGHTS.lengths] == 0
    own, zero = own_settings(record, frame), cast(0, scratch[0])
    if is_large(fan_in, columns, fits, zero):
        update_large(record, frame, own, scratch, step, adjust, zero)
        return
    across = (columns + SMALL_COLUMNS - 1) // SMALL_COLUMNS
    units = across * ((fan_in + SMALL_UNIT - 1) // SMALL_UNIT)
    for unit in range(block(), units, blocks()):
        first, j = unit // across * SMALL_UNIT, unit % across * SMALL_COLUMNS
        note_unit(record, zero, first, j, SMALL_UNIT, SMALL_COLUMNS, adjust)
        last = min(first + SMALL_UNIT, fan_in)
        for i in range(first, last, small_rows()):
            acc = local(8, scratch[0])
            clear(acc, 8)
            sum_small(acc, record, frame, i, j)
            step_small(record, own, scratch, acc, i, last, j, step)


@twin(dense.apply_gradient, spread=GRID, scratch=SMALL_SCRATCH, once=True)
def apply_gradient(record, frame, scratch, lo, hi, step, adjust):
    """update_weights with a gradient that *store* has written."""
    fan_in, columns = record[MATRIX.fan_in], record[MATRIX.columns]
    own, zero = own_settings(record, frame), cast(0, scratch[0])
    across = (columns + SMALL_COLUMNS - 1) // SMALL_COLUMNS
    units = across * ((fan_in + SMALL_UNIT - 1) // SMALL_UNIT)
    for unit in range(block(), units, blocks()):
        first, j = unit // across * SMALL_UNIT, unit % across * SMALL_COLUMNS
        note_unit(record, zero, first, j, SMALL_UNIT, SMALL_COLUMNS, adjust)
        last, g = min(first + SMALL_UNIT, fan_in), scratch
        for at in range(thread(), SMALL_UNIT * SMALL_COLUMNS, threads()):
            r, c = at // SMALL_COLUMNS, at % SMALL_COLUMNS
            if first + r < last and j + c < columns:
                offset, width = column_of(j + c, columns, fan_in, True, zero)
                gradient = slot(record, dense.STORED_WEIGHTS.gradient, zero)
                g[at] = gradient[offset + (first + r) * width]
        step_tile(record, own, g, SMALL_COLUMNS, SMALL_UNIT, first, last, j, step, zero)
