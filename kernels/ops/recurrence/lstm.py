"""The LSTM (Hochreiter and Schmidhuber, 1997; with the forget gate of Gers et al., 2000).

    i, f, o = sigmoid(z)    g = tanh(z)    c = f c_before + i g    h = o tanh(c)

with z = x w_x + b of all steps given, to which the product of h_before is added; its columns are
those of i, f, g and o. Loops have five pointers at most: with nine, LLVM leaves them scalar.
"""

from fusednn.kernels._jit import inline, kernel
from fusednn.kernels.activations import logistic_forward, tanh_forward
from fusednn.kernels.intrinsics.lanes import use_full_vectors
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.maths import tanh
from fusednn.kernels.operands import COUNT, ROWS, op, operands
from fusednn.kernels.ops.pointwise.elementwise import clear_columns

from . import walk
from .walk import BLOCK, multiply_floats, row_of, walk_back, walk_forward

FORWARD = operands(
    walk.FORWARD,  # sums are the gates before
    cells=ROWS,  # with those before the first step as the states
    squashed=ROWS,
    cells_step=COUNT,
    squashed_step=COUNT,
)
BACKWARD = operands(
    walk.BACKWARD,  # dsums are the gates before
    cells=ROWS,
    squashed=ROWS,
    cells_step=COUNT,
    squashed_step=COUNT,
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


@inline
def run_cell(record, like, sample, step, place, before, begins):
    """Gates, c and h from the sums of a row."""
    units = record[FORWARD.units]
    z = row_of(record, FORWARD.sums, FORWARD.sums_step, sample, place, like)
    h = row_of(record, FORWARD.states, FORWARD.states_step, sample, step, like)
    c = row_of(record, FORWARD.cells, FORWARD.cells_step, sample, step, like)
    squashed = row_of(record, FORWARD.squashed, FORWARD.squashed_step, sample, step, like)
    old = slot(record, FORWARD.zeros, like)
    if not begins:
        old = row_of(record, FORWARD.cells, FORWARD.cells_step, sample, before, like)
    forget, candidate, out = advance(z, units), advance(z, 2 * units), advance(z, 3 * units)
    logistic_forward(z, 2 * units, z)
    tanh_forward(candidate, units, z)
    logistic_forward(out, units, z)
    update_cell(c, old, z, forget, candidate, units)
    put_out(h, squashed, c, out, units)
    clear_columns(h, units, record[FORWARD.padded_units])


@op(FORWARD)
def lstm_forward(record, frame, scratch, lo, hi):
    """Samples [lo, hi): states, cells and squashed (T, H) from z (T, 4 H), which becomes gates."""
    use_full_vectors(scratch[0])
    walk_forward(record, scratch[0], lo, hi, multiply_floats, True, run_cell)
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


@inline
def run_cell_back(record, dh, sample, step, before, begins):
    """The gradient by the sums of a row; dc is BLOCK rows behind dh."""
    units, dc = record[BACKWARD.units], advance(dh, BLOCK * record[BACKWARD.padded_units])
    z = row_of(record, BACKWARD.dsums, BACKWARD.dsums_step, sample, step, dh[0])
    s = row_of(record, BACKWARD.squashed, BACKWARD.squashed_step, sample, step, dh[0])
    old = slot(record, BACKWARD.zeros, dh[0])
    if not begins:
        old = row_of(record, BACKWARD.cells, BACKWARD.cells_step, sample, before, dh[0])
    differentiate_output(dc, dh, advance(z, 3 * units), s, units)
    differentiate_input(z, advance(z, 2 * units), dc, units)
    differentiate_forget(dc, advance(z, units), old, units)


@op(BACKWARD)
def lstm_backward(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of dz (T, 4 H), which has the gates, from dout (T, H) or (H,); in place."""
    use_full_vectors(scratch[0])
    walk_back(record, scratch, lo, hi, False, run_cell_back)
    return 0
