"""The update of dense layers' weights: as `kernels/ops/products/dense.py`.

A tile's gradient stays in registers, and each thread takes the optimizer's step on what it has
summed.
"""

from fusednn.kernels.cuda.language import barrier, block, blocks, local, shared, thread, threads
from fusednn.kernels.cuda.ops.updates.settings import own_settings
from fusednn.kernels.cuda.ops.updates.tiles import (
    LARGE_SCRATCH,
    LARGE_UNIT,
    SMALL_SCRATCH,
    SMALL_UNIT,
    begin_unit,
    note_unit,
    step_large,
    step_small,
    step_tile,
    units_of,
)
from fusednn.kernels.cuda.spreading import divided
from fusednn.kernels.cuda.tiles.product import (
    SMALL_COLUMNS,
    clear,
    column_of,
    is_large,
    large_columns,
    multiply_large,
    multiply_small,
    small_rows,
)
from fusednn.kernels.cuda.twins import GRID, twin
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops.frames import rows_of_batch, rows_of_run, runs_of_batch
from fusednn.kernels.ops.products import dense
from fusednn.kernels.ops.products.dense import STORED_WEIGHTS, UPDATE_WEIGHTS
from fusednn.kernels.ops.updates.update import MATRIX


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
    i, j = divided(unit, across)
    return i * LARGE_UNIT, j * wide


def update_large(record, frame, own, scratch, step, adjust, like):
    """update_weights by large tiles.

    What the loop needs is in shared memory and in the record while a tile is summed, and is read
    again: the tile takes all registers.
    """
    kept, unit = shared(3, 0), block()
    i, j = large_unit(record, unit, like)
    while i < record[MATRIX.fan_in]:
        if thread() == 0:
            kept[0], kept[1], kept[2] = unit, i, j
        note_unit(record, like, i, j, LARGE_UNIT, large_columns(like), adjust)
        acc = local(64, like)
        clear(acc, 64)
        sum_large(acc, record, frame, i, j)
        i, j = kept[1], kept[2]
        step_large(record, own, scratch, acc, i, j, step)
        unit = kept[0] + blocks()
        i, j = large_unit(record, unit, like)
        barrier()


@twin(dense.update_weights, spread=GRID, scratch=LARGE_SCRATCH, once=True, small=SMALL_SCRATCH)
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
    unit = block()
    while unit < units_of(record):
        first, last, j = begin_unit(record, unit, adjust, zero)
        i = first
        while i < last:
            acc = local(8, scratch[0])
            clear(acc, 8)
            sum_small(acc, record, frame, i, j)
            step_small(record, own, scratch, acc, i, last, j, step)
            i += small_rows()
        unit += blocks()


@twin(dense.apply_gradient, spread=GRID, scratch=SMALL_SCRATCH, once=True)
def apply_gradient(record, frame, scratch, lo, hi, step, adjust):
    """update_weights with a gradient that *store* has written."""
    fan_in, columns = record[MATRIX.fan_in], record[MATRIX.columns]
    own, zero = own_settings(record, frame), cast(0, scratch[0])
    unit = block()
    while unit < units_of(record):
        first, last, j = begin_unit(record, unit, adjust, zero)
        g, at = scratch, thread()
        while at < SMALL_UNIT * SMALL_COLUMNS:
            r, c = at // SMALL_COLUMNS, at % SMALL_COLUMNS
            if first + r < last and j + c < columns:
                offset, width = column_of(j + c, columns, fan_in, True, zero)
                gradient = slot(record, STORED_WEIGHTS.gradient, zero)
                g[at] = gradient[offset + (first + r) * width]
            at += threads()
        step_tile(record, own, g, SMALL_COLUMNS, SMALL_UNIT, first, last, j, step, zero)
        unit += blocks()
