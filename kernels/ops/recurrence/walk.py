"""The walk over the steps that all recurrences share, forward and back.

A block of samples goes through the steps together, so the weights are read once for each step and
block. Rows of one step are as far apart as samples are. A cell is two kernels: what a row computes
forward from the sums of its gates, and back from the gradient by its state.

Series of unequal lengths (`ops/lengths.py`) are best sorted from the longest to the shortest:
those that have a step are then the first ones, and the others cost nothing. In any other order the
first ones include some that do not have it. These are left out row by row, and what a product
reads of them is cleared.

Loops over the units of a row read and write several parts of it. LLVM would test once for all rows
whether these overlap; they do, and the loops would run without vectors. So a cell computes its
row's places from the record (`row_of`): then LLVM tests the parts of one row.
"""

from fusednn.kernels._jit import inline, kernel
from fusednn.kernels.gemm import multiply_panels
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.operands import COUNT, INT32, INT64, REALS, ROWS, maybe, operands
from fusednn.kernels.ops.lengths import count_of
from fusednn.kernels.ops.pointwise.elementwise import clear_columns

BLOCK = 32
"""The most samples that go through the steps together on the way back, whose gradients by h and
by c are in the scratch."""

# rows of samples: each begins with the sample's first step, and the next follows at NAME_step
FORWARD = operands(
    states=ROWS,
    sums=ROWS,  # with the products of the states
    x=maybe(ROWS),  # from which the rows that a cell begins with are made; else they are given
    w_x=maybe(REALS),
    b_x=maybe(REALS),
    fan_in=maybe(COUNT),
    x_step=maybe(COUNT),
    together=maybe(COUNT),  # steps of x that are multiplied at once
    made=maybe(ROWS),  # the rows made of x, which have room for as many steps
    made_step=maybe(COUNT),
    w=REALS,
    zeros=REALS,
    units=COUNT,
    columns=COUNT,  # of the sums, padded to whole vectors
    padded_units=COUNT,
    steps=COUNT,
    states_step=COUNT,
    sums_step=COUNT,  # 0: one row for all steps; so below
    reverse=COUNT,  # whether the last step comes first
    lengths=maybe(INT64),  # of each sample's series
    continues=COUNT,  # whether states before the first step are a step before their rows
    # of weights in integers alone
    column_sums=maybe(INT32),
    factors=maybe(REALS),  # of each column
    rounded=maybe(INT32),  # a state as words of four bytes
    rounded_stride=maybe(COUNT),
    zero_points=maybe(INT32),
    scales=maybe(REALS),
)
BACKWARD = operands(
    dsums=ROWS,  # gradients by the sums
    dout=ROWS,
    w_transposed=REALS,
    zeros=REALS,
    units=COUNT,
    depth=COUNT,  # columns of the sums
    columns=COUNT,
    padded_units=COUNT,
    steps=COUNT,
    dsums_step=COUNT,
    dout_step=COUNT,
    every_step=COUNT,  # whether dout has a row for each step, else for the last alone
    reverse=COUNT,
    lengths=maybe(INT64),
    continues=COUNT,
)


@inline
def walk_forward(record, like, lo, hi, multiply, adds, run_cell):
    """Samples [lo, hi): `run_cell` for each step of each, in the order of the steps.

    Before, `multiply` overwrites a step's sums with the products of the states before it; with
    `adds` it adds them. Where x is given, its products are written to the rows `made` for some
    steps at a time: they stay in the cache, and those of later steps overwrite them.
    """
    sample, sums_sample = record[FORWARD.states_stride], record[FORWARD.sums_stride]
    steps, reverse = record[FORWARD.steps], record[FORWARD.reverse]
    continues = record[FORWARD.continues] != 0
    states = advance(slot(record, FORWARD.states, like), lo * sample)
    sums = advance(slot(record, FORWARD.sums, like), lo * sums_sample)
    zeros, first = slot(record, FORWARD.zeros, like), 0  # of the steps whose rows are there
    for at in range(steps):
        step, before = step_of(at, steps, reverse), step_of(at - 1, steps, reverse)
        if record[FORWARD.x] != 0 and at % record[FORWARD.together] == 0:
            first = multiply_inputs(record, like, lo, hi, at)
        rows = rows_at(record, FORWARD.lengths, lo, hi - lo, step)
        if at > 0 or continues:
            h = advance(states, before * record[FORWARD.states_step])
            here = advance(sums, (step - first) * record[FORWARD.sums_step])
            going = rows_at(record, FORWARD.lengths, lo, rows, before)
            if reverse != 0:
                units = record[FORWARD.units]
                clear_unbegun(record, FORWARD.lengths, lo, going, h, sample, before, units)
            start, start_sample = (here, sums_sample) if adds else (zeros, 0)
            multiply(record, here, sums_sample, h, sample, start, start_sample, lo, going)
        for row in range(rows):
            own_steps = count_of(record, FORWARD.lengths, lo + row, steps)
            if step < own_steps:
                begins = begins_at(step, own_steps, reverse) and not continues
                run_cell(record, like, lo + row, step, step - first, before, begins)


@inline
def walk_back(record, scratch, lo, hi, adds, run_cell):
    """Samples [lo, hi): `run_cell` for each step of each, against the order of the steps.

    It gets the row of dh, the gradient by the state, BLOCK rows before that of a second one. What
    it leaves there is added to the gradient by the state before, with `adds`.
    """
    for first in range(lo, hi, BLOCK):
        _walk_block_back(record, scratch, first, min(hi, first + BLOCK), adds, run_cell)


