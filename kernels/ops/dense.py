"""Dense layers in a plan: forward, the gradient of the input, and the update of the weights.

    out = max(x w + b, floor)       w in panels
    dx  = dz w^T                    w^T in panels, kept fresh by the update
    w  <- step(w, x^T dz)           tile by tile; the gradient stays in the scratch

where dz is the gradient of the loss by x w + b.
"""

from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.gemm import multiply_edge, multiply_panel, multiply_panels, multiply_plain
from fusednn.kernels.intrinsics.layout import lanes_of, sum_squares, transpose_square
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.sync import call
from fusednn.kernels.intrinsics.tiles import (
    ROW_PANELS,
    ROWS,
    VECTORS,
    ahead_to_write,
    tile_one,
    tile_row,
)

from .frames import step_settings

TILE_CALLS = 8
TILE_ROWS = TILE_CALLS * ROWS
"""Rows of a weight tile: on every shape a multiple of a panel's columns."""

BATCH_BLOCK = 256
"""Rows of the batch that a tile's register tiles go over in turn, while x and dz stay near.

With 2,048 at once a step of 2048-2048-2048-10 took 353 ms, 70 % of it in the tiles.
"""

# operands of dense_forward
X = 1
X_STRIDE = 2
W = 3
B = 4
OUT = 5
OUT_STRIDE = 6
FAN_IN = 7
FAN_OUT = 8  # padded to the vector, but in plain_forward
FLOOR = 9  # of each output: ReLU's, or minus infinity
IN_PLACE = 10  # whether X is the data itself, in its own order, rather than a buffer


@kernel
def first_row(record, frame, lo):
    """The row of X at row `lo` of the buffers."""
    if record[IN_PLACE] != 0:
        return frame[records.START] + frame[records.SHIFT] + lo
    return lo


@kernel
def dense_forward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of OUT (B, O) = max(X (B, I) W + B, FLOOR); overwrites."""
    x, w = slot(record, X, scratch[0]), slot(record, W, scratch[0])
    b, out = slot(record, B, scratch[0]), slot(record, OUT, scratch[0])
    stride, rows = record[OUT_STRIDE], hi - lo
    floor = number(record, FLOOR, scratch[0])
    lowest = cast(-float("inf"), scratch[0])
    x = advance(x, first_row(record, frame, lo) * record[X_STRIDE])
    multiply_panels(
        advance(out, lo * stride), stride, x, record[X_STRIDE], w, record[FAN_IN], b, 0, rows,
        record[FAN_IN], record[FAN_OUT], floor, lowest,
    )  # fmt: skip
    return 0


@kernel
def plain_forward(record, frame, scratch, lo, hi):
    """dense_forward with W (I, O) as it stands in memory: for a few rows packing costs more."""
    x, w = slot(record, X, scratch[0]), slot(record, W, scratch[0])
    b, out = slot(record, B, scratch[0]), slot(record, OUT, scratch[0])
    stride, rows, columns = record[OUT_STRIDE], hi - lo, record[FAN_OUT]
    x = advance(x, first_row(record, frame, lo) * record[X_STRIDE])
    multiply_plain(
        advance(out, lo * stride), stride, x, record[X_STRIDE], 1, w, columns, b, 0, rows,
        record[FAN_IN], columns, number(record, FLOOR, scratch[0]),
    )  # fmt: skip
    return 0


# operands of dense_backward
DX = 1
DX_STRIDE = 2
DZ = 3
DZ_STRIDE = 4
W_TRANSPOSED = 5
ZEROS = 6
PADDED_IN = 7
REAL_OUT = 8
PADDED_OUT = 9


@kernel
def dense_backward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of DX (B, I) = DZ (B, O) W^T; overwrites."""
    dx, dz = slot(record, DX, scratch[0]), slot(record, DZ, scratch[0])
    w, zeros = slot(record, W_TRANSPOSED, scratch[0]), slot(record, ZEROS, scratch[0])
    stride, rows = record[DX_STRIDE], hi - lo
    lowest = cast(-float("inf"), scratch[0])
    dz = advance(dz, lo * record[DZ_STRIDE])
    multiply_panels(
        advance(dx, lo * stride), stride, dz, record[DZ_STRIDE], w, record[PADDED_OUT], zeros, 0,
        rows, record[REAL_OUT], record[PADDED_IN], lowest, lowest,
    )  # fmt: skip
    return 0


