"""Batch normalisation of each column in a plan: statistics, forward and backward.

    xhat = (x - mean(x)) / sqrt(var(x) + epsilon)       out = xhat scale + shift
    dx   = scale (d - mean(d) - xhat mean(d xhat)) / sqrt(var(x) + epsilon)

with means over the batch. Ioffe and Szegedy, "Batch normalization", ICML 2015. Every chunk of
`ROWS` rows leaves its sums in a place of its own, and they are added up in the order of the rows:
not one bit hangs on how rows are dealt to tasks. Means and sums of squared deviations of chunks
are combined as in Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983.
"""

import math

from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.tiles import ROWS

from .rows import affine_row, clear_columns

# operands of all
X = 1
STRIDE = 2  # of X and D
OUT = 3
OUT_STRIDE = 4
WIDTH = 5
PADDED = 6
PARTIALS = 7  # 2 x PADDED for each chunk of ROWS rows of the buffers
MEAN = 8  # PADDED elements each, but RUNNING_MEAN to SHIFT, which may have WIDTH
INVERSE = 9
RUNNING_MEAN = 10
RUNNING_VARIANCE = 11
SCALE = 12
SHIFT = 13
DSCALE = 14
DSHIFT = 15
D = 16
EPSILON = 17
MOMENTUM = 18


@kernel
def add_columns(total, x, stride, rows, n):
    """total (n,) = the sum over the rows of x (rows, n); overwrites."""
    clear_columns(total, 0, n)
    for row in range(rows):
        here = advance(x, row * stride)
        for c in range(n):
            total[c] = total[c] + here[c]


@kernel
def add_squared_columns(total, x, mean, stride, rows, n):
    """total (n,) = the sum over the rows of (x (rows, n) - mean)^2; overwrites."""
    clear_columns(total, 0, n)
    for row in range(rows):
        here = advance(x, row * stride)
        for c in range(n):
            off = here[c] - mean[c]
            total[c] = total[c] + off * off


@kernel
def add_product_columns(total, x, y, stride, rows, n):
    """total (n,) = the sum over the rows of x y (rows, n each); overwrites."""
    clear_columns(total, 0, n)
    for row in range(rows):
        here, there = advance(x, row * stride), advance(y, row * stride)
        for c in range(n):
            total[c] = total[c] + here[c] * there[c]


@kernel
def multiply_columns(x, factor, n):
    """x <- x factor, n elements."""
    for c in range(n):
        x[c] = x[c] * factor


