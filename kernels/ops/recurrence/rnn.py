"""The plain recurrence (Elman, 1990): h = tanh(z + h_before w), or max(..., 0).

    dz = dh h'(z)        dh_before = dz w^T

with z = x w_x + b of all steps given, and dh the gradient by h of the loss and of the step behind.
"""

from fusednn.kernels._jit import inline
from fusednn.kernels.activations import relu_backward, relu_forward, tanh_backward, tanh_forward
from fusednn.kernels.intrinsics.lanes import use_full_vectors
from fusednn.kernels.operands import COUNT, ROWS, op, operands
from fusednn.kernels.ops.pointwise.elementwise import clear_columns

from . import walk
from .walk import copy_span, multiply_floats, row_of, walk_back, walk_forward

FORWARD = operands(
    walk.FORWARD,  # sums are the states where these overwrite them
    rectified=COUNT,  # whether the activation is ReLU, else tanh
)
BACKWARD = operands(
    walk.BACKWARD,
    states=ROWS,
    states_step=COUNT,
    rectified=COUNT,
)


@inline
def run_cell(record, like, sample, step, place, before, begins):
    """h from the sums of a row."""
    units = record[FORWARD.units]
    h = row_of(record, FORWARD.states, FORWARD.states_step, sample, step, like)
    if record[FORWARD.continues] != 0:
        z = row_of(record, FORWARD.sums, FORWARD.sums_step, sample, place, like)
        copy_span(h, z, record[FORWARD.columns])
    if record[FORWARD.rectified] != 0:
        relu_forward(h, units, h)
    else:
        tanh_forward(h, units, h)


@op(FORWARD)
def rnn_forward(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of states (T, H), from z to h; z becomes the sums with h w."""
    use_full_vectors(scratch[0])
    walk_forward(record, scratch[0], lo, hi, multiply_floats, True, run_cell)
    return 0


@inline
def run_cell_back(record, dh, sample, step, before, begins):
    """dz of a row."""
    units = record[BACKWARD.units]
    dz = row_of(record, BACKWARD.dsums, BACKWARD.dsums_step, sample, step, dh[0])
    h = row_of(record, BACKWARD.states, BACKWARD.states_step, sample, step, dh[0])
    copy_span(dz, dh, units)
    clear_columns(dz, units, record[BACKWARD.columns])
    if record[BACKWARD.rectified] != 0:
        relu_backward(dz, h, units, dz)
    else:
        tanh_backward(dz, h, units, dz)


@op(BACKWARD)
def rnn_backward(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of dz (T, H), from dout (T, H) or (H,) and the states; overwrites."""
    use_full_vectors(scratch[0])
    walk_back(record, scratch, lo, hi, False, run_cell_back)
    return 0
