"""Pooling of samples with channels last, in a plan: the largest or the mean of each window.

    out[p] = max over taps of x[at p, tap]        out[p] = sum over taps of x[at p, tap] / divisor
    dx[the tap that won] += dout[p]               dx[at p, tap] += dout[p] / divisor

By channel. Among equals the first tap wins, and NaN wins over numbers, as in PyTorch. A table says
which pixels are in each window, so padding, windows that overhang and whole samples are alike.
"""

from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.operands import COUNT, INT64, REALS, ROWS, op, operands
from fusednn.kernels.ops.pointwise.elementwise import clear_columns

POOL = operands(
    pixels=INT64,  # of x, for each tap of each window
    bounds=INT64,  # the first tap of each window, and behind the last
    windows=COUNT,
    x_pixels=COUNT,  # of a sample
    x_pixel=COUNT,  # elements from one pixel to the next
    out_pixel=COUNT,
    padded=COUNT,  # channels, padded to whole vectors
)
LARGEST = operands(POOL, out=ROWS, taken=ROWS, x=ROWS)  # a row for each sample; so below
WON = operands(POOL, dx=ROWS, taken=ROWS, dout=ROWS)
MEAN = operands(POOL, out=ROWS, x=ROWS, shares=REALS)  # 1 / divisor of each window
SPREAD = operands(POOL, dx=ROWS, dout=ROWS, shares=REALS)


@kernel
def keep_larger(out, taken, x, number, n):
    """Where x is larger or NaN: out = x and taken = number, n elements."""
    for c in range(n):
        wins = (x[c] > out[c]) | (x[c] != x[c])
        out[c] = x[c] if wins else out[c]
        taken[c] = number if wins else taken[c]


@kernel
def add_where(dx, dout, taken, number, n):
    """dx += dout where taken is the number, n elements."""
    zero = cast(0, dx[0])
    for c in range(n):
        dx[c] = dx[c] + (dout[c] if taken[c] == number else zero)


@kernel
def add_scaled(out, x, factor, n):
    """out += x factor, n elements."""
    for c in range(n):
        out[c] = out[c] + x[c] * factor


@kernel
def scale(out, factor, n):
    """out <- out factor, n elements."""
    for c in range(n):
        out[c] = out[c] * factor


@op(LARGEST)
def max_pool(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of out (windows, C), and the tap that each is of; overwrites."""
    pixels, bounds = slot(record, LARGEST.pixels, lo), slot(record, LARGEST.bounds, lo)
    n, lowest = record[LARGEST.padded], cast(-float("inf"), scratch[0])
    for sample in range(lo, hi):
        x = advance(slot(record, LARGEST.x, scratch[0]), sample * record[LARGEST.x_stride])
        out = advance(slot(record, LARGEST.out, scratch[0]), sample * record[LARGEST.out_stride])
        taken = advance(
            slot(record, LARGEST.taken, scratch[0]), sample * record[LARGEST.taken_stride]
        )
        for window in range(record[LARGEST.windows]):
            here = advance(out, window * record[LARGEST.out_pixel])
            mark = advance(taken, window * record[LARGEST.out_pixel])
            for c in range(n):
                here[c] = lowest
            clear_columns(mark, 0, n)
            for tap in range(bounds[window], bounds[window + 1]):
                there = advance(x, pixels[tap] * record[LARGEST.x_pixel])
                keep_larger(here, mark, there, cast(tap - bounds[window], scratch[0]), n)
    return 0


@op(WON)
def max_pool_backward(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of dx: the sums of dout of the windows that each pixel won; overwrites."""
    pixels, bounds = (
        slot(record, WON.pixels, lo),
        slot(record, WON.bounds, lo),
    )
    n = record[WON.padded]
    for sample in range(lo, hi):
        dx = advance(
            slot(record, WON.dx, scratch[0]),
            sample * record[WON.dx_stride],
        )
        dout = advance(
            slot(record, WON.dout, scratch[0]),
            sample * record[WON.dout_stride],
        )
        taken = advance(
            slot(record, WON.taken, scratch[0]),
            sample * record[WON.taken_stride],
        )
        clear_columns(dx, 0, record[WON.x_pixels] * record[WON.x_pixel])
        for window in range(record[WON.windows]):
            here = advance(dout, window * record[WON.out_pixel])
            mark = advance(taken, window * record[WON.out_pixel])
            for tap in range(bounds[window], bounds[window + 1]):
                there = advance(dx, pixels[tap] * record[WON.x_pixel])
                add_where(there, here, mark, cast(tap - bounds[window], scratch[0]), n)
    return 0


@op(MEAN)
def average_pool(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of out (windows, C): the sums of windows times their shares; overwrites."""
    pixels, bounds = slot(record, MEAN.pixels, lo), slot(record, MEAN.bounds, lo)
    shares, n = slot(record, MEAN.shares, scratch[0]), record[MEAN.padded]
    one = cast(1, scratch[0])
    for sample in range(lo, hi):
        x = advance(slot(record, MEAN.x, scratch[0]), sample * record[MEAN.x_stride])
        out = advance(slot(record, MEAN.out, scratch[0]), sample * record[MEAN.out_stride])
        for window in range(record[MEAN.windows]):
            here = advance(out, window * record[MEAN.out_pixel])
            clear_columns(here, 0, n)
            for tap in range(bounds[window], bounds[window + 1]):
                add_scaled(here, advance(x, pixels[tap] * record[MEAN.x_pixel]), one, n)
            scale(here, shares[window], n)
    return 0


@op(SPREAD)
def average_pool_backward(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of dx: the sums of dout times the share of each window; overwrites."""
    pixels, bounds = slot(record, SPREAD.pixels, lo), slot(record, SPREAD.bounds, lo)
    shares, n = slot(record, SPREAD.shares, scratch[0]), record[SPREAD.padded]
    for sample in range(lo, hi):
        dx = advance(slot(record, SPREAD.dx, scratch[0]), sample * record[SPREAD.dx_stride])
        dout = advance(
            slot(record, SPREAD.dout, scratch[0]),
            sample * record[SPREAD.dout_stride],
        )
        clear_columns(dx, 0, record[SPREAD.x_pixels] * record[SPREAD.x_pixel])
        for window in range(record[SPREAD.windows]):
            here = advance(dout, window * record[SPREAD.out_pixel])
            for tap in range(bounds[window], bounds[window + 1]):
                there = advance(dx, pixels[tap] * record[SPREAD.x_pixel])
                add_scaled(there, here, shares[window], n)
    return 0
