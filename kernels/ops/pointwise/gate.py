"""The gate of SwiGLU: one half of the columns, through SiLU, times the other.

    out = silu(a) b        da = dout b silu'(a)        db = dout silu(a)

Shazeer, "GLU variants improve transformer", arXiv:2002.05202.
"""

from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.maths import sigmoid
from fusednn.kernels.operands import ROWS, op, operands, padded_width_of, width_of
from fusednn.kernels.ops.pointwise.elementwise import clear_columns

FORWARD = operands(out=ROWS, x=ROWS, width=width_of("out"), padded=padded_width_of("out"))
BACKWARD = operands(
    dx=ROWS,
    dout=ROWS,
    x=ROWS,
    half=width_of("dout"),
    width=width_of("dx"),
    padded=padded_width_of("dx"),
)


@kernel
def gate_row(out, a, b, n):
    """out = silu(a) b, n elements; overwrites."""
    for c in range(n):
        out[c] = a[c] * sigmoid(a[c]) * b[c]


@kernel
def differentiate_gate(da, db, dout, a, b, n):
    """da and db = the gradients by a and b, n elements; overwrites."""
    one = cast(1, dout[0])
    for c in range(n):
        d, x, share = dout[c], a[c], sigmoid(a[c])
        da[c] = d * b[c] * share * (one + x * (one - share))
        db[c] = d * x * share


@op(FORWARD)
def gate(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = silu(a) b of x = [a, b] (B, 2 O); overwrites."""
    width, padded = record[FORWARD.width], record[FORWARD.padded]
    for row in range(lo, hi):
        a = advance(slot(record, FORWARD.x, scratch[0]), row * record[FORWARD.x_stride])
        out = advance(slot(record, FORWARD.out, scratch[0]), row * record[FORWARD.out_stride])
        gate_row(out, a, advance(a, width), width)
        clear_columns(out, width, padded)
    return 0


@op(BACKWARD)
def gate_backward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of dx (B, 2 O) from dout (B, O) and x; overwrites."""
    half, width, padded = record[BACKWARD.half], record[BACKWARD.width], record[BACKWARD.padded]
    for row in range(lo, hi):
        a = advance(slot(record, BACKWARD.x, scratch[0]), row * record[BACKWARD.x_stride])
        dx = advance(slot(record, BACKWARD.dx, scratch[0]), row * record[BACKWARD.dx_stride])
        d = advance(slot(record, BACKWARD.dout, scratch[0]), row * record[BACKWARD.dout_stride])
        differentiate_gate(dx, advance(dx, half), d, a, advance(a, half), half)
        clear_columns(dx, width, padded)
    return 0