@kernel
def batch_partials(record, frame, scratch, lo, hi):
    """PARTIALS (2, O) of each chunk of X (B, O): means and sums of squares about them; overwrites.

    Chunks of rows [lo, hi); the batch's last one may have fewer rows.
    """
    x, partials = slot(record, X, scratch[0]), slot(record, PARTIALS, scratch[0])
    stride, padded = record[STRIDE], record[PADDED]
    for first in range(lo, hi, ROWS):
        rows = min(ROWS, hi - first)
        here = advance(x, first * stride)
        means = advance(partials, first // ROWS * 2 * padded)
        add_columns(means, here, stride, rows, padded)
        multiply_columns(means, cast(1.0 / rows, scratch[0]), padded)
        add_squared_columns(advance(means, padded), here, means, stride, rows, padded)
    return 0


@kernel
def combine_chunk(mean, squares, chunk_mean, chunk_squares, share, weight, n):
    """mean and squares (n,) of the rows so far, with those of one chunk more; in place.

    `share` is the chunk's part of the rows, `weight` that times the rows so far.
    """
    for c in range(n):
        off = chunk_mean[c] - mean[c]
        mean[c] = mean[c] + off * share
        squares[c] = squares[c] + (chunk_squares[c] + off * off * weight)


@kernel
def move_running(running, new, factor, momentum, n):
    """running <- (1 - momentum) running + momentum factor new, n elements."""
    kept, taken = cast(1, momentum) - momentum, momentum * factor
    for c in range(n):
        running[c] = kept * running[c] + taken * new[c]


@kernel
def batch_statistics(record, frame, scratch, lo, hi):
    """MEAN and INVERSE (O,) of the whole batch overwrite, RUNNING_MEAN and _VARIANCE move.

    A batch of one row has no unbiased variance, and RUNNING_VARIANCE stays as it is.
    """
    batch, width, padded = frame[records.ROWS], record[WIDTH], record[PADDED]
    partials = slot(record, PARTIALS, scratch[0])
    mean, inverse = slot(record, MEAN, scratch[0]), slot(record, INVERSE, scratch[0])
    clear_columns(mean, 0, padded)
    clear_columns(inverse, 0, padded)
    for first in range(0, batch, ROWS):
        rows = min(ROWS, batch - first)
        share = rows / (first + rows)
        chunk = advance(partials, first // ROWS * 2 * padded)
        combine_chunk(
            mean, inverse, chunk, advance(chunk, padded),
            cast(share, scratch[0]), cast(first * share, scratch[0]), padded,
        )  # fmt: skip
    multiply_columns(inverse, cast(1.0 / batch, scratch[0]), width)
    momentum, one = number(record, MOMENTUM, scratch[0]), cast(1, scratch[0])
    move_running(slot(record, RUNNING_MEAN, scratch[0]), mean, one, momentum, width)
    if batch > 1:
        unbiased = cast(batch / (batch - 1), scratch[0])
        move_running(
            slot(record, RUNNING_VARIANCE, scratch[0]), inverse, unbiased, momentum, width
        )
    epsilon = number(record, EPSILON, scratch[0])
    for c in range(width):
        inverse[c] = one / cast(math.sqrt(inverse[c] + epsilon), one)
    clear_columns(mean, width, padded)
    clear_columns(inverse, width, padded)
    return 0


@kernel
def normalise_columns(x, mean, inverse, n):
    """x <- (x - mean) inverse, n elements each."""
    for c in range(n):
        x[c] = (x[c] - mean[c]) * inverse[c]


@kernel
def batch_norm_forward(record, frame, scratch, lo, hi):
    """Rows [lo, hi): X (B, O) <- xhat in place, OUT (B, O) = xhat SCALE + SHIFT; overwrites."""
    stride, out_stride = record[STRIDE], record[OUT_STRIDE]
    width, padded = record[WIDTH], record[PADDED]
    x, out = slot(record, X, scratch[0]), slot(record, OUT, scratch[0])
    mean, inverse = slot(record, MEAN, scratch[0]), slot(record, INVERSE, scratch[0])
    scale, shift = slot(record, SCALE, scratch[0]), slot(record, SHIFT, scratch[0])
    for row in range(lo, hi):
        here, there = advance(x, row * stride), advance(out, row * out_stride)
        normalise_columns(here, mean, inverse, width)
        affine_row(there, here, scale, shift, True, width)
        clear_columns(here, width, padded)
        clear_columns(there, width, padded)
    return 0


@kernel
def batch_norm_partials(record, frame, scratch, lo, hi):
    """PARTIALS (2, O) of each chunk of rows [lo, hi): sums of D and of D xhat; overwrites."""
    x, d = slot(record, X, scratch[0]), slot(record, D, scratch[0])
    partials, stride, padded = slot(record, PARTIALS, scratch[0]), record[STRIDE], record[PADDED]
    for first in range(lo, hi, ROWS):
        rows = min(ROWS, hi - first)
        here, there = advance(x, first * stride), advance(d, first * stride)
        sums = advance(partials, first // ROWS * 2 * padded)
        add_columns(sums, there, stride, rows, padded)
        add_product_columns(advance(sums, padded), there, here, stride, rows, padded)
    return 0


@kernel
def batch_norm_sums(record, frame, scratch, lo, hi):
    """DSHIFT and DSCALE (O,) = sums over the whole batch of D and of D xhat; overwrites."""
    width, padded = record[WIDTH], record[PADDED]
    chunks, partials = (frame[records.ROWS] + ROWS - 1) // ROWS, slot(record, PARTIALS, scratch[0])
    dshift, dscale = slot(record, DSHIFT, scratch[0]), slot(record, DSCALE, scratch[0])
    add_columns(dshift, partials, 2 * padded, chunks, padded)
    add_columns(dscale, advance(partials, padded), 2 * padded, chunks, padded)
    clear_columns(dshift, width, padded)
    clear_columns(dscale, width, padded)
    return 0


@kernel
def differentiate_columns(d, x, scale, inverse, dshift, dscale, part, n):
    """d <- scale inverse (d - (dshift + x dscale) part), n elements; in place."""
    for c in range(n):
        rest = d[c] - (dshift[c] + x[c] * dscale[c]) * part
        d[c] = scale[c] * inverse[c] * rest


@kernel
def batch_norm_backward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of D (B, O): from the gradient of OUT to that of X before; in place."""
    stride, width, padded = record[STRIDE], record[WIDTH], record[PADDED]
    x, d = slot(record, X, scratch[0]), slot(record, D, scratch[0])
    scale, inverse = slot(record, SCALE, scratch[0]), slot(record, INVERSE, scratch[0])
    dshift, dscale = slot(record, DSHIFT, scratch[0]), slot(record, DSCALE, scratch[0])
    part = cast(1.0 / frame[records.ROWS], scratch[0])
    for row in range(lo, hi):
        here, there = advance(x, row * stride), advance(d, row * stride)
        differentiate_columns(there, here, scale, inverse, dshift, dscale, part, width)
        clear_columns(there, width, padded)
    return 0
