"""The small tile of a product whose operands lie anywhere, such as windows of samples.

    acc[m, n] = acc[m, n] + sum over k of a[own[m] + at[k]] b[of[k] + n]

As `multiply_small` of `product.py`, with the bits of `intrinsics/windows.py`. A thread always
loads the same row m, so it keeps `own[m]`; where the steps of a round lie is in tables of shared
memory. While a round is multiplied, the values of the next are on their way to registers, and
before that the places of the one after are noted. On a GPU no sample is copied to a frame of
zeros: a row and a step also have a line and a column, whose sums say whether they are inside.
"""

import numpy as np
from fusednn.kernels.cuda.language import barrier, local, shared, single, thread, threads
from fusednn.kernels.cuda.tiles.product import (
    SMALL_A_ROW,
    SMALL_COLUMNS,
    SMALL_DEPTH,
    multiply_loaded,
    right_of,
    small_rows,
    tile_memory,
)
from fusednn.kernels.intrinsics.scalars import cast

ROWS_EACH, COLUMNS_EACH = 8, 4
"""Elements of a and of b that a thread has of each round."""

VALUES = ROWS_EACH + COLUMNS_EACH
PART = SMALL_DEPTH
"""Places of a round in a table: those in a, then those in b."""


def round_steps():
    """Steps of a round: the first as many threads of a block note one each."""
    return threads() // 8


def place_table():
    """Shared memory for the places of two rounds."""
    return shared(128, 0)


def line_table():
    """Shared memory for the lines and columns of two rounds."""
    return shared(128, np.int32(0))


def note_pair(table, turn, first, second):
    """Notes two numbers of this thread's step."""
    at = turn * 2 * PART + thread()
    table[at], table[at + PART] = first, second


def own_row():
    """The row of a tile that this thread loads."""
    return thread() % small_rows()


def fetch_rows(values, a, own, places, turn, size):
    """values <- the elements of a for this thread's row; overwrites."""
    first, at = thread() // small_rows(), turn * 2 * PART
    for n in range(ROWS_EACH):
        q = first + 4 * n
        if q < size:
            values[n] = a[own + places[at + q]]


def fetch_inside(values, a, own, line, column, height, width, places, lines, turn, size):
    """fetch_rows with 0 for what is outside of the (height, width) pixels of a sample."""
    first, at = thread() // small_rows(), turn * 2 * PART
    for n in range(ROWS_EACH):
        q = first + 4 * n
        values[n] = cast(0, values[0])
        if q < size:
            y, x = np.int32(line + lines[at + q]), np.int32(column + lines[at + PART + q])
            if y >= 0 and y < height and x >= 0 and x < width:
                values[n] = a[own + places[at + q]]


def fetch_columns(values, b, column, columns, places, turn, size):
    """values <- elements of one column of b, 0 behind `columns`; overwrites."""
    at, first = column + thread() % SMALL_COLUMNS, thread() // SMALL_COLUMNS
    step, places_of = threads() // SMALL_COLUMNS, turn * 2 * PART + PART
    for n in range(COLUMNS_EACH):
        q = first + n * step
        values[ROWS_EACH + n] = cast(0, values[0])
        if q < size and at < columns:
            values[ROWS_EACH + n] = b[places[places_of + q] + at]


def put_values(left, right, values):
    """Writes a round's values to the tile's shared memory."""
    row, first = own_row(), thread() // small_rows()
    for n in range(ROWS_EACH):
        if first + 4 * n < round_steps():
            left[(first + 4 * n) * SMALL_A_ROW + row] = values[n]
    first, step = thread() // SMALL_COLUMNS, threads() // SMALL_COLUMNS
    for n in range(COLUMNS_EACH):
        q = first + n * step
        right[q * SMALL_COLUMNS + thread() % SMALL_COLUMNS] = values[ROWS_EACH + n]


def add_rounds(
    acc, record, frame, note, fetch, own, line, column, j, sample, last, depth
):  # fmt: skip
    """acc += `depth` steps of a tile whose first column is j.

    `note` finds the places of a thread's step from sample, last and a number on, and gives the
    sample and number that it found; `fetch` reads the values of a round.
    """
    places, lines, left = place_table(), line_table(), tile_memory(acc[0])
    right, values = right_of(left), local(12, acc[0])  # VALUES
    step, steps, size, turn = np.int32(thread()), np.int32(round_steps()), np.int32(0), np.int32(0)
    left_over = np.int32(depth + steps)  # the first round is noted and fetched alone
    while left_over > 0:
        single()
        if size > 0:
            put_values(left, right, values)
        if thread() < steps:
            sample, step = note(record, frame, places, lines, turn, sample, last, step)
            step = np.int32(step + steps)
        barrier()
        ready, size = size, np.int32(min(steps, left_over - steps))
        if size > 0:
            fetch(record, values, own, line, column, j, places, lines, turn, size)
        if ready > 0:
            multiply_loaded(acc, left, right, ready)
        barrier()
        turn, left_over = np.int32(1 - turn), np.int32(left_over - steps)
