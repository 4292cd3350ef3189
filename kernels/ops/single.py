"""A last layer of one unit: its weights are a vector, and its products dot products.

    out = x w + b
    dx  = dz w^T activation'(x)
    w  <- step(w, x^T dz)

In a panel one lane of a vector's 16 would work: 20-64-64-1 at batch 200 took 35.0 us per step on
one thread so, and takes 31.9 this way. Records are those of `dense`, with the vector in place of
W and of W^T.
"""

from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.gemm import multiply_plain
from fusednn.kernels.intrinsics.layout import dot, lanes_of
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.sync import call
from fusednn.kernels.intrinsics.tiles import ROW_PANELS, VECTORS

from . import dense
from .frames import step_settings


@kernel
def single_forward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of OUT (B, 1) = X (B, I) W + B; overwrites."""
    x, w = slot(record, dense.X, scratch[0]), slot(record, dense.W, scratch[0])
    b, out = slot(record, dense.B, scratch[0]), slot(record, dense.OUT, scratch[0])
    for row in range(lo, hi):
        product = dot(advance(x, row * record[dense.X_STRIDE]), w, record[dense.FAN_IN])
        out[row * record[dense.OUT_STRIDE]] = b[0] + product
    return 0


@kernel
def single_backward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of DX (B, I) = (DZ (B, 1) W^T) activation'(X_OUT); overwrites."""
    dx, dz = slot(record, dense.DX, scratch[0]), slot(record, dense.DZ, scratch[0])
    w, stride = slot(record, dense.W_TRANSPOSED, scratch[0]), record[dense.DX_STRIDE]
    for row in range(lo, hi):
        there, d = advance(dx, row * stride), dz[row * record[dense.DZ_STRIDE]]
        for i in range(record[dense.PADDED_IN]):
            there[i] = d * w[i]
    if record[dense.DERIVATIVE] != 0:
        out = advance(slot(record, dense.X_OUT, scratch[0]), lo * stride)
        return call(record, dense.DERIVATIVE, (advance(dx, lo * stride), out, (hi - lo) * stride))
    return 0


@kernel
def step_single(record, frame, g, lo, hi):
    """One optimizer step on elements [lo, hi) of the weights, whose gradient is g."""
    w = advance(slot(record, dense.PARAMETERS, g[0]), lo)
    s1 = advance(slot(record, dense.STATE_1, g[0]), lo)
    s2 = advance(slot(record, dense.STATE_2, g[0]), lo)
    if record[dense.SQUARES_OUT] != 0:
        total = 0.0
        for i in range(hi - lo):
            total += float(w[i]) * float(w[i])
        part = ROW_PANELS * VECTORS * lanes_of(g[0])
        slot(record, dense.SQUARES_OUT, 0.0)[lo // part] = total
    settings, constants = step_settings(frame), slot(record, dense.CONSTANTS, 0.0)
    decay = cast(settings[records.DECAY], g[0])
    return call(record, dense.STEP, (w, g, s1, s2, hi - lo, decay, settings, constants))


@kernel
def update_single(record, frame, scratch, lo, hi):
    """Weights [lo, hi), at most four panels of them: their gradient x^T dz, then its step."""
    x = advance(slot(record, dense.GRADIENT_X, scratch[0]), lo)
    dz = slot(record, dense.GRADIENT_DZ, scratch[0])
    zeros = slot(record, dense.GRADIENT_ZEROS, scratch[0])
    multiply_plain(
        scratch, 0, dz, 0, record[dense.GRADIENT_DZ_STRIDE], x, record[dense.GRADIENT_X_STRIDE],
        zeros, 0, 1, frame[records.ROWS], hi - lo, cast(-float("inf"), scratch[0]),
    )  # fmt: skip
    return step_single(record, frame, scratch, lo, hi)


@kernel
def apply_single(record, frame, scratch, lo, hi):
    """update_single with a gradient that *store* left in memory."""
    g = advance(slot(record, dense.GRADIENT_X, scratch[0]), lo)
    return step_single(record, frame, g, lo, hi)
