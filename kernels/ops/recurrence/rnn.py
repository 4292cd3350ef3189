"""The plain recurrence (Elman, 1990): h = tanh(z + h_before w), or max(..., 0).

    dz = dh h'(z)        dh_before = dz w^T

with z = x w_x + b of all steps given, and dh the gradient by h of the loss and of the step behind.
"""

from fusednn.kernels._jit import kernel
from fusednn.kernels.activations import relu_backward, relu_forward, tanh_backward, tanh_forward
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.operands import COUNT, REALS, ROWS, op, operands
from fusednn.kernels.ops.pointwise.elementwise import clear_columns

from .walk import BLOCK, add_rows, copy_span, multiply_state, step_of

# rows of samples: each begins with the sample's first step, and the next follows at NAME_step
FORWARD = operands(
    states=ROWS,  # z before
    w=REALS,
    units=COUNT,
    columns=COUNT,  # padded to whole vectors
    steps=COUNT,
    states_step=COUNT,
    reverse=COUNT,  # whether the last step comes first
    rectified=COUNT,  # whether the activation is ReLU, else tanh
)
BACKWARD = operands(
    dz=ROWS,
    dout=ROWS,
    states=ROWS,
    w_transposed=REALS,
    zeros=REALS,
    units=COUNT,
    columns=COUNT,
    padded_units=COUNT,
    steps=COUNT,
    dz_step=COUNT,
    dout_step=COUNT,
    states_step=COUNT,
    every_step=COUNT,  # whether dout has a row for each step, else for the last alone
    reverse=COUNT,
    rectified=COUNT,
)


@op(FORWARD)
def rnn_forward(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of states (T, H), from z to h; in place."""
    sample, step = record[FORWARD.states_stride], record[FORWARD.states_step]
    units, steps = record[FORWARD.units], record[FORWARD.steps]
    states = advance(slot(record, FORWARD.states, scratch[0]), lo * sample)
    w = slot(record, FORWARD.w, scratch[0])
    for at in range(steps):
        here = advance(states, step_of(at, steps, record[FORWARD.reverse]) * step)
        if at > 0:
            before = advance(states, step_of(at - 1, steps, record[FORWARD.reverse]) * step)
            multiply_state(
                here, sample, before, sample, w, units, here, sample, hi - lo, units,
                record[FORWARD.columns],
            )  # fmt: skip
        for row in range(hi - lo):
            h = advance(here, row * sample)
            if record[FORWARD.rectified] != 0:
                relu_forward(h, units, h)
            else:
                tanh_forward(h, units, h)
    return 0


@op(BACKWARD)
def rnn_backward(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of dz (T, H), from dout (T, H) or (H,) and the states; overwrites."""
    for first in range(lo, hi, BLOCK):
        _back(record, scratch, first, min(hi, first + BLOCK))
    return 0


@kernel
def _back(record, dh, lo, hi):
    """`rnn_backward` of a block; dh (B, padded_units) is the scratch."""
    units, steps, rows = record[BACKWARD.units], record[BACKWARD.steps], hi - lo
    columns, stride = record[BACKWARD.columns], record[BACKWARD.padded_units]
    sample, states_sample = record[BACKWARD.dz_stride], record[BACKWARD.states_stride]
    dout_sample = record[BACKWARD.dout_stride]
    dz = advance(slot(record, BACKWARD.dz, dh[0]), lo * sample)
    dout = advance(slot(record, BACKWARD.dout, dh[0]), lo * dout_sample)
    states = advance(slot(record, BACKWARD.states, dh[0]), lo * states_sample)
    w, zeros = slot(record, BACKWARD.w_transposed, dh[0]), slot(record, BACKWARD.zeros, dh[0])
    clear_columns(dh, 0, rows * stride)
    for at in range(steps - 1, -1, -1):
        step = step_of(at, steps, record[BACKWARD.reverse])
        here = advance(dz, step * record[BACKWARD.dz_step])
        if record[BACKWARD.every_step] != 0 or at == steps - 1:
            given = advance(dout, step * record[BACKWARD.dout_step])
            add_rows(dh, stride, given, dout_sample, rows, units)
        for row in range(rows):
            there = advance(here, row * sample)
            h = advance(states, row * states_sample + step * record[BACKWARD.states_step])
            copy_span(there, advance(dh, row * stride), units)
            clear_columns(there, units, columns)
            if record[BACKWARD.rectified] != 0:
                relu_backward(there, h, units, there)
            else:
                tanh_backward(there, h, units, there)
        if at > 0:
            multiply_state(dh, stride, here, sample, w, columns, zeros, 0, rows, units, stride)
