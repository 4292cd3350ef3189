"""A table of tokens that is also the last layer's weights: as `kernels/ops/products/tied.py`.

A tile's product is in the block's scratch when the lookups of its codes are added, by threads
whose neighbours take adjacent columns of dout.
"""

import numpy as np
from fusednn.kernels.cuda.language import barrier, block, blocks, local, single, thread, threads
from fusednn.kernels.cuda.ops.products.dense_updates import sum_small
from fusednn.kernels.cuda.ops.products.partials import sum_unit
from fusednn.kernels.cuda.ops.updates.settings import own_settings
from fusednn.kernels.cuda.ops.updates.tiles import (
    SMALL_SCRATCH,
    SMALL_UNIT,
    begin_unit,
    step_tile,
    units_of,
)
from fusednn.kernels.cuda.tiles.product import SMALL_COLUMNS, clear, put_sums, small_rows
from fusednn.kernels.cuda.twins import GRID, twin
from fusednn.kernels.intrinsics.pointers import slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops.products import tied
from fusednn.kernels.ops.products.tied import UPDATE, UPDATE_PARTIALS


def add_lookups(g, dout, stride, starts, rows, count, first_row, last, first_column, height):
    """g (height, SMALL_COLUMNS) += in each column, a code, the rows of dout that have the code."""
    for n in range(thread(), height * SMALL_COLUMNS, threads()):
        single()
        r, k = n % height, first_column + n // height
        if first_row + r < last and k < count:
            at = r * SMALL_COLUMNS + n // height
            total = g[at]
            for entry in range(starts[k], starts[k + 1]):
                total = total + dout[np.int64(rows[entry]) * stride + first_row + r]
            g[at] = total


@twin(tied.update_tied, spread=GRID, scratch=SMALL_SCRATCH, once=True)
def update_tied(record, frame, scratch, lo, hi, step, adjust):
    """All tiles: x^T dz and the lookups of their codes, then the step."""
    own, zero, rows = own_settings(record, frame), cast(0, scratch[0]), small_rows()
    for unit in range(block(), units_of(record), blocks()):
        single()
        first, last, j = begin_unit(record, unit, adjust, zero)
        for i in range(first, last, rows):
            single()
            acc = local(8, zero)
            clear(acc, 8)
            sum_small(acc, record, frame, i, j)
            put_sums(scratch, acc)
            barrier()
            add_lookups(
                scratch, slot(record, UPDATE.dout, zero), record[UPDATE.dout_stride],
                slot(record, UPDATE.starts, 0), slot(record, UPDATE.entry_rows, np.int32(0)),
                record[UPDATE.count], i, last, j, rows,
            )  # fmt: skip
            step_tile(record, own, scratch, SMALL_COLUMNS, rows, i, last, j, step, zero)


@twin(tied.update_tied_partials, spread=GRID, scratch=SMALL_SCRATCH, once=True)
def update_tied_partials(record, frame, scratch, lo, hi, step, adjust):
    """update_tied with the sums of x^T dz over chunks."""
    own, zero = own_settings(record, frame), cast(0, scratch[0])
    for unit in range(block(), units_of(record), blocks()):
        single()
        first, last, j = begin_unit(record, unit, adjust, zero)
        sum_unit(record, frame, scratch, first, last, j, zero)
        barrier()
        add_lookups(
            scratch, slot(record, UPDATE_PARTIALS.dout, zero),
            record[UPDATE_PARTIALS.dout_stride], slot(record, UPDATE_PARTIALS.starts, 0),
            slot(record, UPDATE_PARTIALS.entry_rows, np.int32(0)),
            record[UPDATE_PARTIALS.count], first, last, j, SMALL_UNIT,
        )  # fmt: skip
        step_tile(record, own, scratch, SMALL_COLUMNS, SMALL_UNIT, first, last, j, step, zero)
