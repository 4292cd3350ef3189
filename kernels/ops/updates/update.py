"""Updates of parameters in a plan: from a gradient in the scratch or in memory to a step in place.

    w <- step(w, gradient)

The optimizer's step is called by address, and so is `adjust`, which applies a layer's factors and
an L1 term. A tile of weights also writes its part of the transposed copy.
"""

from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.gemm import multiply_edge
from fusednn.kernels.intrinsics.lanes import lanes_of, transpose_square
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.sums import sum_squares
from fusednn.kernels.intrinsics.sync import call
from fusednn.kernels.intrinsics.tiles import MICRO_ROWS as TILE
from fusednn.kernels.intrinsics.tiles import ROW_PANELS, VECTORS, tile_one, tile_row
from fusednn.kernels.operands import (
    COUNT,
    FLOAT64,
    FUNCTION,
    INT64,
    REALS,
    ROWS,
    maybe,
    op,
    operands,
)
from fusednn.kernels.ops.frames import rows_of_run, runs_of_batch, step_settings
from fusednn.kernels.ops.pointwise.elementwise import clear_columns

TILE_CALLS = 8
TILE_ROWS = TILE_CALLS * TILE
"""Rows of a weight tile: on every shape a multiple of a panel's columns."""

UPDATE = operands(
    step=FUNCTION,  # the optimizer's
    constants=FLOAT64,
    parameters=REALS,  # this and the next three must be adjacent for `dense.prefetch_target`
    state_1=REALS,
    state_2=REALS,
    transposed=maybe(REALS),
    state_3=REALS,  # not fetched ahead
    squares_out=maybe(FLOAT64),  # one for each tile
    absolutes_out=maybe(FLOAT64),  # likewise, of absolute values
    factors=maybe(FLOAT64),  # of rates, decay, squares_out, and L1; without them all are 1
    adjust=maybe(FUNCTION),  # where there are factors or an L1 term
    decays=maybe(COUNT),  # of a vector: whether decay and the L1 term apply to it
)
"""The first operands of all updates."""

MATRIX = operands(UPDATE, fan_in=COUNT, columns=COUNT)  # columns padded to whole vectors
SUM = operands(UPDATE, dz=ROWS, ones=REALS, zeros=REALS, lengths=maybe(INT64))
"""For a vector that is added to each row: its gradient is the sum of dz over the rows."""

STORED = operands(UPDATE, gradient=REALS)


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
    """The factor of squares_out."""
    return 1.0 if record[UPDATE.factors] == 0 else slot(record, UPDATE.factors, 0.0)[2]


@kernel
def note_weights(record, w, n, tile):
    """Writes a tile's sum of n squared weights to squares_out and 0 to absolutes_out, if any."""
    if record[UPDATE.squares_out] != 0:
        slot(record, UPDATE.squares_out, 0.0)[tile] = sum_squares(w, n) * squares_factor(record)
    if record[UPDATE.absolutes_out] != 0:
        slot(record, UPDATE.absolutes_out, 0.0)[tile] = 0.0


@kernel
def step_weights(record, frame, w, g, s1, s2, s3, n, weights, tile):
    """One optimizer step on n elements; `weights` is n if decay and L1 apply to them, else 0."""
    settings, constants = step_settings(frame), slot(record, UPDATE.constants, 0.0)
    status = 0
    if record[UPDATE.adjust] != 0:
        status = call(record, UPDATE.adjust, (record, frame, g, w, weights, tile))
        settings = slot(frame, records.OWN_SETTINGS, 0.0)
    decay = cast(settings[records.DECAY], g[0]) if weights > 0 else cast(0, g[0])
    return status | call(record, UPDATE.step, (w, g, s1, s2, s3, n, decay, settings, constants))


