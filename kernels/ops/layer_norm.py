"""Layer normalisation of each row by itself, and RMSNorm, in a plan: forward and backward.

    xhat = (x - mean(x)) / sqrt(var(x) + epsilon)       out = xhat scale + shift
    dx   = (g - mean(g) - xhat mean(g xhat)) / sqrt(var(x) + epsilon),      g = d scale

Ba, Kiros and Hinton, "Layer normalization", 2016; without the means, and with mean(x^2) for the
variance, Zhang and Sennrich, "Root mean square layer normalization", NeurIPS 2019. Variances are
of deviations from a mean that is known before, not of differences of large sums.
"""

import math

from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.layout import row_products, row_squares, row_sum
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast

from .rows import affine_row, clear_columns

# operands of both
X = 1
STRIDE = 2
OUT = 3
OUT_STRIDE = 4
WIDTH = 5
PADDED = 6
SCALE = 7  # WIDTH elements
SHIFT = 8  # likewise, or 0
CENTERED = 9  # 0: RMSNorm
INVERSE = 10  # one element per row of the buffers
EPSILON = 11
D = 12
D_STRIDE = 13
DX = 14
DX_STRIDE = 15


@kernel
def normalise_row(x, mean, factor, n):
    """x <- (x - mean) factor, n elements."""
    for c in range(n):
        x[c] = (x[c] - mean) * factor


@kernel
def layer_norm_forward(record, frame, scratch, lo, hi):
    """Rows [lo, hi): X (B, O) <- xhat in place, OUT (B, O) and INVERSE (B,); overwrites."""
    stride, out_stride = record[STRIDE], record[OUT_STRIDE]
    width, padded, centered = record[WIDTH], record[PADDED], record[CENTERED] != 0
    x = advance(slot(record, X, scratch[0]), lo * stride)
    out = advance(slot(record, OUT, scratch[0]), lo * out_stride)
    scale, shifted = slot(record, SCALE, scratch[0]), record[SHIFT] != 0
    shift = slot(record, SHIFT if shifted else SCALE, scratch[0])
    inverse = advance(slot(record, INVERSE, scratch[0]), lo)
    one, n = cast(1, scratch[0]), cast(width, scratch[0])
    epsilon = number(record, EPSILON, scratch[0])
    for row in range(hi - lo):
        here, there = advance(x, row * stride), advance(out, row * out_stride)
        mean = row_sum(here, width) / n if centered else cast(0, n)
        variance = row_squares(here, mean, width) / n
        factor = one / cast(math.sqrt(variance + epsilon), n)
        inverse[row] = factor
        normalise_row(here, mean, factor, width)
        affine_row(there, here, scale, shift, shifted, width)
        clear_columns(here, width, padded)
        clear_columns(there, width, padded)
    return 0


@kernel
def scale_row(g, d, scale, n):
    """g = d scale, n elements."""
    for c in range(n):
        g[c] = d[c] * scale[c]


@kernel
def differentiate_row(dx, x, d, mean, product, factor, n):
    """dx <- (dx - mean - x product) factor, then x <- d x; n elements, in place."""
    for c in range(n):
        xhat = x[c]
        dx[c] = (dx[c] - mean - xhat * product) * factor
        x[c] = d[c] * xhat


@kernel
def layer_norm_backward(record, frame, scratch, lo, hi):
    """Rows [lo, hi): DX (B, O) overwrites, X (B, O) <- D xhat in place; D (B, O) stays."""
    stride, d_stride, dx_stride = record[STRIDE], record[D_STRIDE], record[DX_STRIDE]
    width, padded, centered = record[WIDTH], record[PADDED], record[CENTERED] != 0
    x = advance(slot(record, X, scratch[0]), lo * stride)
    d = advance(slot(record, D, scratch[0]), lo * d_stride)
    dx = advance(slot(record, DX, scratch[0]), lo * dx_stride)
    scale = slot(record, SCALE, scratch[0])
    inverse, n = advance(slot(record, INVERSE, scratch[0]), lo), cast(width, scratch[0])
    for row in range(hi - lo):
        here, there = advance(x, row * stride), advance(dx, row * dx_stride)
        slopes = advance(d, row * d_stride)
        scale_row(there, slopes, scale, width)
        mean = row_sum(there, width) / n if centered else cast(0, n)
        product = row_products(there, here, width) / n
        differentiate_row(there, here, slopes, mean, product, inverse[row], width)
        clear_columns(here, width, padded)
        clear_columns(there, width, padded)
    return 0
