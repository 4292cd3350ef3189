"""Dense layers in a plan: forward, the gradient of the input, and the update of the weights.

    out = max(x w + b, floor)       w in panels
    dx  = dz w^T                    w^T in panels, kept up to date by the update
    w  <- step(w, x^T dz)           tile by tile; the gradient stays in the scratch

where dz is the gradient of the loss by x w + b.
"""

from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.gemm import multiply_edge, multiply_panel, multiply_panels, multiply_plain
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.tiles import MICRO_ROWS as TILE
from fusednn.kernels.intrinsics.tiles import ahead_to_write
from fusednn.kernels.operands import COUNT, INT64, NUMBER, REALS, ROWS, maybe, op, operands
from fusednn.kernels.ops.frames import rows_of_batch, rows_of_run, runs_of_batch
from fusednn.kernels.ops.pointwise.elementwise import clear_columns
from fusednn.kernels.ops.updates.update import (
    MATRIX,
    TILE_CALLS,
    TILE_ROWS,
    UPDATE,
    panel_width,
    update_tile,
)

from .far_sums import sum_far

BATCH_BLOCK = 256
"""Rows of the batch that are multiplied into all register tiles of a weight tile before the next
rows, so that x and dz stay in the cache.

With 2,048 at once a step of 2048-2048-2048-10 took 353 ms, 70 % of it in the tiles.
"""

FORWARD = operands(
    out=ROWS,
    x=ROWS,
    w=REALS,
    b=REALS,
    fan_in=COUNT,
    fan_out=COUNT,  # padded to whole vectors, except in plain_forward and narrow_forward
    floor=NUMBER,  # the least output: 0 for ReLU, else minus infinity
    in_place=maybe(COUNT),  # whether x is the data itself, in its own order, rather than a buffer
)
BACKWARD = operands(
    dx=ROWS,
    dz=ROWS,
    w_transposed=REALS,
    zeros=REALS,
    padded_in=COUNT,
    fan_out=COUNT,
    padded_out=COUNT,
)
UPDATE_WEIGHTS = operands(MATRIX, x=ROWS, dz=ROWS, zeros=REALS, lengths=maybe(INT64))
STORED_WEIGHTS = operands(MATRIX, gradient=REALS)


@kernel
def first_row(record, frame, lo):
    """The row of x at row `lo` of the buffers."""
    if record[FORWARD.in_place] != 0:
        return (frame[records.START] + frame[records.SHIFT]) * record[records.POSITIONS] + lo
    return lo


@op(FORWARD)
def dense_forward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = max(x (B, I) w + b, floor); overwrites."""
    x, w = slot(record, FORWARD.x, scratch[0]), slot(record, FORWARD.w, scratch[0])
    b, out = slot(record, FORWARD.b, scratch[0]), slot(record, FORWARD.out, scratch[0])
    stride, rows, first = record[FORWARD.out_stride], hi - lo, first_row(record, frame, lo)
    floor = number(record, FORWARD.floor, scratch[0])
    lowest = cast(-float("inf"), scratch[0])
    x_stride, fan_in = record[FORWARD.x_stride], record[FORWARD.fan_in]
    x = advance(x, first * x_stride)
    multiply_panels(
        advance(out, lo * stride), stride, x, x_stride, w, fan_in, b, 0, rows, fan_in,
        record[FORWARD.fan_out], floor, lowest,
    )  # fmt: skip
    return 0


@op(FORWARD)
def plain_forward(record, frame, scratch, lo, hi):
    """dense_forward with w (I, O) row-major: for a few rows packing would cost more."""
    x, w = slot(record, FORWARD.x, scratch[0]), slot(record, FORWARD.w, scratch[0])
    b, out = slot(record, FORWARD.b, scratch[0]), slot(record, FORWARD.out, scratch[0])
    stride, rows, columns = record[FORWARD.out_stride], hi - lo, record[FORWARD.fan_out]
    x = advance(x, first_row(record, frame, lo) * record[FORWARD.x_stride])
    multiply_plain(
        advance(out, lo * stride), stride, x, record[FORWARD.x_stride], 1, w, columns, b, 0, rows,
        record[FORWARD.fan_in], columns, number(record, FORWARD.floor, scratch[0]),
    )  # fmt: skip
    return 0


@op(BACKWARD)
def dense_backward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of dx (B, I) = dz (B, O) w^T; overwrites."""
    dx, dz = slot(record, BACKWARD.dx, scratch[0]), slot(record, BACKWARD.dz, scratch[0])
    w = slot(record, BACKWARD.w_transposed, scratch[0])
    zeros = slot(record, BACKWARD.zeros, scratch[0])
    stride, dz_stride, rows = record[BACKWARD.dx_stride], record[BACKWARD.dz_stride], hi - lo
    lowest = cast(-float("inf"), scratch[0])
    dz = advance(dz, lo * dz_stride)
    multiply_panels(
        advance(dx, lo * stride), stride, dz, dz_stride, w, record[BACKWARD.padded_out], zeros, 0,
        rows, record[BACKWARD.fan_out], record[BACKWARD.padded_in], lowest, lowest,
    )  # fmt: skip
    return 0


