"""Layer normalisation of each row by itself, and RMSNorm, in a plan: forward and backward.

    xhat = (x - mean(x)) / sqrt(var(x) + epsilon)       out = xhat scale + shift
    dx   = (g - mean(g) - xhat mean(g xhat)) / sqrt(var(x) + epsilon),      g = d scale

Ba, Kiros and Hinton, "Layer normalization", 2016; without the means, and with mean(x^2) for the
variance, Zhang and Sennrich, "Root mean square layer normalization", NeurIPS 2019. The mean is
computed first, and the variance from deviations from it, not as a difference of large sums.

The gradients of scale and shift are sums over all rows: of d xhat, which the backward op leaves in
memory, or, of samples of several rows, those of a chunk (`products/partials.py`).
"""

import math

from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.sums import row_products, row_squares, row_sum
from fusednn.kernels.operands import (
    COUNT,
    NUMBER,
    REALS,
    ROWS,
    maybe,
    op,
    operands,
    padded_width_of,
    width_of,
)
from fusednn.kernels.ops.pointwise.elementwise import add_row, affine_row, clear_columns

FORWARD = operands(
    out=ROWS,
    normal=ROWS,  # x before, xhat after
    inverse=REALS,  # one for each row
    scale=REALS,
    shift=maybe(REALS),
    epsilon=NUMBER,
    centered=COUNT,  # 0: RMSNorm
    width=width_of("out"),
    padded=padded_width_of("out"),
)
BACKWARD = operands(
    dx=ROWS,
    products=ROWS,  # xhat before, dout xhat after
    dout=ROWS,
    inverse=REALS,
    scale=REALS,
    centered=COUNT,
    width=width_of("dx"),
    padded=padded_width_of("dx"),
)
SUMS = operands(
    dx=ROWS,
    normal=ROWS,
    dout=ROWS,
    dscale=REALS,  # for each chunk, as scale
    dshift=maybe(REALS),
    inverse=REALS,
    scale=REALS,
    centered=COUNT,
    width=width_of("dx"),
    padded=padded_width_of("dx"),
)


@kernel
def normalise_row(x, mean, factor, n):
    """x <- (x - mean) factor, n elements."""
    for c in range(n):
        x[c] = (x[c] - mean) * factor


@op(FORWARD)
def layer_norm_forward(record, frame, scratch, lo, hi):
    """Rows [lo, hi): normal (B, O) <- xhat, in place; out (B, O) and inverse (B,), overwrites."""
    stride, out_stride = record[FORWARD.normal_stride], record[FORWARD.out_stride]
    width, padded = record[FORWARD.width], record[FORWARD.padded]
    centered = record[FORWARD.centered] != 0
    x = advance(slot(record, FORWARD.normal, scratch[0]), lo * stride)
    out = advance(slot(record, FORWARD.out, scratch[0]), lo * out_stride)
    scale, shifted = slot(record, FORWARD.scale, scratch[0]), record[FORWARD.shift] != 0
    shift = slot(record, FORWARD.shift if shifted else FORWARD.scale, scratch[0])
    inverse = advance(slot(record, FORWARD.inverse, scratch[0]), lo)
    one, n = cast(1, scratch[0]), cast(width, scratch[0])
    epsilon = number(record, FORWARD.epsilon, scratch[0])
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
def differentiate_and_sum(dx, x, d, total, mean, product, factor, n):
    """dx <- (dx - mean - x product) factor, in place, and total += d x; n elements."""
    for c in range(n):
        xhat = x[c]
        dx[c] = (dx[c] - mean - xhat * product) * factor
        total[c] = total[c] + d[c] * xhat


@op(BACKWARD)
def layer_norm_backward(record, frame, scratch, lo, hi):
    """Rows [lo, hi): dx (B, O), overwrites; products (B, O) <- dout xhat, in place."""
    stride = record[BACKWARD.products_stride]
    d_stride = record[BACKWARD.dout_stride]
    dx_stride = record[BACKWARD.dx_stride]
    width, padded = record[BACKWARD.width], record[BACKWARD.padded]
    centered = record[BACKWARD.centered] != 0
    x = advance(slot(record, BACKWARD.products, scratch[0]), lo * stride)
    d = advance(slot(record, BACKWARD.dout, scratch[0]), lo * d_stride)
    dx = advance(slot(record, BACKWARD.dx, scratch[0]), lo * dx_stride)
    scale = slot(record, BACKWARD.scale, scratch[0])
    inverse, n = advance(slot(record, BACKWARD.inverse, scratch[0]), lo), cast(width, scratch[0])
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


@op(SUMS)
def layer_norm_sums(record, frame, scratch, lo, hi):
    """Rows [lo, hi): dx (B, O); dscale and dshift (O,) of each chunk of samples; overwrites.

    Where lo is within a chunk, its rows so far have been added. There may be no rows, at the
    beginning of a chunk too.
    """
    width, padded = record[SUMS.width], record[SUMS.padded]
    centered, shifted = record[SUMS.centered] != 0, record[SUMS.dshift] != 0
    scale, n = slot(record, SUMS.scale, scratch[0]), cast(width, scratch[0])
    rows = frame[records.CHUNK] * record[records.POSITIONS]
    for chunk in range(lo // rows, max(lo, hi - 1) // rows + 1):
        dscale = advance(slot(record, SUMS.dscale, scratch[0]), chunk * padded)
        dshift = dscale
        if shifted:
            dshift = advance(slot(record, SUMS.dshift, scratch[0]), chunk * padded)
        if lo <= chunk * rows:
            clear_columns(dscale, 0, padded)
            clear_columns(dshift, 0, padded)
        for row in range(max(lo, chunk * rows), min(hi, (chunk + 1) * rows)):
            x = advance(slot(record, SUMS.normal, scratch[0]), row * record[SUMS.normal_stride])
            d = advance(slot(record, SUMS.dout, scratch[0]), row * record[SUMS.dout_stride])
            dx = advance(slot(record, SUMS.dx, scratch[0]), row * record[SUMS.dx_stride])
            scale_row(dx, d, scale, width)
            mean = row_sum(dx, width) / n if centered else cast(0, n)
            product = row_products(dx, x, width) / n
            inverse = slot(record, SUMS.inverse, scratch[0])[row]
            differentiate_and_sum(dx, x, d, dscale, mean, product, inverse, width)
            if shifted:
                add_row(dshift, d, width)
            clear_columns(dx, width, padded)
    return 0