@kernel
def update_tile(record, frame, g, i, j, rows, width):
    """One optimizer step on the tile of weights at (i, j), whose gradient is g (rows x width)."""
    at = j * record[MATRIX.fan_in] + i * width
    n = rows * width
    w = advance(slot(record, UPDATE.parameters, g[0]), at)
    per_panel = (record[MATRIX.fan_in] + TILE_ROWS - 1) // TILE_ROWS
    tile = j // (VECTORS * lanes_of(g[0])) * per_panel + i // TILE_ROWS
    note_weights(record, w, n, tile)
    s1 = advance(slot(record, UPDATE.state_1, g[0]), at)
    s2 = advance(slot(record, UPDATE.state_2, g[0]), at)
    s3 = advance(slot(record, UPDATE.state_3, g[0]), at)
    status = step_weights(record, frame, w, g, s1, s2, s3, n, n, tile)
    if record[UPDATE.transposed] != 0:
        columns = record[MATRIX.columns]
        lanes = lanes_of(g[0])
        padded_in = (record[MATRIX.fan_in] + lanes - 1) // lanes * lanes
        refresh_transposed(
            slot(record, UPDATE.transposed, g[0]), w, i, j, rows, width, width, columns, padded_in
        )
    return status


@kernel
def step_bias(record, frame, g, lo, hi):
    """One optimizer step on elements [lo, hi) of a vector: without decay, as scikit-learn's of a
    bias, unless the record says otherwise."""
    b = advance(slot(record, UPDATE.parameters, g[0]), lo)
    s1 = advance(slot(record, UPDATE.state_1, g[0]), lo)
    s2 = advance(slot(record, UPDATE.state_2, g[0]), lo)
    s3 = advance(slot(record, UPDATE.state_3, g[0]), lo)
    n, part = hi - lo, lo // (ROW_PANELS * VECTORS * lanes_of(g[0]))
    if record[UPDATE.decays] == 0:
        return step_weights(record, frame, b, g, s1, s2, s3, n, 0, 0)
    note_weights(record, b, n, part)
    return step_weights(record, frame, b, g, s1, s2, s3, n, n, part)


@kernel
def add_columns(record, g, start, dz, lo, hi, rows):
    """g = start + the sums of columns [lo, hi) of dz (rows, O); overwrites, start may be g."""
    lanes, lowest, ones = lanes_of(g[0]), cast(-float("inf"), g[0]), slot(record, SUM.ones, g[0])
    width, stride = VECTORS * lanes, record[SUM.dz_stride]
    if hi - lo == ROW_PANELS * width:
        tile_row(g, 0, ones, 0, 0, advance(dz, lo), stride, width, start, 0, rows, lowest)
        return
    j = lo
    while j < hi:
        there, at, init = advance(g, j - lo), advance(dz, j), advance(start, j - lo)
        if hi - j >= width:
            tile_one(there, 0, ones, 0, 0, at, stride, 0, init, 0, rows, lowest)
            j += width
        else:
            multiply_edge(there, 0, ones, 0, 0, at, stride, init, 0, 1, rows, lowest)
            j += lanes


@op(SUM)
def update_bias(record, frame, scratch, lo, hi):
    """Columns [lo, hi), at most four panels: the sum of dz over the batch, then its step."""
    stride, start = record[SUM.dz_stride], slot(record, SUM.zeros, scratch[0])
    if record[SUM.lengths] != 0:  # no series of a window may have a step
        clear_columns(scratch, 0, hi - lo)
        start = scratch
    for run in range(runs_of_batch(record, frame, SUM.lengths)):
        first, rows = rows_of_run(record, frame, SUM.lengths, run)
        if rows > 0:
            dz = advance(slot(record, SUM.dz, scratch[0]), first * stride)
            add_columns(record, scratch, start, dz, lo, hi, rows)
            start = scratch
    return step_bias(record, frame, scratch, lo, hi)


@op(STORED)
def apply_bias(record, frame, scratch, lo, hi):
    """update_bias with a gradient that *store* has written."""
    g = advance(slot(record, STORED.gradient, scratch[0]), lo)
    return step_bias(record, frame, g, lo, hi)
