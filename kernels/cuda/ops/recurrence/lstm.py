"""The LSTM's cell: a thread has units of a sample."""

from fusednn.kernels.activations import logistic_forward, tanh_forward
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops.recurrence import lstm
from fusednn.kernels.ops.recurrence.lstm import (
    BACKWARD,
    FORWARD,
    differentiate_forget,
    differentiate_input,
    differentiate_output,
    put_out,
    update_cell,
)
from fusednn.kernels.ops.recurrence.walk import row_of

from .walk import MOST, gradients, walk_back, walk_forward


def run_cell(record, like, sample, step, place, before, begins, unit, apart):
    """Gates, c and h from the sums of units of a row."""
    units, zero = record[FORWARD.units], cast(0, like)
    z = row_of(record, FORWARD.sums, FORWARD.sums_step, sample, place, like)
    h = row_of(record, FORWARD.states, FORWARD.states_step, sample, step, like)
    c = row_of(record, FORWARD.cells, FORWARD.cells_step, sample, step, like)
    squashed = row_of(record, FORWARD.squashed, FORWARD.squashed_step, sample, step, like)
    old = slot(record, FORWARD.zeros, like)
    if not begins:
        old = row_of(record, FORWARD.cells, FORWARD.cells_step, sample, before, like)
    for u in range(unit, units, apart):
        enter, forget = advance(z, u), advance(z, units + u)
        candidate, out = advance(z, 2 * units + u), advance(z, 3 * units + u)
        own = advance(c, u)
        logistic_forward(enter, 1, z)
        logistic_forward(forget, 1, z)
        tanh_forward(candidate, 1, z)
        logistic_forward(out, 1, z)
        update_cell(own, advance(old, u), enter, forget, candidate, 1)
        put_out(advance(h, u), advance(squashed, u), own, out, 1)
    for u in range(units + unit, record[FORWARD.padded_units], apart):
        h[u] = zero


@twin(lstm.lstm_forward)
def lstm_forward(record, frame, scratch, lo, hi):
    """Samples [lo, hi): states, cells and squashed (T, H) from z (T, 4 H), which becomes gates."""
    walk_forward(record, scratch[0], lo, hi, True, run_cell)


def run_cell_back(record, like, dh, sample, step, before, begins, unit, apart):
    """The gradient by the sums of units of a row; dc is MOST rows behind dh."""
    units, dc = record[BACKWARD.units], advance(dh, MOST * record[BACKWARD.padded_units])
    z = row_of(record, BACKWARD.dsums, BACKWARD.dsums_step, sample, step, like)
    squashed = row_of(record, BACKWARD.squashed, BACKWARD.squashed_step, sample, step, like)
    old = slot(record, BACKWARD.zeros, like)
    if not begins:
        old = row_of(record, BACKWARD.cells, BACKWARD.cells_step, sample, before, like)
    for u in range(unit, units, apart):
        enter, forget = advance(z, u), advance(z, units + u)
        candidate, out = advance(z, 2 * units + u), advance(z, 3 * units + u)
        own = advance(dc, u)
        differentiate_output(own, advance(dh, u), out, advance(squashed, u), 1)
        differentiate_input(enter, candidate, own, 1)
        differentiate_forget(own, forget, advance(old, u), 1)


@twin(lstm.lstm_backward, scratch_of=gradients)
def lstm_backward(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of dz (T, 4 H), which has the gates, from dout (T, H) or (H,); in place."""
    walk_back(record, scratch, lo, hi, False, run_cell_back)
