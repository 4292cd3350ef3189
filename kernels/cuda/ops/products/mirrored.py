"""Weights of two layers, one of which has them transposed: as `kernels/ops/products/mirrored.py`.

Both gradients of a tile are one chain.
"""

from fusednn.kernels import records
from fusednn.kernels.cuda.language import block, blocks, local, single
from fusednn.kernels.cuda.ops.products.dense_updates import sum_small
from fusednn.kernels.cuda.ops.updates.settings import own_settings
from fusednn.kernels.cuda.ops.updates.tiles import (
    SMALL_SCRATCH,
    begin_unit,
    step_small,
    units_of,
)
from fusednn.kernels.cuda.tiles.product import clear, multiply_small, small_rows
from fusednn.kernels.cuda.twins import GRID, twin
from fusednn.kernels.intrinsics.pointers import slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops.products import mirrored
from fusednn.kernels.ops.products.mirrored import UPDATE
from fusednn.kernels.ops.updates.update import MATRIX


def add_turned(acc, record, frame, first_row, first_column):
    """acc += the small tile of the second layer's gradient over the whole batch."""
    x, dz = slot(record, UPDATE.turned_x, acc[0]), slot(record, UPDATE.turned_dz, acc[0])
    multiply_small(
        acc, dz, 1, record[UPDATE.turned_dz_stride], record[MATRIX.fan_in], x,
        record[UPDATE.turned_x_stride], False, record[MATRIX.columns], first_row, first_column,
        frame[records.SAMPLES] * record[UPDATE.turned_rows],
    )  # fmt: skip


@twin(mirrored.update_mirrored, spread=GRID, scratch=SMALL_SCRATCH, once=True)
def update_mirrored(record, frame, scratch, lo, hi, step, adjust):
    """All tiles: the sum of both gradients over the whole batch, then its step."""
    own, zero = own_settings(record, frame), cast(0, scratch[0])
    for unit in range(block(), units_of(record), blocks()):
        single()
        first, last, j = begin_unit(record, unit, adjust, zero)
        for i in range(first, last, small_rows()):
            single()
            acc = local(8, zero)
            clear(acc, 8)
            sum_small(acc, record, frame, i, j)
            add_turned(acc, record, frame, i, j)
            step_small(record, own, scratch, acc, i, last, j, step)
