"""A last layer of few units: its weights are a vector for each, and its products dot products.

    out = x w + b
    dx  = dz w^T
    w  <- step(w, x^T dz)

with w^T (O, I) by rows, `W_STRIDE` apart. In a panel 14 of a vector's 16 lanes would idle for two
units, and there is no transposed copy to keep: benchmarks/NOTES.md. Records are those of `dense`.
"""

from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.gemm import multiply_plain
from fusednn.kernels.intrinsics.layout import dot_four, dot_one, lanes_of, sum_squares
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.tiles import ROW_PANELS, VECTORS

from . import dense

FEW = 4
"""Units: dot products of rows gain up to here, beside a product of panels."""

# more operands of few_forward, few_backward and the updates
UNITS = 15
W_STRIDE = 16


@kernel
def few_forward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of OUT (B, O) = X (B, I) W + B; overwrites."""
    x, w = slot(record, dense.X, scratch[0]), slot(record, dense.W, scratch[0])
    b, out = slot(record, dense.B, scratch[0]), slot(record, dense.OUT, scratch[0])
    x_stride, stride, fan_in = (
        record[dense.X_STRIDE],
        record[dense.OUT_STRIDE],
        record[dense.FAN_IN],
    )
    row = lo
    while row < hi:
        rows = 4 if hi - row >= 4 else 1
        here = advance(x, row * x_stride)
        for unit in range(record[UNITS]):
            there = advance(out, row * stride + unit)
            weights = advance(w, unit * record[W_STRIDE])
            if rows == 4:
                dot_four(there, stride, here, x_stride, weights, fan_in, b[unit])
            else:
                dot_one(there, stride, here, x_stride, weights, fan_in, b[unit])
        row += rows
    return 0


@kernel
def few_backward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of DX (B, I) = DZ (B, O) W^T; overwrites."""
    stride, dz_stride = record[dense.DX_STRIDE], record[dense.DZ_STRIDE]
    dx, rows = slot(record, dense.DX, scratch[0]), hi - lo
    dz = advance(slot(record, dense.DZ, scratch[0]), lo * dz_stride)
    w, zeros = slot(record, dense.W_TRANSPOSED, scratch[0]), slot(record, dense.ZEROS, scratch[0])
    multiply_plain(
        advance(dx, lo * stride), stride, dz, dz_stride, 1, w, record[W_STRIDE], zeros, 0, rows,
        record[UNITS], record[dense.PADDED_IN], cast(-float("inf"), scratch[0]),
    )  # fmt: skip
    return 0


@kernel
def step_few(record, frame, g, g_stride, lo, hi):
    """One optimizer step on elements [lo, hi) of each unit's weights; g (O, I) is the gradient."""
    lanes, part = lanes_of(g[0]), ROW_PANELS * VECTORS * lanes_of(g[0])
    status, squares, width = 0, 0.0, (hi - lo + lanes - 1) // lanes * lanes
    if record[dense.ABSOLUTES_OUT] != 0:
        slot(record, dense.ABSOLUTES_OUT, 0.0)[lo // part] = 0.0
    for unit in range(record[UNITS]):
        at = unit * record[W_STRIDE] + lo
        w = advance(slot(record, dense.PARAMETERS, g[0]), at)
        s1 = advance(slot(record, dense.STATE_1, g[0]), at)
        s2 = advance(slot(record, dense.STATE_2, g[0]), at)
        s3 = advance(slot(record, dense.STATE_3, g[0]), at)
        if record[dense.SQUARES_OUT] != 0:
            squares += sum_squares(w, width)  # padding is zero
        here, n = advance(g, unit * g_stride), hi - lo
        status |= dense.step_weights(record, frame, w, here, s1, s2, s3, n, n, lo // part)
    if record[dense.SQUARES_OUT] != 0:
        slot(record, dense.SQUARES_OUT, 0.0)[lo // part] = squares * dense.squares_factor(record)
    return status


@kernel
def update_few(record, frame, scratch, lo, hi):
    """Weights [lo, hi), at most four panels, of each unit: their gradient x^T dz, then a step."""
    x = advance(slot(record, dense.GRADIENT_X, scratch[0]), lo)
    dz = slot(record, dense.GRADIENT_DZ, scratch[0])
    zeros = slot(record, dense.GRADIENT_ZEROS, scratch[0])
    multiply_plain(
        scratch, hi - lo, dz, 1, record[dense.GRADIENT_DZ_STRIDE], x,
        record[dense.GRADIENT_X_STRIDE], zeros, 0, record[UNITS], frame[records.ROWS], hi - lo,
        cast(-float("inf"), scratch[0]),
    )  # fmt: skip
    return step_few(record, frame, scratch, hi - lo, lo, hi)


@kernel
def apply_few(record, frame, scratch, lo, hi):
    """update_few with a gradient that *store* left in memory."""
    g = advance(slot(record, dense.GRADIENT_X, scratch[0]), lo)
    return step_few(record, frame, g, record[W_STRIDE], lo, hi)
