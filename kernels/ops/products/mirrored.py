"""Weights of two dense layers, of which the second has them transposed.

    w  <- step(w, x^T dz + dz'^T x')          x' w^T being the product of the second layer

Products are those of `dense.py`, whose backward op multiplies by w^T.
"""

from fusednn.kernels import records
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.operands import COUNT, ROWS, op, operands
from fusednn.kernels.ops.updates.update import MATRIX, TILE_ROWS, panel_width, update_tile

from .dense import UPDATE_WEIGHTS, sum_tile
from .far_sums import sum_far

UPDATE = operands(UPDATE_WEIGHTS, turned_x=ROWS, turned_dz=ROWS, turned_rows=COUNT)
"""`turned_x` is x' and `turned_dz` is dz'; each sample has `turned_rows` rows of them."""


@op(UPDATE)
def update_mirrored(record, frame, scratch, lo, hi):
    """Tile at column lo, row hi: the sum of both gradients over the whole batch, then its step."""
    sum_tile(record, frame, scratch, lo, hi)
    rows = min(TILE_ROWS, record[MATRIX.fan_in] - hi)
    width = panel_width(record[MATRIX.columns], lo, scratch[0])
    sum_far(
        scratch, advance(slot(record, UPDATE.turned_dz, scratch[0]), hi),
        advance(slot(record, UPDATE.turned_x, scratch[0]), lo), scratch, width,
        record[UPDATE.turned_dz_stride], record[UPDATE.turned_x_stride], rows, width,
        frame[records.SAMPLES] * record[UPDATE.turned_rows],
    )  # fmt: skip
    return update_tile(record, frame, scratch, hi, lo, rows, width)
