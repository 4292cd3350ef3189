"""The LSTM (Hochreiter and Schmidhuber, 1997; with the forget gate of Gers et al., 2000).

    i, f, o = sigmoid(z)    g = tanh(z)    c = f c_before + i g    h = o tanh(c)

with z = x w_x + b of all steps given, to which the product of h_before is added; its columns are
those of i, f, g and o. Loops have five pointers at most: with nine, LLVM leaves them scalar.
"""

from fusednn.kernels._jit import kernel
from fusednn.kernels.activations import logistic_forward, tanh_forward
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.maths import tanh
from fusednn.kernels.operands import COUNT, REALS, ROWS, op, operands
from fusednn.kernels.ops.pointwise.elementwise import clear_columns

from .walk import BLOCK, add_rows, multiply_state, step_of

# rows of samples: each begins with the sample's first step, and the next follows at NAME_step
FORWARD = operands(
    states=ROWS,
    gates=ROWS,
    cells=ROWS,
    squashed=ROWS,
    w=REALS,
    zeros=REALS,
    units=COUNT,
    columns=COUNT,  # of the gates, padded to whole vectors
    padded_units=COUNT,
    steps=COUNT,
    states_step=COUNT,
    gates_step=COUNT,
    cells_step=COUNT,  # 0: one row for all steps
    squashed_step=COUNT,
    reverse=COUNT,  # whether the last step comes first
)
BACKWARD = operands(
    dz=ROWS,  # the gates before
    dout=ROWS,
    cells=ROWS,
    squashed=ROWS,
    w_transposed=REALS,
    zeros=REALS,
    units=COUNT,
    columns=COUNT,
    padded_units=COUNT,
    steps=COUNT,
    dz_step=COUNT,
    dout_step=COUNT,
    cells_step=COUNT,
    squashed_step=COUNT,
    every_step=COUNT,  # whether dout has a row for each step, else for the last alone
    reverse=COUNT,
)


@kernel
def update_cell(c, before, i, f, g, n):
    """c = f before + i g, n elements; c may be `before`."""
    for u in range(n):
        c[u] = f[u] * before[u] + i[u] * g[u]


@kernel
def put_out(h, squashed, c, o, n):
    """squashed = tanh(c), h = o squashed, n elements."""
    for u in range(n):
        squashed[u] = tanh(c[u])
        h[u] = o[u] * squashed[u]


@op(FORWARD)
def lstm_forward(record, frame, scratch, lo, hi):
    """Samples [lo, hi): states, cells and squashed (T, H) from z (T, 4 H), which becomes gates."""
    sample, gates_sample = record[FORWARD.states_stride], record[FORWARD.gates_stride]
    cells_sample, squashed_sample = record[FORWARD.cells_stride], record[FORWARD.squashed_stride]
    units, steps, reverse = record[FORWARD.units], record[FORWARD.steps], record[FORWARD.reverse]
    states = advance(slot(record, FORWARD.states, scratch[0]), lo * sample)
    gates = advance(slot(record, FORWARD.gates, scratch[0]), lo * gates_sample)
    cells = advance(slot(record, FORWARD.cells, scratch[0]), lo * cells_sample)
    squashed = advance(slot(record, FORWARD.squashed, scratch[0]), lo * squashed_sample)
    w, zeros = slot(record, FORWARD.w, scratch[0]), slot(record, FORWARD.zeros, scratch[0])
    for at in range(steps):
        step = step_of(at, steps, reverse)
        before = step_of(at - 1, steps, reverse)
        here = advance(gates, step * record[FORWARD.gates_step])
        if at > 0:
            h = advance(states, before * record[FORWARD.states_step])
            multiply_state(
                here, gates_sample, h, sample, w, units, here, gates_sample, hi - lo, units,
                record[FORWARD.columns],
            )  # fmt: skip
        for row in range(hi - lo):
            z = advance(here, row * record[FORWARD.gates_stride])
            h = advance(states, row * sample + step * record[FORWARD.states_step])
            own = advance(cells, row * record[FORWARD.cells_stride])
            c = advance(own, step * record[FORWARD.cells_step])
            old = advance(own, before * record[FORWARD.cells_step]) if at > 0 else zeros
            there = row * squashed_sample + step * record[FORWARD.squashed_step]
            forget, candidate = advance(z, units), advance(z, 2 * units)
            out = advance(z, 3 * units)
            logistic_forward(z, 2 * units, z)
            tanh_forward(candidate, units, z)
            logistic_forward(out, units, z)
            update_cell(c, old, z, forget, candidate, units)
            put_out(h, advance(squashed, there), c, out, units)
            clear_columns(h, units, record[FORWARD.padded_units])
    return 0


