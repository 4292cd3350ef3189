"""A last layer of few units: a weight vector for each unit, and dot products.

    out = x w + b
    dx  = dz w^T
    w  <- step(w, x^T dz)

with w^T (O, I) stored by rows, `w_stride` apart. In a panel of two units, 14 of a vector's 16
lanes would idle; and this form needs no transposed copy: benchmarks/NOTES.md.
"""

from fusednn.kernels._jit import kernel
from fusednn.kernels.gemm import multiply_plain
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.sums import dot_four, dot_one, sum_squares
from fusednn.kernels.intrinsics.tiles import ROW_PANELS, VECTORS
from fusednn.kernels.operands import COUNT, INT64, REALS, ROWS, maybe, op, operands
from fusednn.kernels.ops.frames import rows_of_run, runs_of_batch
from fusednn.kernels.ops.pointwise.elementwise import clear_columns
from fusednn.kernels.ops.updates.update import UPDATE, squares_factor, step_weights

from . import dense

NARROW = 4
"""Most units of this form: up to here dot products are faster than panels."""

FORWARD = operands(dense.FORWARD, w_stride=COUNT)
BACKWARD = operands(
    dx=ROWS,
    dz=ROWS,
    w_transposed=REALS,
    zeros=REALS,
    padded_in=COUNT,
    fan_out=COUNT,
    w_stride=COUNT,
)
VECTORS_OF = operands(UPDATE, fan_out=COUNT, w_stride=COUNT)
UPDATE_NARROW = operands(VECTORS_OF, x=ROWS, dz=ROWS, zeros=REALS, lengths=maybe(INT64))
STORED_NARROW = operands(VECTORS_OF, gradient=REALS)


@op(FORWARD)
def narrow_forward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = x (B, I) w + b; overwrites."""
    x, w = slot(record, FORWARD.x, scratch[0]), slot(record, FORWARD.w, scratch[0])
    b, out = slot(record, FORWARD.b, scratch[0]), slot(record, FORWARD.out, scratch[0])
    x_stride = record[FORWARD.x_stride]
    stride = record[FORWARD.out_stride]
    fan_in = record[FORWARD.fan_in]
    row = lo
    while row < hi:
        rows = 4 if hi - row >= 4 else 1
        here = advance(x, row * x_stride)
        for unit in range(record[FORWARD.fan_out]):
            there = advance(out, row * stride + unit)
            weights = advance(w, unit * record[FORWARD.w_stride])
            if rows == 4:
                dot_four(there, stride, here, x_stride, weights, fan_in, b[unit])
            else:
                dot_one(there, stride, here, x_stride, weights, fan_in, b[unit])
        row += rows
    return 0


@op(BACKWARD)
def narrow_backward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of dx (B, I) = dz (B, O) w^T; overwrites."""
    stride, dz_stride = record[BACKWARD.dx_stride], record[BACKWARD.dz_stride]
    dx, rows = slot(record, BACKWARD.dx, scratch[0]), hi - lo
    dz = advance(slot(record, BACKWARD.dz, scratch[0]), lo * dz_stride)
    w = slot(record, BACKWARD.w_transposed, scratch[0])
    zeros = slot(record, BACKWARD.zeros, scratch[0])
    multiply_plain(
        advance(dx, lo * stride), stride, dz, dz_stride, 1, w, record[BACKWARD.w_stride], zeros, 0,
        rows, record[BACKWARD.fan_out], record[BACKWARD.padded_in],
        cast(-float("inf"), scratch[0]),
    )  # fmt: skip
    return 0


@kernel
def step_narrow(record, frame, g, g_stride, lo, hi):
    """One optimizer step on elements [lo, hi) of each unit's weights; g (O, I) is the gradient."""
    lanes, part = lanes_of(g[0]), ROW_PANELS * VECTORS * lanes_of(g[0])
    status, squares, width = 0, 0.0, (hi - lo + lanes - 1) // lanes * lanes
    if record[UPDATE.absolutes_out] != 0:
        slot(record, UPDATE.absolutes_out, 0.0)[lo // part] = 0.0
    for unit in range(record[VECTORS_OF.fan_out]):
        at = unit * record[VECTORS_OF.w_stride] + lo
        w = advance(slot(record, UPDATE.parameters, g[0]), at)
        s1 = advance(slot(record, UPDATE.state_1, g[0]), at)
        s2 = advance(slot(record, UPDATE.state_2, g[0]), at)
        s3 = advance(slot(record, UPDATE.state_3, g[0]), at)
        if record[UPDATE.squares_out] != 0:
            squares += sum_squares(w, width)  # padding is zero
        here, n = advance(g, unit * g_stride), hi - lo
        status |= step_weights(record, frame, w, here, s1, s2, s3, n, n, lo // part)
    if record[UPDATE.squares_out] != 0:
        slot(record, UPDATE.squares_out, 0.0)[lo // part] = squares * squares_factor(record)
    return status


@op(UPDATE_NARROW)
def update_narrow(record, frame, scratch, lo, hi):
    """Weights [lo, hi), at most four panels, of each unit: their gradient x^T dz, then a step."""
    start, stride = slot(record, UPDATE_NARROW.zeros, scratch[0]), 0
    x_stride, dz_stride = record[UPDATE_NARROW.x_stride], record[UPDATE_NARROW.dz_stride]
    units = record[UPDATE_NARROW.fan_out]
    if record[UPDATE_NARROW.lengths] != 0:  # no series of a window may have a step
        clear_columns(scratch, 0, units * (hi - lo))
        start, stride = scratch, hi - lo
    for run in range(runs_of_batch(record, frame, UPDATE_NARROW.lengths)):
        first, rows = rows_of_run(record, frame, UPDATE_NARROW.lengths, run)
        x = advance(slot(record, UPDATE_NARROW.x, scratch[0]), first * x_stride + lo)
        dz = advance(slot(record, UPDATE_NARROW.dz, scratch[0]), first * dz_stride)
        if rows > 0:
            multiply_plain(
                scratch, hi - lo, dz, 1, dz_stride, x, x_stride, start, stride, units, rows,
                hi - lo, cast(-float("inf"), scratch[0]),
            )  # fmt: skip
        start, stride = scratch, hi - lo
    return step_narrow(record, frame, scratch, hi - lo, lo, hi)


@op(STORED_NARROW)
def apply_narrow(record, frame, scratch, lo, hi):
    """update_narrow with a gradient that *store* has written."""
    g = advance(slot(record, STORED_NARROW.gradient, scratch[0]), lo)
    return step_narrow(record, frame, g, record[STORED_NARROW.w_stride], lo, hi)