# operands of update_weights, update_bias and apply_gradient: what the update needs ...
STEP = 1  # address of the optimizer's step
CONSTANTS = 2
PARAMETERS = 3
STATE_1 = 4
STATE_2 = 5
TRANSPOSED = 6  # address, or 0
ROWS_IN = 7
COLUMNS = 8  # padded to the vector
SQUARES_OUT = 9  # address of one float64 per tile
STATE_3 = 18  # beyond the operands of all updates; not fetched ahead
ABSOLUTES_OUT = 21  # like SQUARES_OUT, of absolute values; or 0
FACTORS = 19  # address of three float64, of the rates, decay and SQUARES_OUT, or 0: all are 1
ADJUST = 22  # address of `adjust` where there are FACTORS or an L1 term, or 0
# ... and where the gradient comes from
GRADIENT_X = 10  # x of update_weights, ones of update_bias, gradient of apply_gradient
GRADIENT_X_STRIDE = 11
GRADIENT_DZ = 12
GRADIENT_DZ_STRIDE = 13
GRADIENT_ZEROS = 14


@kernel
def panel_width(columns, j, like):
    """Columns of the panel that begins at column j."""
    lanes = lanes_of(like)
    return VECTORS * lanes if columns - j >= VECTORS * lanes else lanes


@kernel
def refresh_transposed(transposed, w, i, j, rows, columns, width, padded_out, padded_in):
    """Writes the tile w (rows x width) at (i, j) into the panels of w^T.

    Panels of w^T are `[ceil(I / NR)][padded_out][NR]`; rows beyond `rows` stay zero there.
    """
    lanes = lanes_of(w[0])
    r = 0
    while r < rows:
        at = i + r
        full = VECTORS * lanes
        first = (at // full) * full
        there = panel_width(padded_in, first, w[0])
        target = advance(transposed, first * padded_out + at - first)
        count = min(lanes, rows - r)
        c = 0
        while c < columns:
            source = advance(w, r * width + c)
            destination = advance(target, (j + c) * there)
            if count == lanes:
                transpose_square(destination, there, source, width)
            else:
                for q in range(lanes):
                    for p in range(count):
                        destination[q * there + p] = source[p * width + q]
            c += lanes
        r += lanes


@kernel
def squares_factor(record):
    """What SQUARES_OUT and ABSOLUTES_OUT are multiplied by."""
    return 1.0 if record[FACTORS] == 0 else slot(record, FACTORS, 0.0)[2]


@kernel
def note_weights(record, w, n, tile):
    """The sum of n squared weights to a tile's place, where there is one; of absolute ones 0."""
    if record[SQUARES_OUT] != 0:
        slot(record, SQUARES_OUT, 0.0)[tile] = sum_squares(w, n) * squares_factor(record)
    if record[ABSOLUTES_OUT] != 0:
        slot(record, ABSOLUTES_OUT, 0.0)[tile] = 0.0


@kernel
def step_weights(record, frame, w, g, s1, s2, s3, n, weights, tile):
    """One optimizer step on n elements, of which the first `weights` decay and have an L1 term."""
    settings, constants = step_settings(frame), slot(record, CONSTANTS, 0.0)
    status = 0
    if record[ADJUST] != 0:
        status = call(record, ADJUST, (record, frame, g, w, weights, tile))
        settings = slot(frame, records.OWN_SETTINGS, 0.0)
    decay = cast(settings[records.DECAY], g[0]) if weights > 0 else cast(0, g[0])
    return status | call(record, STEP, (w, g, s1, s2, s3, n, decay, settings, constants))


@kernel
def update_tile(record, frame, g, i, j, rows, width):
    """One optimizer step on the tile of weights at (i, j) whose gradient is g (rows x width)."""
    at = j * record[ROWS_IN] + i * width
    n = rows * width
    w = advance(slot(record, PARAMETERS, g[0]), at)
    per_panel = (record[ROWS_IN] + TILE_ROWS - 1) // TILE_ROWS
    tile = j // (VECTORS * lanes_of(g[0])) * per_panel + i // TILE_ROWS
    note_weights(record, w, n, tile)
    s1 = advance(slot(record, STATE_1, g[0]), at)
    s2 = advance(slot(record, STATE_2, g[0]), at)
    s3 = advance(slot(record, STATE_3, g[0]), at)
    status = step_weights(record, frame, w, g, s1, s2, s3, n, n, tile)
    if record[TRANSPOSED] != 0:
        columns = record[COLUMNS]
        lanes = lanes_of(g[0])
        padded_in = (record[ROWS_IN] + lanes - 1) // lanes * lanes
        refresh_transposed(
            slot(record, TRANSPOSED, g[0]), w, i, j, rows, width, width, columns, padded_in
        )
    return status


@kernel
def brought_near(record, g, i, j, width, part):
    """Where the lines begin that come near during register tile `part` of a tile's eight.

    Two register tiles each for the weights, both states, and the transposed copy.
    """
    stream, half = part // 2, part % 2 * TILE_ROWS // 2
    if record[PARAMETERS + stream] == 0:  # no transposed copy
        return g
    start = slot(record, PARAMETERS + stream, g[0])
    if stream == TRANSPOSED - PARAMETERS:
        return advance(start, (i + half) * record[COLUMNS] + j * width)
    return advance(start, j * record[ROWS_IN] + (i + half) * width)


@kernel
def multiply_tile(record, g, x, x_stride, dz, dz_stride, zeros, batch, i, j, width):
    """g (TILE_ROWS x width) = x^T dz, while what the step needs comes near; overwrites."""
    lowest = cast(-float("inf"), g[0])
    start, stride, k = zeros, 0, 0
    while k < batch:
        size = batch - k if 2 * (batch - k) <= 3 * BATCH_BLOCK else BATCH_BLOCK
        # a cache line per k at most: with small batches some lines are left to the hardware
        pace = min(lanes_of(g[0]), TILE_ROWS * width // (2 * size) + 1)
        for part in range(TILE_CALLS):
            at = part * ROWS * width
            ahead = brought_near(record, g, i, j, width, part) if k + size == batch else g
            ahead_to_write(
                advance(g, at), width, advance(x, k * x_stride + part * ROWS), 1, x_stride,
                advance(dz, k * dz_stride), dz_stride, 0,
                advance(start, at * stride), width * stride, size, lowest, ahead, pace,
            )  # fmt: skip
        start, stride = g, 1
        k += size


@kernel
def update_weights(record, frame, scratch, lo, hi):
    """Tile at column lo, row hi: its gradient x^T dz over the whole batch, then its step."""
    j, i = lo, hi
    rows = min(TILE_ROWS, record[ROWS_IN] - i)
    width = panel_width(record[COLUMNS], j, scratch[0])
    x = advance(slot(record, GRADIENT_X, scratch[0]), i)
    dz = advance(slot(record, GRADIENT_DZ, scratch[0]), j)
    zeros = slot(record, GRADIENT_ZEROS, scratch[0])
    lowest = cast(-float("inf"), scratch[0])
    batch, x_stride, dz_stride = (
        frame[records.ROWS], record[GRADIENT_X_STRIDE], record[GRADIENT_DZ_STRIDE]
    )  # fmt: skip
    if width == lanes_of(scratch[0]):
        multiply_edge(scratch, width, x, 1, x_stride, dz, dz_stride, zeros, 0, rows, batch, lowest)
    elif rows == TILE_ROWS:
        multiply_tile(record, scratch, x, x_stride, dz, dz_stride, zeros, batch, i, j, width)
    else:
        multiply_panel(
            scratch, width, x, 1, x_stride, dz, dz_stride, zeros, 0, rows, batch, lowest
        )
    return update_tile(record, frame, scratch, i, j, rows, width)


@kernel
def apply_gradient(record, frame, scratch, lo, hi):
    """update_weights with a gradient that *store* left in memory."""
    j, i = lo, hi
    rows = min(TILE_ROWS, record[ROWS_IN] - i)
    width = panel_width(record[COLUMNS], j, scratch[0])
    g = advance(slot(record, GRADIENT_X, scratch[0]), j * record[ROWS_IN] + i * width)
    return update_tile(record, frame, g, i, j, rows, width)


@kernel
def step_bias(record, frame, g, lo, hi):
    """One optimizer step on elements [lo, hi) of a bias: no decay, as in scikit-learn."""
    b = advance(slot(record, PARAMETERS, g[0]), lo)
    s1 = advance(slot(record, STATE_1, g[0]), lo)
    s2 = advance(slot(record, STATE_2, g[0]), lo)
    s3 = advance(slot(record, STATE_3, g[0]), lo)
    return step_weights(record, frame, b, g, s1, s2, s3, hi - lo, 0, 0)


@kernel
def update_bias(record, frame, scratch, lo, hi):
    """Columns [lo, hi), at most four panels: the sum of dz over the batch, then its step."""
    dz = slot(record, GRADIENT_DZ, scratch[0])
    ones, zeros = slot(record, GRADIENT_X, scratch[0]), slot(record, GRADIENT_ZEROS, scratch[0])
    lowest = cast(-float("inf"), scratch[0])
    lanes = lanes_of(scratch[0])
    width = VECTORS * lanes
    stride, batch = record[GRADIENT_DZ_STRIDE], frame[records.ROWS]
    if hi - lo == ROW_PANELS * width:
        tile_row(scratch, 0, ones, 0, 0, advance(dz, lo), stride, width, zeros, 0, batch, lowest)
    else:
        j = lo
        while j < hi:
            there, at = advance(scratch, j - lo), advance(dz, j)
            if hi - j >= width:
                tile_one(there, 0, ones, 0, 0, at, stride, 0, zeros, 0, batch, lowest)
                j += width
            else:
                multiply_edge(there, 0, ones, 0, 0, at, stride, zeros, 0, 1, batch, lowest)
                j += lanes
    return step_bias(record, frame, scratch, lo, hi)


@kernel
def apply_bias(record, frame, scratch, lo, hi):
    """update_bias with a gradient that *store* left in memory."""
    g = advance(slot(record, GRADIENT_X, scratch[0]), lo)
    return step_bias(record, frame, g, lo, hi)
