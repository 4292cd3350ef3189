"""The walk over the steps that all recurrences share, forward and back.

As `kernels/ops/recurrence/walk.py`, but a block takes a group of samples through all steps, since
samples do not depend on each other and blocks cannot wait for each other. Its threads share a
step's product by columns, and its cells by units, with a barrier between the two. The states that
a product reads are where the cells have written them: all threads read the same ones.

A cell is a function that runs for every `apart`-th unit of a sample, from one on.
"""

import numpy as np
from fusednn.kernels.cuda.language import barrier, block, blocks, single, thread, threads
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops.lengths import count_of
from fusednn.kernels.ops.recurrence.walk import (
    BACKWARD,
    FORWARD,
    begins_at,
    ends_at,
    row_of,
    step_of,
)

from .state_products import always, multiply_columns, multiply_rows

MOST = 8
"""The most samples of a group: a weight that has been read serves them all."""

SPREAD = 128
"""Groups of two or more samples are for more of them: about the multiprocessors of a large GPU."""


def group_of(samples):
    """The samples that a block takes at once, a power of two."""
    group = 1
    while group < MOST and group * min(SPREAD, blocks()) < samples:
        group *= 2
    return group


def rows_of_thread(rows, columns):
    """The rows whose element of one column a thread computes: 1, 2 or 4, of so many in all.

    A few chains at once hide how long each takes, but all threads shall have some.
    """
    each = rows
    while each > 4 or (each > 1 and 2 * columns * (rows // each) <= threads()):
        each //= 2
    return each


def share(group, each):
    """The first of a thread's rows in a group, the first of its columns, and their distance.

    A thread has `each` rows; it is the same in products and in cells.
    """
    apart = threads() // (group // each)
    return np.int32(thread() // apart * each), np.int32(thread() % apart), np.int32(apart)


# -- forward ---------------------------------------------------------------------------------


def follows(record, sample, step):
    """Whether a sample has a step and a state before it."""
    own_steps = count_of(record, FORWARD.lengths, sample, record[FORWARD.steps])
    begins = begins_at(step, own_steps, record[FORWARD.reverse])
    return step < own_steps and (record[FORWARD.continues] != 0 or not begins)


def first_placed(record, at):
    """The first of the steps whose inputs are multiplied together from the `at`-th on."""
    if record[FORWARD.reverse] != 0:
        return max(0, record[FORWARD.steps] - at - record[FORWARD.together])
    return at


def multiply_inputs(record, like, top, rows, each, column, apart, at):
    """A thread's part of the rows `made` = x w_x + b_x of some steps from the `at`-th on."""
    steps, fan_in, lowest = record[FORWARD.steps], record[FORWARD.fan_in], first_placed(record, at)
    count = min(record[FORWARD.together], steps - at)
    for sample in range(top, top + min(each, rows)):
        own = min(count, count_of(record, FORWARD.lengths, sample, steps) - lowest)
        for row in range(own):
            made = row_of(record, FORWARD.made, FORWARD.made_step, sample, row, like)
            x = row_of(record, FORWARD.x, FORWARD.x_step, sample, lowest + row, like)
            multiply_columns(
                record, 1, 1, made, 0, x, 0, slot(record, FORWARD.b_x, like), 0,
                slot(record, FORWARD.w_x, like), fan_in, fan_in, record[FORWARD.columns], column,
                apart, sample, 0, always, False,
            )  # fmt: skip


def multiply_states(record, like, top, rows, each, column, apart, at, placed, adds):
    """A thread's part of the sums at the `at`-th step: with the products of the states before.

    They are overwritten, or added to with `adds`.
    """
    steps, reverse, units = record[FORWARD.steps], record[FORWARD.reverse], record[FORWARD.units]
    step, before = step_of(at, steps, reverse), step_of(at - 1, steps, reverse)
    sums = row_of(record, FORWARD.sums, FORWARD.sums_step, top, step - placed, like)
    h = row_of(record, FORWARD.states, FORWARD.states_step, top, before, like)
    start, start_apart = slot(record, FORWARD.zeros, like), 0
    if adds:
        start, start_apart = sums, record[FORWARD.sums_stride]
    multiply_rows(
        record, each, rows, sums, record[FORWARD.sums_stride], h, record[FORWARD.states_stride],
        start, start_apart, slot(record, FORWARD.w, like), units, units, record[FORWARD.columns],
        column, apart, top, step, follows,
    )  # fmt: skip


def run_cells(record, like, top, rows, each, unit, apart, at, placed, run_cell):
    """`run_cell` for the `at`-th step of a thread's samples."""
    steps, reverse = record[FORWARD.steps], record[FORWARD.reverse]
    step, before = step_of(at, steps, reverse), step_of(at - 1, steps, reverse)
    for sample in range(top, top + min(each, rows)):
        single()
        own_steps = count_of(record, FORWARD.lengths, sample, steps)
        if step < own_steps:
            begins = begins_at(step, own_steps, reverse) and record[FORWARD.continues] == 0
            run_cell(record, like, sample, step, step - placed, before, begins, unit, apart)


def walk_forward(record, like, lo, hi, adds, run_cell):
    """Samples [lo, hi): `run_cell` for each step of each, in the order of the steps.

    With x, `placed` is the first of the steps that have their products among the rows `made`.
    """
    group = group_of(hi - lo)
    each = rows_of_thread(group, record[FORWARD.columns])
    own, column, apart = share(group, each)
    for first in range(lo + block() * group, hi, blocks() * group):
        top, rows = np.int64(first + own), min(group, hi - first) - own
        placed = np.int32(0)
        for at in range(np.int32(record[FORWARD.steps])):
            if record[FORWARD.x] != 0 and at % record[FORWARD.together] == 0:
                multiply_inputs(record, like, top, rows, each, column, apart, at)
                placed = np.int32(first_placed(record, at))
                barrier()
            if rows > 0 and (at > 0 or record[FORWARD.continues] != 0):
                multiply_states(record, like, top, rows, each, column, apart, at, placed, adds)
            barrier()
            run_cells(record, like, top, rows, each, column, apart, at, placed, run_cell)
            barrier()


# -- back ------------------------------------------------------------------------------------


def gradients(record):
    """The elements of scratch of each block: the gradients by h and by c of a group."""
    return 2 * MOST * record[BACKWARD.padded_units]


def follows_back(record, sample, step):
    """Whether a sample has a step and one before it."""
    own_steps = count_of(record, BACKWARD.lengths, sample, record[BACKWARD.steps])
    begins = begins_at(step, own_steps, record[BACKWARD.reverse])
    return step < own_steps and (record[BACKWARD.continues] != 0 or not begins)


def run_cells_back(record, dh, top, rows, each, unit, apart, at, run_cell):
    """`run_cell` for the `at`-th step of a thread's samples, with dout added to dh."""
    steps, reverse, like = record[BACKWARD.steps], record[BACKWARD.reverse], cast(0, dh[0])
    step, before = step_of(at, steps, reverse), step_of(at - 1, steps, reverse)
    for row in range(min(each, rows)):
        single()
        sample, own = top + row, advance(dh, row * record[BACKWARD.padded_units])
        own_steps = count_of(record, BACKWARD.lengths, sample, steps)
        if step < own_steps:
            if record[BACKWARD.every_step] != 0 or ends_at(step, own_steps, reverse):
                dout = row_of(record, BACKWARD.dout, BACKWARD.dout_step, sample, step, like)
                for u in range(unit, record[BACKWARD.units], apart):
                    own[u] = own[u] + dout[u]
            begins = begins_at(step, own_steps, reverse) and record[BACKWARD.continues] == 0
            run_cell(record, like, own, sample, step, before, begins, unit, apart)


def clear_gradients(record, dh, rows, each, unit, apart):
    """dh and what is behind it <- 0, each element by the thread that has its unit."""
    padded, zero = record[BACKWARD.padded_units], cast(0, dh[0])
    for row in range(min(each, rows)):
        for u in range(row * padded + unit, (row + 1) * padded, apart):
            dh[u] = zero
            dh[MOST * padded + u] = zero


def multiply_back(record, dh, top, rows, each, column, apart, at, adds):
    """A thread's part of dh <- the gradient by the states before the `at`-th step."""
    padded, like = record[BACKWARD.padded_units], cast(0, dh[0])
    step = step_of(at, record[BACKWARD.steps], record[BACKWARD.reverse])
    dsums = row_of(record, BACKWARD.dsums, BACKWARD.dsums_step, top, step, like)
    start, start_apart = slot(record, BACKWARD.zeros, like), 0
    if adds:
        start, start_apart = dh, padded
    multiply_rows(
        record, each, rows, dh, padded, dsums, record[BACKWARD.dsums_stride], start, start_apart,
        slot(record, BACKWARD.w_transposed, like), record[BACKWARD.columns],
        record[BACKWARD.depth], padded, column, apart, top, step, follows_back,
    )  # fmt: skip


def walk_back(record, scratch, lo, hi, adds, run_cell):
    """Samples [lo, hi): `run_cell` for each step of each, against the order of the steps.

    It gets the row of dh, the gradient by the state, MOST rows before that of a second one. What
    it leaves there is added to the gradient by the state before, with `adds`.
    """
    group, padded = group_of(hi - lo), record[BACKWARD.padded_units]
    each = rows_of_thread(group, padded)
    own, column, apart = share(group, each)
    dh = advance(scratch, own * padded)
    for first in range(lo + block() * group, hi, blocks() * group):
        top, rows = np.int64(first + own), min(group, hi - first) - own
        clear_gradients(record, dh, rows, each, column, apart)
        for at in range(np.int32(record[BACKWARD.steps] - 1), np.int32(-1), np.int32(-1)):
            run_cells_back(record, dh, top, rows, each, column, apart, at, run_cell)
            barrier()
            if rows > 0 and at > 0:
                multiply_back(record, dh, top, rows, each, column, apart, at, adds)
            barrier()