@inline
def _walk_block_back(record, dh, lo, hi, adds, run_cell):
    """`walk_back` of a block; dh (2, BLOCK, padded_units) is the scratch."""
    steps, reverse, rows = record[BACKWARD.steps], record[BACKWARD.reverse], hi - lo
    stride, sample = record[BACKWARD.padded_units], record[BACKWARD.dsums_stride]
    dsums = advance(slot(record, BACKWARD.dsums, dh[0]), lo * sample)
    zeros = slot(record, BACKWARD.zeros, dh[0])
    clear_columns(dh, 0, rows * stride)
    clear_columns(dh, BLOCK * stride, (BLOCK + rows) * stride)
    for at in range(steps - 1, -1, -1):
        step, before = step_of(at, steps, reverse), step_of(at - 1, steps, reverse)
        here = advance(dsums, step * record[BACKWARD.dsums_step])
        present = rows_at(record, BACKWARD.lengths, lo, rows, step)
        for row in range(present):
            own_steps = count_of(record, BACKWARD.lengths, lo + row, steps)
            if step >= own_steps:
                clear_columns(advance(here, row * sample), 0, record[BACKWARD.columns])
                continue
            own = advance(dh, row * stride)
            if record[BACKWARD.every_step] != 0 or ends_at(step, own_steps, reverse):
                dout = row_of(record, BACKWARD.dout, BACKWARD.dout_step, lo + row, step, dh[0])
                add_span(own, dout, record[BACKWARD.units])
            begins = begins_at(step, own_steps, reverse) and record[BACKWARD.continues] == 0
            run_cell(record, own, lo + row, step, before, begins)
        if at > 0:
            going = rows_at(record, BACKWARD.lengths, lo, present, before)
            start, start_sample = (dh, stride) if adds else (zeros, 0)
            multiply_state(
                dh, stride, here, sample, slot(record, BACKWARD.w_transposed, dh[0]),
                record[BACKWARD.columns], start, start_sample, going, record[BACKWARD.depth],
                stride,
            )  # fmt: skip


@inline
def row_of(record, rows, step_slot, sample, step, like):
    """The row of a step of a sample of operand `rows`."""
    at = sample * record[rows + 1] + step * record[step_slot]
    return advance(slot(record, rows, like), at)


@kernel
def multiply_floats(record, sums, sums_sample, h, h_sample, start, start_sample, lo, samples):
    """sums (B, columns) = start + h (B, units) w of samples from `lo` on; overwrites."""
    units = record[FORWARD.units]
    multiply_state(
        sums, sums_sample, h, h_sample, slot(record, FORWARD.w, sums[0]), units, start,
        start_sample, samples, units, record[FORWARD.columns],
    )  # fmt: skip


@kernel
def multiply_inputs(record, like, lo, hi, at):
    """Rows `made` of samples [lo, hi) = x w_x + b_x of some steps from the `at`-th on.

    Returns the first of the steps.
    """
    steps, fan_in = record[FORWARD.steps], record[FORWARD.fan_in]
    count, first = min(record[FORWARD.together], steps - at), at
    if record[FORWARD.reverse] != 0:
        first = steps - at - count
    lowest = cast(-float("inf"), like)
    for sample in range(lo, hi):
        own = min(count, count_of(record, FORWARD.lengths, sample, steps) - first)
        if own > 0:
            multiply_panels(
                row_of(record, FORWARD.made, FORWARD.made_step, sample, 0, like),
                record[FORWARD.made_step],
                row_of(record, FORWARD.x, FORWARD.x_step, sample, first, like),
                record[FORWARD.x_step], slot(record, FORWARD.w_x, like), fan_in,
                slot(record, FORWARD.b_x, like), 0, own, fan_in, record[FORWARD.columns], lowest,
                lowest,
            )  # fmt: skip
    return first


@kernel
def step_of(at, steps, reverse):
    """The step that comes `at`-th: from the first on, or with `reverse` from the last on."""
    return steps - 1 - at if reverse != 0 else at


@kernel
def rows_at(record, lengths_slot, lo, rows, step):
    """The fewest first rows, from row lo on, that hold all whose series have a step."""
    if record[lengths_slot] != 0:
        lengths = advance(slot(record, lengths_slot, lo), lo)
        while rows > 0 and lengths[rows - 1] <= step:
            rows -= 1
    return rows


@kernel
def begins_at(step, steps, reverse):
    """Whether a step is the first of a series of so many."""
    return step == (steps - 1 if reverse != 0 else 0)


@kernel
def ends_at(step, steps, reverse):
    """Whether a step is the last of a series of so many."""
    return step == (0 if reverse != 0 else steps - 1)


@kernel
def clear_unbegun(record, lengths_slot, lo, rows, states, sample, step, units):
    """states (rows, units) of a step <- 0 in series that do not have it."""
    if record[lengths_slot] != 0:
        lengths = advance(slot(record, lengths_slot, lo), lo)
        for row in range(rows):
            if lengths[row] <= step:
                clear_columns(advance(states, row * sample), 0, units)


@kernel
def multiply_state(
    z, z_sample, h, h_sample, w, depth, start, start_sample, samples, units, columns
):
    """z (B, columns) = start + h (B, units) w, with w in panels of `depth` rows; overwrites.

    `start` may be z.
    """
    lowest = cast(-float("inf"), z[0])
    multiply_panels(
        z, z_sample, h, h_sample, w, depth, start, start_sample, samples, units, columns, lowest,
        lowest,
    )  # fmt: skip


@kernel
def add_span(out, x, n):
    """out += x, n elements."""
    for c in range(n):
        out[c] = out[c] + x[c]


@kernel
def copy_span(out, x, n):
    """out = x, n elements."""
    for c in range(n):
        out[c] = x[c]
