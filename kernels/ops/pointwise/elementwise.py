"""Small ops on rows in a plan: copies, sums, a factor per column, and PReLU.

    out = x        out += x        out = (x - mean) factor        out = x factor
    out = x where x > 0, else slope x

PReLU: He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015, with a slope for each
column. The backward ops replace x by products whose sums over the batch are the gradients of the
slopes or factors.
"""

from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.operands import REALS, ROWS, op, operands, padded_width_of, width_of

COPY = operands(out=ROWS, x=ROWS, padded=padded_width_of("out"))
ADD = operands(out=ROWS, other=ROWS, padded=padded_width_of("out"))
SCALE = operands(
    out=ROWS,
    x=ROWS,
    mean=REALS,
    factor=REALS,
    width=width_of("out"),
    padded=padded_width_of("out"),
)
SCALE_BACKWARD = operands(
    dx=ROWS, products=ROWS, factor=REALS, width=width_of("dx"), padded=padded_width_of("dx")
)
PRELU = operands(
    out=ROWS, x=ROWS, slope=REALS, width=width_of("out"), padded=padded_width_of("out")
)
PRELU_BACKWARD = operands(
    dx=ROWS, products=ROWS, slope=REALS, width=width_of("dx"), padded=padded_width_of("dx")
)


@kernel
def clear_columns(x, first, last):
    """x <- 0, elements [first, last)."""
    zero = cast(0, x[0])
    for c in range(first, last):
        x[c] = zero


@kernel
def add_row(out, x, n):
    """out += x, n elements."""
    for c in range(n):
        out[c] = out[c] + x[c]


@kernel
def affine_row(out, x, scale, shift, shifted, n):
    """out = x scale + shift, n elements, or x scale if not `shifted`; overwrites."""
    if shifted:
        for c in range(n):
            out[c] = x[c] * scale[c] + shift[c]
    else:
        for c in range(n):
            out[c] = x[c] * scale[c]


@op(COPY)
def copy_rows(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, padded) = x (B, padded); overwrites."""
    stride, out_stride = record[COPY.x_stride], record[COPY.out_stride]
    padded = record[COPY.padded]
    x, out = slot(record, COPY.x, scratch[0]), slot(record, COPY.out, scratch[0])
    for row in range(lo, hi):
        here, there = advance(x, row * stride), advance(out, row * out_stride)
        for c in range(padded):
            there[c] = here[c]
    return 0


@op(ADD)
def add_rows(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, padded) += other (B, padded); accumulates."""
    stride, out_stride = record[ADD.other_stride], record[ADD.out_stride]
    padded = record[ADD.padded]
    x, out = slot(record, ADD.other, scratch[0]), slot(record, ADD.out, scratch[0])
    for row in range(lo, hi):
        here, there = advance(x, row * stride), advance(out, row * out_stride)
        for c in range(padded):
            there[c] = there[c] + here[c]
    return 0


@op(SCALE)
def scale_rows(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = (x (B, O) - mean) factor; overwrites, out may be x."""
    stride, out_stride = record[SCALE.x_stride], record[SCALE.out_stride]
    width, padded = record[SCALE.width], record[SCALE.padded]
    x, out = slot(record, SCALE.x, scratch[0]), slot(record, SCALE.out, scratch[0])
    mean, factor = slot(record, SCALE.mean, scratch[0]), slot(record, SCALE.factor, scratch[0])
    for row in range(lo, hi):
        here, there = advance(x, row * stride), advance(out, row * out_stride)
        for c in range(width):
            there[c] = (here[c] - mean[c]) * factor[c]
        clear_columns(there, width, padded)
    return 0


@op(SCALE_BACKWARD)
def scale_backward(record, frame, scratch, lo, hi):
    """Rows [lo, hi): dx (B, O) <- dx factor (O,), products (B, O) from x to dx x; in place."""
    stride, d_stride = record[SCALE_BACKWARD.products_stride], record[SCALE_BACKWARD.dx_stride]
    width, padded = record[SCALE_BACKWARD.width], record[SCALE_BACKWARD.padded]
    x = slot(record, SCALE_BACKWARD.products, scratch[0])
    d = slot(record, SCALE_BACKWARD.dx, scratch[0])
    factor = slot(record, SCALE_BACKWARD.factor, scratch[0])
    for row in range(lo, hi):
        here, there = advance(x, row * stride), advance(d, row * d_stride)
        for c in range(width):
            dout = there[c]
            here[c] = dout * here[c]
            there[c] = dout * factor[c]
        clear_columns(here, width, padded)
        clear_columns(there, width, padded)
    return 0


@op(PRELU)
def prelu_forward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = x (B, O) where x > 0, else slope (O,) x; overwrites."""
    stride, out_stride = record[PRELU.x_stride], record[PRELU.out_stride]
    width, padded, zero = record[PRELU.width], record[PRELU.padded], cast(0, scratch[0])
    x, out = slot(record, PRELU.x, scratch[0]), slot(record, PRELU.out, scratch[0])
    slope = slot(record, PRELU.slope, scratch[0])
    for row in range(lo, hi):
        here, there = advance(x, row * stride), advance(out, row * out_stride)
        for c in range(width):
            below = slope[c] * here[c]
            there[c] = here[c] if here[c] > zero else below
        clear_columns(there, width, padded)
    return 0


@op(PRELU_BACKWARD)
def prelu_backward(record, frame, scratch, lo, hi):
    """Rows [lo, hi): dx (B, O) <- dx out'(x), products (B, O) from x to dx min(x, 0); in place."""
    stride, d_stride = record[PRELU_BACKWARD.products_stride], record[PRELU_BACKWARD.dx_stride]
    width, padded = record[PRELU_BACKWARD.width], record[PRELU_BACKWARD.padded]
    zero = cast(0, scratch[0])
    x = slot(record, PRELU_BACKWARD.products, scratch[0])
    d = slot(record, PRELU_BACKWARD.dx, scratch[0])
    slope, one = slot(record, PRELU_BACKWARD.slope, scratch[0]), cast(1, scratch[0])
    for row in range(lo, hi):
        here, there = advance(x, row * stride), advance(d, row * d_stride)
        for c in range(width):
            above, dout, factor = here[c] > zero, there[c], slope[c]
            here[c] = dout * (zero if above else here[c])
            there[c] = dout * (one if above else factor)
        clear_columns(here, width, padded)
        clear_columns(there, width, padded)
    return 0