@kernel
def prefetch_target(record, g, i, j, width, part):
    """The first line to prefetch during register tile `part` of a weight tile's eight.

    Two register tiles each prefetch the weights, state 1, state 2 and the transposed copy.
    """
    stream, half = part // 2, part % 2 * TILE_ROWS // 2
    if record[UPDATE.parameters + stream] == 0:  # no transposed copy
        return g
    start = slot(record, UPDATE.parameters + stream, g[0])
    if stream == UPDATE.transposed - UPDATE.parameters:
        return advance(start, (i + half) * record[MATRIX.columns] + j * width)
    return advance(start, j * record[MATRIX.fan_in] + (i + half) * width)


@kernel
def multiply_tile(record, g, x, x_stride, dz, dz_stride, zeros, batch, i, j, width):
    """g (TILE_ROWS x width) = x^T dz, while prefetching what the step needs; overwrites."""
    lowest = cast(-float("inf"), g[0])
    start, stride, k = zeros, 0, 0
    while k < batch:
        size = batch - k if 2 * (batch - k) <= 3 * BATCH_BLOCK else BATCH_BLOCK
        # at most one cache line per k: in small batches some lines are not prefetched
        pace = min(lanes_of(g[0]), TILE_ROWS * width // (2 * size) + 1)
        for part in range(TILE_CALLS):
            at = part * TILE * width
            ahead = prefetch_target(record, g, i, j, width, part) if k + size == batch else g
            ahead_to_write(
                advance(g, at), width, advance(x, k * x_stride + part * TILE), 1, x_stride,
                advance(dz, k * dz_stride), dz_stride, 0,
                advance(start, at * stride), width * stride, size, lowest, ahead, pace,
            )  # fmt: skip
        start, stride = g, 1
        k += size


@kernel
def sum_tile(record, frame, scratch, j, i):
    """The gradient x^T dz over the whole batch of the tile at column j, row i; overwrites."""
    rows = min(TILE_ROWS, record[MATRIX.fan_in] - i)
    width = panel_width(record[MATRIX.columns], j, scratch[0])
    x = advance(slot(record, UPDATE_WEIGHTS.x, scratch[0]), i)
    dz = advance(slot(record, UPDATE_WEIGHTS.dz, scratch[0]), j)
    zeros = slot(record, UPDATE_WEIGHTS.zeros, scratch[0])
    lowest = cast(-float("inf"), scratch[0])
    batch = rows_of_batch(record, frame)
    x_stride = record[UPDATE_WEIGHTS.x_stride]
    dz_stride = record[UPDATE_WEIGHTS.dz_stride]
    if record[records.POSITIONS] > 1 or record[UPDATE_WEIGHTS.lengths] != 0:  # of all steps
        start, start_row = zeros, 0
        if record[UPDATE_WEIGHTS.lengths] != 0:  # no series of a window may have a step
            clear_columns(scratch, 0, rows * width)
            start, start_row = scratch, width
        for run in range(runs_of_batch(record, frame, UPDATE_WEIGHTS.lengths)):
            first, count = rows_of_run(record, frame, UPDATE_WEIGHTS.lengths, run)
            if count > 0:
                sum_far(
                    scratch, advance(x, first * x_stride), advance(dz, first * dz_stride), start,
                    start_row, x_stride, dz_stride, rows, width, count,
                )  # fmt: skip
            start, start_row = scratch, width
    elif width == lanes_of(scratch[0]):
        multiply_edge(scratch, width, x, 1, x_stride, dz, dz_stride, zeros, 0, rows, batch, lowest)
    elif rows == TILE_ROWS:
        multiply_tile(record, scratch, x, x_stride, dz, dz_stride, zeros, batch, i, j, width)
    else:
        multiply_panel(
            scratch, width, x, 1, x_stride, dz, dz_stride, zeros, 0, rows, batch, lowest
        )


@op(UPDATE_WEIGHTS)
def update_weights(record, frame, scratch, lo, hi):
    """Tile at column lo, row hi: its gradient x^T dz over the whole batch, then its step."""
    sum_tile(record, frame, scratch, lo, hi)
    rows = min(TILE_ROWS, record[MATRIX.fan_in] - hi)
    width = panel_width(record[MATRIX.columns], lo, scratch[0])
    return update_tile(record, frame, scratch, hi, lo, rows, width)


@op(STORED_WEIGHTS)
def apply_gradient(record, frame, scratch, lo, hi):
    """update_weights with a gradient that *store* has written."""
    j, i = lo, hi
    rows = min(TILE_ROWS, record[MATRIX.fan_in] - i)
    width = panel_width(record[MATRIX.columns], j, scratch[0])
    g = advance(
        slot(record, STORED_WEIGHTS.gradient, scratch[0]), j * record[MATRIX.fan_in] + i * width
    )
    return update_tile(record, frame, g, i, j, rows, width)