@kernel
def differentiate_output(dc, dh, o, squashed, n):
    """dc += dh o (1 - squashed^2), o <- the gradient by its sum; n elements."""
    one = cast(1, dc[0])
    for u in range(n):
        d, gate, s = dh[u], o[u], squashed[u]
        dc[u] = dc[u] + d * gate * (one - s * s)
        o[u] = d * s * gate * (one - gate)


@kernel
def differentiate_input(i, g, dc, n):
    """i and g <- the gradients by their sums; n elements."""
    one = cast(1, dc[0])
    for u in range(n):
        d, gate, candidate = dc[u], i[u], g[u]
        i[u] = d * candidate * gate * (one - gate)
        g[u] = d * gate * (one - candidate * candidate)


@kernel
def differentiate_forget(dc, f, before, n):
    """f <- the gradient by its sum, dc <- that by the cell of the step before; n elements."""
    one = cast(1, dc[0])
    for u in range(n):
        d, gate, c = dc[u], f[u], before[u]
        f[u] = d * c * gate * (one - gate)
        dc[u] = d * gate


@op(BACKWARD)
def lstm_backward(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of dz (T, 4 H), which has the gates, from dout (T, H) or (H,); in place."""
    for first in range(lo, hi, BLOCK):
        _back(record, scratch, first, min(hi, first + BLOCK))
    return 0


@kernel
def _back(record, dh, lo, hi):
    """`lstm_backward` of a block; dh and dc (B, padded_units) are in the scratch."""
    units, steps, rows = record[BACKWARD.units], record[BACKWARD.steps], hi - lo
    columns, stride = record[BACKWARD.columns], record[BACKWARD.padded_units]
    sample, dout_sample = record[BACKWARD.dz_stride], record[BACKWARD.dout_stride]
    cells_sample, squashed_sample = record[BACKWARD.cells_stride], record[BACKWARD.squashed_stride]
    dz = advance(slot(record, BACKWARD.dz, dh[0]), lo * sample)
    dout = advance(slot(record, BACKWARD.dout, dh[0]), lo * dout_sample)
    cells = advance(slot(record, BACKWARD.cells, dh[0]), lo * cells_sample)
    squashed = advance(slot(record, BACKWARD.squashed, dh[0]), lo * squashed_sample)
    w, zeros = slot(record, BACKWARD.w_transposed, dh[0]), slot(record, BACKWARD.zeros, dh[0])
    dc = advance(dh, rows * stride)
    clear_columns(dh, 0, 2 * rows * stride)
    for at in range(steps - 1, -1, -1):
        step = step_of(at, steps, record[BACKWARD.reverse])
        before = step_of(at - 1, steps, record[BACKWARD.reverse])
        here = advance(dz, step * record[BACKWARD.dz_step])
        if record[BACKWARD.every_step] != 0 or at == steps - 1:
            given = advance(dout, step * record[BACKWARD.dout_step])
            add_rows(dh, stride, given, dout_sample, rows, units)
        for row in range(rows):
            z, d = advance(here, row * record[BACKWARD.dz_stride]), advance(dc, row * stride)
            own = advance(cells, row * cells_sample)
            old = advance(own, before * record[BACKWARD.cells_step]) if at > 0 else zeros
            s = advance(squashed, row * squashed_sample + step * record[BACKWARD.squashed_step])
            differentiate_output(d, advance(dh, row * stride), advance(z, 3 * units), s, units)
            differentiate_input(z, advance(z, 2 * units), d, units)
            differentiate_forget(d, advance(z, units), old, units)
        if at > 0:
            multiply_state(dh, stride, here, sample, w, columns, zeros, 0, rows, 4 * units, stride)
