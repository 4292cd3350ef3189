"""Pooling of samples with channels last, in a plan: the largest or the mean of each window.

    out[p] = max over taps of x[at p, tap]        out[p] = sum over taps of x[at p, tap] / divisor
    dx[the tap that won] += dout[p]               dx[at p, tap] += dout[p] / divisor

By channel. Among equals the first tap wins, and NaN wins over numbers, as in PyTorch. A table says
which pixels are in each window, so padding, windows that overhang and whole samples are alike.
"""

from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.pools import (
    add_to_largest,
    largest_of,
    spread_windows,
    sum_windows,
)
from fusednn.kernels.operands import COUNT, INT64, REALS, ROWS, op, operands
from fusednn.kernels.ops.pointwise.elementwise import clear_columns

POOL = operands(
    pixels=INT64,  # of x, for each tap of each window
    bounds=INT64,  # the first tap of each window, and behind the last
    windows=COUNT,
    once=COUNT,  # whether each pixel of x is in one window, no more and no less
    x_pixels=COUNT,  # of a sample
    x_pixel=COUNT,  # elements from one pixel to the next
    out_pixel=COUNT,
    padded=COUNT,  # channels, padded to whole vectors
)
LARGEST = operands(POOL, out=ROWS, taken=ROWS, x=ROWS)  # a row for each sample; so below
WON = operands(POOL, dx=ROWS, taken=ROWS, dout=ROWS)
MEAN = operands(POOL, out=ROWS, x=ROWS, shares=REALS)  # 1 / divisor of each window
SPREAD = operands(POOL, dx=ROWS, dout=ROWS, shares=REALS)


@op(LARGEST)
def max_pool(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of out (windows, C), and the tap that each is of; overwrites."""
    pixels, bounds = slot(record, LARGEST.pixels, lo), slot(record, LARGEST.bounds, lo)
    for sample in range(lo, hi):
        x = advance(slot(record, LARGEST.x, scratch[0]), sample * record[LARGEST.x_stride])
        out = advance(slot(record, LARGEST.out, scratch[0]), sample * record[LARGEST.out_stride])
        taken = advance(
            slot(record, LARGEST.taken, scratch[0]), sample * record[LARGEST.taken_stride]
        )
        largest_of(
            out, taken, x, record[LARGEST.out_pixel], record[LARGEST.x_pixel], pixels, bounds,
            record[LARGEST.windows], record[LARGEST.padded],
        )  # fmt: skip
    return 0


@op(WON)
def max_pool_backward(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of dx: the sums of dout of the windows that each pixel won; overwrites."""
    pixels, bounds = slot(record, WON.pixels, lo), slot(record, WON.bounds, lo)
    once = record[WON.once] != 0
    for sample in range(lo, hi):
        dx = advance(slot(record, WON.dx, scratch[0]), sample * record[WON.dx_stride])
        dout = advance(slot(record, WON.dout, scratch[0]), sample * record[WON.dout_stride])
        taken = advance(slot(record, WON.taken, scratch[0]), sample * record[WON.taken_stride])
        if not once:
            clear_columns(dx, 0, record[WON.x_pixels] * record[WON.x_pixel])
        add_to_largest(
            dx, dout, taken, record[WON.x_pixel], record[WON.out_pixel], pixels, bounds,
            record[WON.windows], record[WON.padded], once,
        )  # fmt: skip
    return 0


@op(MEAN)
def average_pool(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of out (windows, C): the sums of windows times their shares; overwrites."""
    pixels, bounds = slot(record, MEAN.pixels, lo), slot(record, MEAN.bounds, lo)
    shares = slot(record, MEAN.shares, scratch[0])
    for sample in range(lo, hi):
        x = advance(slot(record, MEAN.x, scratch[0]), sample * record[MEAN.x_stride])
        out = advance(slot(record, MEAN.out, scratch[0]), sample * record[MEAN.out_stride])
        sum_windows(
            out, x, shares, record[MEAN.out_pixel], record[MEAN.x_pixel], pixels, bounds,
            record[MEAN.windows], record[MEAN.padded],
        )  # fmt: skip
    return 0


@op(SPREAD)
def average_pool_backward(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of dx: the sums of dout times the share of each window; overwrites."""
    pixels, bounds = slot(record, SPREAD.pixels, lo), slot(record, SPREAD.bounds, lo)
    shares, once = slot(record, SPREAD.shares, scratch[0]), record[SPREAD.once] != 0
    for sample in range(lo, hi):
        dx = advance(slot(record, SPREAD.dx, scratch[0]), sample * record[SPREAD.dx_stride])
        dout = advance(slot(record, SPREAD.dout, scratch[0]), sample * record[SPREAD.dout_stride])
        if not once:
            clear_columns(dx, 0, record[SPREAD.x_pixels] * record[SPREAD.x_pixel])
        spread_windows(
            dx, dout, shares, record[SPREAD.x_pixel], record[SPREAD.out_pixel], pixels, bounds,
            record[SPREAD.windows], record[SPREAD.padded], once,
        )  # fmt: skip
    return 0
