"""The optimizer's step on tiles of weights whose gradient is in registers.

On the CPU a task is a tile of TILE_ROWS rows and one panel. Here a block takes a *unit* of several
such tiles, or of one: first it notes what the totals of the step need of the weights, each tile's
sum in the CPU's order, then each thread changes the weights whose gradient it has summed.
"""

from fusednn.kernels import records
from fusednn.kernels.cuda.lane_sums import lane_sum, over_lanes
from fusednn.kernels.cuda.language import barrier, load4, local, shared, store4, thread, threads
from fusednn.kernels.cuda.ops.updates.settings import add_sign
from fusednn.kernels.cuda.product import (
    HALF,
    LARGE,
    SMALL_ROWS,
    column_of,
    large_column,
    large_row,
)
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.tiles import VECTORS
from fusednn.kernels.ops.updates.adjust import absolutes_factor
from fusednn.kernels.ops.updates.update import (
    MATRIX,
    TILE_ROWS,
    UPDATE,
    panel_width,
    squares_factor,
)

LARGE_UNIT = LARGE // TILE_ROWS * TILE_ROWS
"""Rows of a unit: whole tiles of the CPU."""

SMALL_UNIT = SMALL_ROWS // TILE_ROWS * TILE_ROWS


def tile_in_unit(record, first_row, first_column, rows, columns, number, like):
    """The row and column of a unit's tile by its number; they may lie outside the matrix."""
    panels = columns // (VECTORS * lanes_of(like))
    i = first_row + number // panels * TILE_ROWS
    return i, first_column + number % panels * VECTORS * lanes_of(like)


