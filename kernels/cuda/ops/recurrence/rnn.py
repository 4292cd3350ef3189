"""The plain recurrence's cell: a thread has units of a sample."""

from fusednn.kernels.activations import relu_backward, relu_forward, tanh_backward, tanh_forward
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.pointers import advance
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops.recurrence import rnn
from fusednn.kernels.ops.recurrence.rnn import BACKWARD, FORWARD
from fusednn.kernels.ops.recurrence.walk import row_of

from .walk import gradients, walk_back, walk_forward


def run_cell(record, like, sample, step, place, before, begins, unit, apart):
    """h from the sums of units of a row."""
    h = row_of(record, FORWARD.states, FORWARD.states_step, sample, step, like)
    if record[FORWARD.continues] != 0:
        z = row_of(record, FORWARD.sums, FORWARD.sums_step, sample, place, like)
        for c in range(unit, record[FORWARD.columns], apart):
            h[c] = z[c]
    for u in range(unit, record[FORWARD.units], apart):
        own = advance(h, u)
        if record[FORWARD.rectified] != 0:
            relu_forward(own, 1, own)
        else:
            tanh_forward(own, 1, own)


@twin(rnn.rnn_forward)
def rnn_forward(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of states (T, H), from z to h; z becomes the sums with h w."""
    walk_forward(record, scratch[0], lo, hi, True, run_cell)


def run_cell_back(record, like, dh, sample, step, before, begins, unit, apart):
    """dz of units of a row."""
    units, zero = record[BACKWARD.units], cast(0, like)
    dz = row_of(record, BACKWARD.dsums, BACKWARD.dsums_step, sample, step, like)
    h = row_of(record, BACKWARD.states, BACKWARD.states_step, sample, step, like)
    for u in range(unit, units, apart):
        own = advance(dz, u)
        own[0] = dh[u]
        if record[BACKWARD.rectified] != 0:
            relu_backward(own, advance(h, u), 1, own)
        else:
            tanh_backward(own, advance(h, u), 1, own)
    for u in range(units + unit, record[BACKWARD.columns], apart):
        dz[u] = zero


@twin(rnn.rnn_backward, scratch_of=gradients)
def rnn_backward(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of dz (T, H), from dout (T, H) or (H,) and the states; overwrites."""
    walk_back(record, scratch, lo, hi, False, run_cell_back)
