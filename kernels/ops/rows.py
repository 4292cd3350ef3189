"""Small ops on rows in a plan: copies, sums, a factor per column, and PReLU.

    out = x        out += x        out = (x - mean) factor
    out = x where x > 0, else slope x

PReLU: He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015, with a slope for each
column; what the way back leaves in X has the slopes' gradients as its sums over the batch.
"""

from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast

# operands of all
X = 1
STRIDE = 2
OUT = 3
OUT_STRIDE = 4
WIDTH = 5
PADDED = 6
# scale_rows
MEAN = 7  # WIDTH elements each
FACTOR = 8
# prelu_forward and prelu_backward
SLOPE = 7  # WIDTH elements
D = 8
D_STRIDE = 9


@kernel
def clear_columns(x, first, last):
    """x <- 0, elements [first, last)."""
    zero = cast(0, x[0])
    for c in range(first, last):
        x[c] = zero


@kernel
def affine_row(out, x, scale, shift, shifted, n):
    """out = x scale + shift, n elements; without shift where not shifted."""
    if shifted:
        for c in range(n):
            out[c] = x[c] * scale[c] + shift[c]
    else:
        for c in range(n):
            out[c] = x[c] * scale[c]


@kernel
def copy_rows(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of OUT (B, PADDED) = X (B, PADDED); overwrites."""
    stride, out_stride, padded = record[STRIDE], record[OUT_STRIDE], record[PADDED]
    x, out = slot(record, X, scratch[0]), slot(record, OUT, scratch[0])
    for row in range(lo, hi):
        here, there = advance(x, row * stride), advance(out, row * out_stride)
        for c in range(padded):
            there[c] = here[c]
    return 0


@kernel
def add_rows(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of OUT (B, PADDED) += X (B, PADDED); accumulates."""
    stride, out_stride, padded = record[STRIDE], record[OUT_STRIDE], record[PADDED]
    x, out = slot(record, X, scratch[0]), slot(record, OUT, scratch[0])
    for row in range(lo, hi):
        here, there = advance(x, row * stride), advance(out, row * out_stride)
        for c in range(padded):
            there[c] = there[c] + here[c]
    return 0


@kernel
def scale_rows(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of OUT (B, O) = (X (B, O) - MEAN) FACTOR; overwrites, OUT may be X."""
    stride, out_stride = record[STRIDE], record[OUT_STRIDE]
    width, padded = record[WIDTH], record[PADDED]
    x, out = slot(record, X, scratch[0]), slot(record, OUT, scratch[0])
    mean, factor = slot(record, MEAN, scratch[0]), slot(record, FACTOR, scratch[0])
    for row in range(lo, hi):
        here, there = advance(x, row * stride), advance(out, row * out_stride)
        for c in range(width):
            there[c] = (here[c] - mean[c]) * factor[c]
        clear_columns(there, width, padded)
    return 0


@kernel
def prelu_forward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of OUT (B, O) = X (B, O) where X > 0, else SLOPE (O,) X; overwrites."""
    stride, out_stride = record[STRIDE], record[OUT_STRIDE]
    width, padded, zero = record[WIDTH], record[PADDED], cast(0, scratch[0])
    x, out = slot(record, X, scratch[0]), slot(record, OUT, scratch[0])
    slope = slot(record, SLOPE, scratch[0])
    for row in range(lo, hi):
        here, there = advance(x, row * stride), advance(out, row * out_stride)
        for c in range(width):
            below = slope[c] * here[c]
            there[c] = here[c] if here[c] > zero else below
        clear_columns(there, width, padded)
    return 0


@kernel
def prelu_backward(record, frame, scratch, lo, hi):
    """Rows [lo, hi): X (B, O) <- D min(X, 0) and D (B, O) <- D out'(X); in place."""
    stride, d_stride = record[STRIDE], record[D_STRIDE]
    width, padded, zero = record[WIDTH], record[PADDED], cast(0, scratch[0])
    x, d = slot(record, X, scratch[0]), slot(record, D, scratch[0])
    slope, one = slot(record, SLOPE, scratch[0]), cast(1, scratch[0])
    for row in range(lo, hi):
        here, there = advance(x, row * stride), advance(d, row * d_stride)
        for c in range(width):
            above, dout, factor = here[c] > zero, there[c], slope[c]
            here[c] = dout * (zero if above else here[c])
            there[c] = dout * (one if above else factor)
        clear_columns(here, width, padded)
        clear_columns(there, width, padded)
    return 0