def note_sums(record, like, sums, first_row, first_column, rows, columns, out, factor, absolute):
    """Writes the sum of each tile of a unit to `out`."""
    fan_in, lanes, full = record[MATRIX.fan_in], lanes_of(like), VECTORS * lanes_of(like)
    per_panel = (fan_in + TILE_ROWS - 1) // TILE_ROWS
    tiles = rows // TILE_ROWS * (columns // full)
    for chain in range(thread(), tiles * lanes, threads()):
        i, j = tile_in_unit(record, first_row, first_column, rows, columns, chain // lanes, like)
        if i < fan_in and j < record[MATRIX.columns]:
            width = panel_width(record[MATRIX.columns], j, like)
            w = advance(slot(record, UPDATE.parameters, like), j * fan_in + i * width)
            n = min(TILE_ROWS, fan_in - i) * width
            sums[chain] = lane_sum(w, chain % lanes, n, absolute)
    barrier()
    for tile in range(thread(), tiles, threads()):
        i, j = tile_in_unit(record, first_row, first_column, rows, columns, tile, like)
        if i < fan_in and j < record[MATRIX.columns]:
            total = over_lanes(advance(sums, tile * lanes), lanes) * factor
            out[j // full * per_panel + i // TILE_ROWS] = total
    barrier()


def note_unit(record, scratch, first_row, first_column, rows, columns, adjust):
    """What the totals need of a unit's weights before they change."""
    like = scratch[0]
    sums = shared(256, 0.0)
    if record[UPDATE.squares_out] != 0:
        out = slot(record, UPDATE.squares_out, 0.0)
        factor = squares_factor(record)
        note_sums(record, like, sums, first_row, first_column, rows, columns, out, factor, False)
    if record[UPDATE.absolutes_out] != 0:
        out = slot(record, UPDATE.absolutes_out, 0.0)
        factor = 0.0
        if adjust is not None:
            factor = absolutes_factor(record)
        note_sums(record, like, sums, first_row, first_column, rows, columns, out, factor, True)


def read_four(into, source, at, whole):
    """Four elements, or two."""
    if whole:
        into[0], into[1], into[2], into[3] = load4(source, at)
    else:
        into[0], into[1] = source[at], source[at + 1]


def write_four(target, at, values, whole):
    """Four elements, or two."""
    if whole:
        store4(target, at, values[0], values[1], values[2], values[3])
    else:
        target[at], target[at + 1] = values[0], values[1]


def is_whole(columns, column, like):
    """Whether four columns from `column` on exist: always, where vectors are that wide."""
    return lanes_of(like) >= 4 or columns - column >= 4


def step_four(record, own, acc, row, last, column, step):
    """Steps on four weights of a row; acc has their gradient, then their new values.

    Few at once: the gradient of all of a tile stays in registers meanwhile.
    """
    if row >= last:
        return
    like, columns = acc[0], record[MATRIX.columns]
    offset, width = column_of(column, columns, record[MATRIX.fan_in], True, like)
    place, whole = offset + row * width, is_whole(columns, column, like)
    w, s1 = slot(record, UPDATE.parameters, like), slot(record, UPDATE.state_1, like)
    s2, s3 = slot(record, UPDATE.state_2, like), slot(record, UPDATE.state_3, like)
    has_2 = record[UPDATE.state_2] != record[UPDATE.state_1]
    has_3 = record[UPDATE.state_3] != record[UPDATE.state_2]
    values, slope = local(4, like), local(4, like)
    first, second, third = local(4, like), local(4, like), local(4, like)
    for c in range(4):
        values[c], slope[c] = cast(0, like), acc[c]
        first[c], second[c], third[c] = cast(0, like), cast(0, like), cast(0, like)
    read_four(values, w, place, whole)
    read_four(first, s1, place, whole)
    if has_2:
        read_four(second, s2, place, whole)
    if has_3:
        read_four(third, s3, place, whole)
    if own[records.L1] != 0.0:
        share = cast(own[records.L1] * absolutes_factor(record), like)
        for c in range(4):
            slope[c] = add_sign(slope[c], values[c], share)
    decay, constants = cast(own[records.DECAY], like), slot(record, UPDATE.constants, 0.0)
    step(values, slope, first, second, third, 4, decay, own, constants)
    write_four(w, place, values, whole)
    write_four(s1, place, first, whole)
    if has_2:
        write_four(s2, place, second, whole)
    if has_3:
        write_four(s3, place, third, whole)
    for c in range(4):
        acc[c] = values[c]


def transposed_place(fan_in, columns, row, column, like):
    """Where weight (row, column) lies in the panels of w^T, and the distance of its columns."""
    lanes = lanes_of(like)
    padded_in = (fan_in + lanes - 1) // lanes * lanes
    offset, width = column_of(row, padded_in, columns, True, like)
    return offset + column * width, width


def refresh_four(record, acc, row, last, column):
    """Writes four rows of four new weights, acc with eight from row to row, into those of w^T."""
    copy = slot(record, UPDATE.transposed, acc[0])
    fan_in, columns = record[MATRIX.fan_in], record[MATRIX.columns]
    place, width = transposed_place(fan_in, columns, row, column, acc[0])
    for c in range(4):
        there = advance(copy, place + c * width)
        if row + 3 < last:
            store4(there, 0, acc[c], acc[8 + c], acc[16 + c], acc[24 + c])
        else:
            for r in range(3):
                if row + r < last:
                    there[r] = acc[r * 8 + c]


def step_square(record, own, acc, row, column, last, step):
    """The step on four rows of four weights of a large tile."""
    if row >= last or column >= record[MATRIX.columns]:
        return
    step_four(record, own, acc, row, last, column, step)
    step_four(record, own, advance(acc, 8), row + 1, last, column, step)
    step_four(record, own, advance(acc, 16), row + 2, last, column, step)
    step_four(record, own, advance(acc, 24), row + 3, last, column, step)
    if record[UPDATE.transposed] != 0:
        refresh_four(record, acc, row, last, column)


def step_large(record, own, acc, first_row, first_column, step):
    """The step on the large tile at (first_row, first_column), whose gradient is in acc.

    Its squares are written out: a loop's index would put acc into memory.
    """
    last = min(first_row + LARGE_UNIT, record[MATRIX.fan_in])
    row, column = first_row + large_row(), first_column + large_column()
    step_square(record, own, acc, row, column, last, step)
    step_square(record, own, advance(acc, 4), row, column + HALF, last, step)
    step_square(record, own, advance(acc, 32), row + HALF, column, last, step)
    step_square(record, own, advance(acc, 36), row + HALF, column + HALF, last, step)


def step_small(record, own, acc, first_row, last, first_column, step):
    """The step on the small tile at (first_row, first_column), whose gradient is in acc."""
    row, column = first_row + thread() // 8 * 2, first_column + thread() % 8 * 4
    if row >= last or column >= record[MATRIX.columns]:
        return
    step_four(record, own, acc, row, last, column, step)
    step_four(record, own, advance(acc, 4), row + 1, last, column, step)
    if record[UPDATE.transposed] == 0:
        return
    copy = slot(record, UPDATE.transposed, acc[0])
    fan_in, columns = record[MATRIX.fan_in], record[MATRIX.columns]
    for r in range(2):
        if row + r < last:
            place, width = transposed_place(fan_in, columns, row + r, column, acc[0])
            for c in range(4):
                if column + c < columns:
                    copy[place + c * width] = acc[r * 4 + c]


def read_small(record, acc, gradient, first_row, last, first_column):
    """The part of a stored gradient that a thread steps on: as `multiply_small` leaves it."""
    row, column = first_row + thread() // 8 * 2, first_column + thread() % 8 * 4
    columns = record[MATRIX.columns]
    if column >= columns:
        return
    offset, width = column_of(column, columns, record[MATRIX.fan_in], True, acc[0])
    whole = is_whole(columns, column, acc[0])
    for r in range(2):
        if row + r < last:
            read_four(advance(acc, r * 4), gradient, offset + (row + r) * width, whole)
