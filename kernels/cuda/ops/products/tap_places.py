"""Where windows lie over out: the pixel of x that each place of out has at each tap, if any.

Places are taken by their remainders modulo the strides, so that those of a tile have the same
taps, and the taps in the order in which the CPU adds their terms to a place (`added_taps.py`).
"""

import numpy as np
from fusednn.kernels.cuda.language import barrier, thread
from fusednn.kernels.cuda.tiles.product import SMALL_ROWS, small_rows
from fusednn.kernels.ops.lengths import count_of

NOWHERE = -1
"""What stands for a pixel that does not exist, or a place that is not written."""

# What threads know of the windows over out, and of the pixels of x that they belong to: in shared
# memory, since it would take the registers of a tile.
DOWN, ACROSS = 0, 1  # taps
DILATION_DOWN, DILATION_ACROSS, STRIDE_DOWN, STRIDE_ACROSS = 2, 3, 4, 5
TOP, LEFT = 6, 7  # rows and columns of the frame before out
ROWS, COLUMNS = 8, 9  # of pixels
MOST = 10  # rows of pixels whose products are added up at once, by columns
# ... of the samples of out and of x ...
FIRST, SAMPLES, HEIGHT, WIDTH = 11, 12, 13, 14
OUT_STRIDE, OUT_PIXEL = 15, 16
USED, CLEARED = 17, 18  # columns of out, and those behind them, which become zero
FILLED = 19  # columns that begin with b
X_STRIDE, X_PIXEL, DEPTH = 20, 21, 22  # channels of x
# ... and of the panels of weights.
FORM, W_ROWS, W_COLUMNS = 23, 24, 25


def note_taps(facts, at, n_at, pixel, line, per):
    """Notes how many taps there are down and across, and how far each is from the next.

    `at` are the elements from the first tap to each run of `per` adjacent taps, in rows of `line`
    pixels.
    """
    across = 1
    while across < n_at and at[across] // pixel < line:
        across += 1
    facts[DOWN], facts[ACROSS] = n_at // across, across * per
    facts[DILATION_DOWN], facts[DILATION_ACROSS] = 1, 1
    if n_at > across:
        facts[DILATION_DOWN] = at[across] // pixel // line
    if across > 1:
        facts[DILATION_ACROSS] = at[1] // pixel


def place_of(facts, number):
    """The sample, the row and the column of a place of out by its number."""
    phase = 0
    while True:
        y, x = phase // facts[STRIDE_ACROSS], phase % facts[STRIDE_ACROSS]
        down = (facts[HEIGHT] - y + facts[STRIDE_DOWN] - 1) // facts[STRIDE_DOWN]
        across = (facts[WIDTH] - x + facts[STRIDE_ACROSS] - 1) // facts[STRIDE_ACROSS]
        if number < facts[SAMPLES] * down * across:
            sample, pixel = number // (down * across), number % (down * across)
            y += pixel // across * facts[STRIDE_DOWN]
            return sample, y, x + pixel % across * facts[STRIDE_ACROSS]
        number -= facts[SAMPLES] * down * across
        phase += 1


def note_places(facts, places, corners, first):
    """Notes of each row of a tile where its place is in out, its sample, and its row and column
    in the frame."""
    t, rows = thread(), facts[SAMPLES] * facts[HEIGHT] * facts[WIDTH]
    if t < small_rows():
        sample, y, x = place_of(facts, min(first + t, rows - 1))
        place = (facts[FIRST] + sample) * facts[OUT_STRIDE]
        place += (y * facts[WIDTH] + x) * facts[OUT_PIXEL]
        places[t] = place if first + t < rows else NOWHERE
        corners[t], corners[SMALL_ROWS + t] = np.int32(y + facts[TOP]), np.int32(x + facts[LEFT])
        corners[2 * SMALL_ROWS + t] = np.int32(sample)


def tap_at(facts, number, by_columns):
    """The row and column of the tap at a number of the order in which terms are added."""
    number %= facts[DOWN] * facts[ACROSS]
    if by_columns and facts[MOST] > 1:
        return facts[DOWN] - 1 - number % facts[DOWN], facts[ACROSS] - 1 - number // facts[DOWN]
    column = number % facts[ACROSS]
    return (
        facts[DOWN] - 1 - number // facts[ACROSS],
        facts[ACROSS] - 1 - column if by_columns else column,
    )


def runs_of(facts, by_columns):
    """How often the taps are gone through: by columns once for each part of a place's rows."""
    if not by_columns or facts[MOST] == 1 or facts[MOST] >= facts[ROWS]:
        return 1
    rows = (facts[DOWN] - 1) * facts[DILATION_DOWN] // facts[STRIDE_DOWN] + 1
    return rows // facts[MOST] + 2


def is_in_run(facts, row, y, run, runs):
    """Whether a row of pixels is in this one of the parts of the rows of a place."""
    lowest = (y - (facts[DOWN] - 1) * facts[DILATION_DOWN]) // facts[STRIDE_DOWN]
    return runs == 1 or row // facts[MOST] == lowest // facts[MOST] + run


def note_pixels(record, facts, lengths, pixels, corners, found, number, runs, by_columns):
    """Notes where the pixel of each row of a tile is in x, at the tap at a number; found[0]
    becomes number + 1 if one exists. `lengths` is the slot of those of the series, in pixels."""
    t = thread()
    if t < small_rows():
        down, across = tap_at(facts, number, by_columns)
        sample = facts[FIRST] + corners[2 * SMALL_ROWS + t]
        count = count_of(record, lengths, sample, facts[COLUMNS])
        y = corners[t] - down * facts[DILATION_DOWN]
        x = corners[SMALL_ROWS + t] - across * facts[DILATION_ACROSS]
        row, column, place = y // facts[STRIDE_DOWN], x // facts[STRIDE_ACROSS], NOWHERE
        if y == row * facts[STRIDE_DOWN] and x == column * facts[STRIDE_ACROSS]:
            run = number // (facts[DOWN] * facts[ACROSS])
            inside = row >= 0 and row < facts[ROWS] and column >= 0 and column < count
            if inside and is_in_run(facts, row, corners[t], run, runs):
                place = sample * facts[X_STRIDE] + (row * count + column) * facts[X_PIXEL]
                found[0] = np.int32(number + 1)
        pixels[t] = place
    barrier()
