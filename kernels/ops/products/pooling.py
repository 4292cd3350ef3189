"""Pooling of samples with channels last, in a plan: the largest or the mean of each window.

    out[p] = max over taps of x[at p, tap]        out[p] = sum over taps of x[at p, tap] / divisor
    dx[the tap that won] += dout[p]               dx[at p, tap] += dout[p] / divisor

By channel. Among equals the first tap wins, and NaN wins over numbers, as in PyTorch. A table says
which pixels are in each window, so padding, windows that overhang and whole samples are alike.
Another one has the bounds of windows that end with the last step of a series.
"""

from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.pools import (
    add_to_largest,
    largest_of,
    spread_windows,
    sum_windows,
)
from fusednn.kernels.operands import COUNT, INT64, REALS, ROWS, maybe, op, operands
from fusednn.kernels.ops.lengths import count_of
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
    lengths=maybe(INT64),  # of the series of each sample, in pixels of x
    window_lengths=maybe(INT64),  # and in windows; where they are missing all have `windows`
    spans=INT64,  # with lengths, for each tap: its window's first tap, and the one behind it
)
LARGEST = operands(POOL, out=ROWS, taken=ROWS, x=ROWS)  # a row for each sample; so below
WON = operands(POOL, dx=ROWS, taken=ROWS, dout=ROWS)
MEAN = operands(POOL, out=ROWS, x=ROWS, shares=REALS, end_shares=REALS)
SPREAD = operands(POOL, dx=ROWS, dout=ROWS, shares=REALS, end_shares=REALS)
"""`shares` are 1 / divisor of each window, `end_shares` of one that ends with a tap, for each."""


@kernel
def windows_of(record, sample):
    """The windows over a sample's series, and how many of them are whole."""
    count = count_of(record, POOL.window_lengths, sample, record[POOL.windows])
    whole = count
    if record[POOL.lengths] != 0:
        pixels, bounds = slot(record, POOL.pixels, sample), slot(record, POOL.bounds, sample)
        length = slot(record, POOL.lengths, sample)[sample]
        while whole > 0 and pixels[bounds[whole] - 1] >= length:
            whole -= 1
    return count, whole


@kernel
def last_tap(record, sample, window):
    """The tap that is the last one of a window within the series of a sample."""
    pixels, bounds = slot(record, POOL.pixels, sample), slot(record, POOL.bounds, sample)
    first = bounds[window]
    return first + slot(record, POOL.lengths, sample)[sample] - 1 - pixels[first]


@kernel
def bounds_of(record, sample, window, whole):
    """The bounds of the windows from one on, and how many have them: all whole ones, or one."""
    if window < whole:
        return advance(slot(record, POOL.bounds, sample), window), whole - window
    return advance(slot(record, POOL.spans, sample), 2 * last_tap(record, sample, window)), 1


@kernel
def clear_sample(record, dx, sample):
    """dx <- 0 in the pixels of a sample, or those of its series."""
    pixels = count_of(record, POOL.lengths, sample, record[POOL.x_pixels])
    clear_columns(dx, 0, pixels * record[POOL.x_pixel])


@op(LARGEST)
def max_pool(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of out (windows, C), and the tap that each is of; overwrites."""
    pixels, out_pixel = slot(record, LARGEST.pixels, lo), record[LARGEST.out_pixel]
    for sample in range(lo, hi):
        x = advance(slot(record, LARGEST.x, scratch[0]), sample * record[LARGEST.x_stride])
        out = advance(slot(record, LARGEST.out, scratch[0]), sample * record[LARGEST.out_stride])
        taken = advance(
            slot(record, LARGEST.taken, scratch[0]), sample * record[LARGEST.taken_stride]
        )
        count, whole = windows_of(record, sample)
        w = 0
        while w < count:
            bounds, many = bounds_of(record, sample, w, whole)
            largest_of(
                advance(out, w * out_pixel), advance(taken, w * out_pixel), x, out_pixel,
                record[LARGEST.x_pixel], pixels, bounds, many, record[LARGEST.padded],
            )  # fmt: skip
            w += many
    return 0


@op(WON)
def max_pool_backward(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of dx: the sums of dout of the windows that each pixel won; overwrites."""
    pixels, out_pixel = slot(record, WON.pixels, lo), record[WON.out_pixel]
    once = record[WON.once] != 0
    for sample in range(lo, hi):
        dx = advance(slot(record, WON.dx, scratch[0]), sample * record[WON.dx_stride])
        dout = advance(slot(record, WON.dout, scratch[0]), sample * record[WON.dout_stride])
        taken = advance(slot(record, WON.taken, scratch[0]), sample * record[WON.taken_stride])
        if not once:
            clear_sample(record, dx, sample)
        count, whole = windows_of(record, sample)
        w = 0
        while w < count:
            bounds, many = bounds_of(record, sample, w, whole)
            add_to_largest(
                dx, advance(dout, w * out_pixel), advance(taken, w * out_pixel),
                record[WON.x_pixel], out_pixel, pixels, bounds, many, record[WON.padded], once,
            )  # fmt: skip
            w += many
    return 0


@op(MEAN)
def average_pool(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of out (windows, C): the sums of windows times their shares; overwrites."""
    pixels, out_pixel = slot(record, MEAN.pixels, lo), record[MEAN.out_pixel]
    for sample in range(lo, hi):
        x = advance(slot(record, MEAN.x, scratch[0]), sample * record[MEAN.x_stride])
        out = advance(slot(record, MEAN.out, scratch[0]), sample * record[MEAN.out_stride])
        count, whole = windows_of(record, sample)
        w = 0
        while w < count:
            bounds, many = bounds_of(record, sample, w, whole)
            shares = advance(slot(record, MEAN.shares, scratch[0]), w)
            if w >= whole:
                tap = last_tap(record, sample, w)
                shares = advance(slot(record, MEAN.end_shares, scratch[0]), tap)
            sum_windows(
                advance(out, w * out_pixel), x, shares, out_pixel, record[MEAN.x_pixel], pixels,
                bounds, many, record[MEAN.padded],
            )  # fmt: skip
            w += many
    return 0


@op(SPREAD)
def average_pool_backward(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of dx: the sums of dout times the share of each window; overwrites."""
    pixels, out_pixel = slot(record, SPREAD.pixels, lo), record[SPREAD.out_pixel]
    once = record[SPREAD.once] != 0
    for sample in range(lo, hi):
        dx = advance(slot(record, SPREAD.dx, scratch[0]), sample * record[SPREAD.dx_stride])
        dout = advance(slot(record, SPREAD.dout, scratch[0]), sample * record[SPREAD.dout_stride])
        if not once:
            clear_sample(record, dx, sample)
        count, whole = windows_of(record, sample)
        w = 0
        while w < count:
            bounds, many = bounds_of(record, sample, w, whole)
            shares = advance(slot(record, SPREAD.shares, scratch[0]), w)
            if w >= whole:
                tap = last_tap(record, sample, w)
                shares = advance(slot(record, SPREAD.end_shares, scratch[0]), tap)
            spread_windows(
                dx, advance(dout, w * out_pixel), shares, record[SPREAD.x_pixel], out_pixel,
                pixels, bounds, many, record[SPREAD.padded], once,
            )  # fmt: skip
            w += many
    return 0
