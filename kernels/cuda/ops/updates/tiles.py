"""The optimizer's step on tiles of weights whose gradient is in registers.

On the CPU a task is a tile of TILE_ROWS rows and one panel. Here a block takes a *unit* of several
such tiles, or of one: first it notes what the totals of the step need of the weights, each tile's
sum in the CPU's order, then each thread changes the weights whose gradient it has summed.
"""

from fusednn.kernels import records
from fusednn.kernels.cuda.language import barrier, load4, local, shared, store4, thread, threads
from fusednn.kernels.cuda.ops.updates.settings import add_sign
from fusednn.kernels.cuda.spreading import divided
from fusednn.kernels.cuda.sums.lanes import add_lanes, lane_sum
from fusednn.kernels.cuda.tiles.product import (
    HALF,
    LARGE,
    SMALL_COLUMNS,
    SMALL_ROWS,
    column_of,
    large_column,
    large_columns,
    large_row,
    put_sums,
    small_rows,
    squares_across,
    tile_memory,
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

TILE = SMALL_COLUMNS
"""Columns of a tile in shared memory."""

LARGE_SCRATCH, SMALL_SCRATCH = LARGE * LARGE, SMALL_ROWS * TILE
"""Elements of a block's scratch, which holds a tile's gradient."""

SMALL_UNIT = SMALL_ROWS // TILE_ROWS * TILE_ROWS


def units_across(record):
    """The small units of a matrix side by side."""
    return (record[MATRIX.columns] + TILE - 1) // TILE


def units_of(record):
    """All of them."""
    return units_across(record) * ((record[MATRIX.fan_in] + SMALL_UNIT - 1) // SMALL_UNIT)


def tile_in_unit(first_row, first_column, columns, number, like):
    """The row and column of a unit's tile by its number; they may lie outside the matrix."""
    panels = columns // (VECTORS * lanes_of(like))
    i = first_row + number // panels * TILE_ROWS
    return i, first_column + number % panels * VECTORS * lanes_of(like)


def note_sums(record, like, sums, first_row, first_column, rows, columns, out, factor, absolute):
    """Writes the sum of each tile of a unit to `out`."""
    fan_in, lanes, full = record[MATRIX.fan_in], lanes_of(like), VECTORS * lanes_of(like)
    per_panel = (fan_in + TILE_ROWS - 1) // TILE_ROWS
    tiles = rows // TILE_ROWS * (columns // full)
    chain = thread()
    while chain < tiles * lanes:
        i, j = tile_in_unit(first_row, first_column, columns, chain // lanes, like)
        if i < fan_in and j < record[MATRIX.columns]:
            width = panel_width(record[MATRIX.columns], j, like)
            w = advance(slot(record, UPDATE.parameters, like), j * fan_in + i * width)
            n = min(TILE_ROWS, fan_in - i) * width
            sums[chain] = lane_sum(w, chain % lanes, n, absolute)
        chain += threads()
    barrier()
    tile = thread()
    while tile < tiles:
        i, j = tile_in_unit(first_row, first_column, columns, tile, like)
        if i < fan_in and j < record[MATRIX.columns]:
            total = add_lanes(advance(sums, tile * lanes), lanes) * factor
            out[j // full * per_panel + i // TILE_ROWS] = total
        tile += threads()
    barrier()


def note_unit(record, like, first_row, first_column, rows, columns, adjust):
    """What the totals need of a unit's weights before they change."""
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


def begin_unit(record, unit, adjust, like):
    """The first row of a small unit by its number, the row behind it, and its first column.

    Notes what the totals need of its weights.
    """
    i, j = divided(unit, units_across(record))
    first = i * SMALL_UNIT
    note_unit(record, like, first, j * TILE, SMALL_UNIT, TILE, adjust)
    return first, min(first + SMALL_UNIT, record[MATRIX.fan_in]), j * TILE


def place_of(row, column):
    """Where an element of a tile of new weights lies in shared memory, whose rows are 32 wide.

    Groups of four columns change places from one four rows to the next, so that threads that read
    down a column as well as those that read along rows find different banks.
    """
    return row * TILE + (column // 4 ^ row // 4 % 8) * 4 + column % 4


def is_whole(columns, column, like):
    """Whether four columns from `column` on exist: always, where vectors are that wide."""
    return lanes_of(like) >= 4 or columns - column >= 4


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


def step_four(record, own, g, row, column, step):
    """The step on four weights of a row; g has their gradient, then their new values."""
    like, columns = g[0], record[MATRIX.columns]
    offset, width = column_of(column, columns, record[MATRIX.fan_in], True, like)
    place, whole = offset + row * width, is_whole(columns, column, like)
    w, s1 = slot(record, UPDATE.parameters, like), slot(record, UPDATE.state_1, like)
    s2, s3 = slot(record, UPDATE.state_2, like), slot(record, UPDATE.state_3, like)
    has_2 = record[UPDATE.state_2] != record[UPDATE.state_1]
    has_3 = record[UPDATE.state_3] != record[UPDATE.state_2]
    values, slope = local(4, like), local(4, like)
    first, second, third = local(4, like), local(4, like), local(4, like)
    for c in range(4):
        values[c], slope[c] = cast(0, like), g[c]
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
        g[c] = values[c]


def transposed_place(fan_in, columns, row, column, like):
    """Where weight (row, column) lies in the panels of w^T, and the distance of its columns."""
    lanes = lanes_of(like)
    padded_in = (fan_in + lanes - 1) // lanes * lanes
    offset, width = column_of(row, padded_in, columns, True, like)
    return offset + column * width, width


def refresh_tile(record, tile, rows, first_row, last, first_column, like):
    """Writes a tile of new weights into the panels of w^T, four rows at a time."""
    copy = slot(record, UPDATE.transposed, like)
    fan_in, columns = record[MATRIX.fan_in], record[MATRIX.columns]
    number = thread()
    while number < (rows + 31) // 32 * 32 * 8:
        r, c = (number % 8 + number // 256 * 8) * 4, number // 8 % TILE
        row, column = first_row + r, first_column + c
        if row >= last or column >= columns:
            pass
        elif row + 3 < last and lanes_of(like) >= 4:
            place, _ = transposed_place(fan_in, columns, row, column, like)
            store4(
                copy, place, tile[place_of(r, c)], tile[place_of(r + 1, c)],
                tile[place_of(r + 2, c)], tile[place_of(r + 3, c)],
            )  # fmt: skip
        else:
            for q in range(min(4, last - row)):
                place, _ = transposed_place(fan_in, columns, row + q, column, like)
                copy[place] = tile[place_of(r + q, c)]
        number += threads()


def step_tile(record, own, g, g_row, rows, first_row, last, first_column, step, like):
    """The step on the weights of a tile (rows, 32) at (first_row, first_column), up to row `last`.

    g is its gradient, in memory of the block with g_row elements from row to row. All threads take
    part; g is free again when this returns.
    """
    tile = tile_memory(like)
    barrier()
    number = thread()
    while number < rows * 8:
        r, c = number // 8, number % 8 * 4
        row, column = first_row + r, first_column + c
        if row < last and column < record[MATRIX.columns]:
            slope, at = local(4, like), r * g_row + c
            slope[0], slope[1], slope[2], slope[3] = load4(g, at)
            step_four(record, own, slope, row, column, step)
            store4(tile, place_of(r, c), slope[0], slope[1], slope[2], slope[3])
        number += threads()
    barrier()
    if record[UPDATE.transposed] != 0:
        refresh_tile(record, tile, rows, first_row, last, first_column, like)
        barrier()


def step_large(record, own, scratch, acc, first_row, first_column, step):
    """The step on the large tile at (first_row, first_column), whose gradient is in acc.

    It goes through the block's scratch, which stays in the second-level cache: a step has no
    registers beside 64 sums.
    """
    like, wide = acc[0], large_columns(acc[0])
    last = min(first_row + LARGE_UNIT, record[MATRIX.fan_in])
    mine = advance(scratch, large_row() * wide + large_column())
    for r in range(8):
        for half in range(squares_across(like)):
            at, there = r * 8 + half * 4, (r // 4 * HALF + r % 4) * wide + half * HALF
            store4(mine, there, acc[at], acc[at + 1], acc[at + 2], acc[at + 3])
    for first in range(0, wide, TILE):
        step_tile(
            record, own, advance(scratch, first), wide, LARGE, first_row, last,
            first_column + first, step, like,
        )  # fmt: skip


def step_small(record, own, g, acc, first_row, last, first_column, step):
    """The step on the small tile at (first_row, first_column), whose gradient is in acc."""
    put_sums(g, acc)
    step_tile(record, own, g, TILE, small_rows(), first_row, last, first_column, step, acc[0])
