"""The GRU (Cho et al., 2014), with the reset gate behind the product.

    r, u = sigmoid(z + s)    n = tanh(z + r (s + b))    h = n + u (h_before - n)

with z = x w_x + b_x of all steps given, and s = h_before w; their columns are those of r, u and n.
"""

from fusednn.kernels._jit import inline, kernel
from fusednn.kernels.intrinsics.lanes import use_full_vectors
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.maths import sigmoid, tanh
from fusednn.kernels.operands import COUNT, REALS, ROWS, op, operands
from fusednn.kernels.ops.pointwise.elementwise import clear_columns

from . import walk
from .walk import copy_span, multiply_floats, row_of, walk_back, walk_forward

FORWARD = operands(
    walk.FORWARD,  # sums are s
    gates=ROWS,  # z before
    gates_step=COUNT,
    b=REALS,
)
BACKWARD = operands(
    walk.BACKWARD,  # dsums are s before
    dz=ROWS,  # the gates before
    db=ROWS,
    states=ROWS,
    dz_step=COUNT,
    db_step=COUNT,
    states_step=COUNT,
)


@kernel
def open_gates(z, s, n):
    """z = sigmoid(z + s), n elements."""
    for u in range(n):
        z[u] = sigmoid(z[u] + s[u])


@kernel
def propose(z, s, b, r, n):
    """s += b, z = tanh(z + r s), n elements."""
    for u in range(n):
        s[u] = s[u] + b[u]
        z[u] = tanh(z[u] + r[u] * s[u])


@kernel
def blend(h, before, gate, proposed, n):
    """h = proposed + gate (before - proposed), n elements."""
    for u in range(n):
        h[u] = proposed[u] + gate[u] * (before[u] - proposed[u])


@inline
def run_cell(record, like, sample, step, place, before, begins):
    """Gates and h from z and s of a row."""
    units = record[FORWARD.units]
    z = row_of(record, FORWARD.gates, FORWARD.gates_step, sample, place, like)
    s = row_of(record, FORWARD.sums, FORWARD.sums_step, sample, place, like)
    h = row_of(record, FORWARD.states, FORWARD.states_step, sample, step, like)
    old = slot(record, FORWARD.zeros, like)
    if begins:
        clear_columns(s, 0, record[FORWARD.columns])
    else:
        old = row_of(record, FORWARD.states, FORWARD.states_step, sample, before, like)
    update, proposed = advance(z, units), advance(z, 2 * units)
    open_gates(z, s, 2 * units)
    propose(proposed, advance(s, 2 * units), slot(record, FORWARD.b, like), z, units)
    blend(h, old, update, proposed, units)
    clear_columns(h, units, record[FORWARD.padded_units])


@op(FORWARD)
def gru_forward(record, frame, scratch, lo, hi):
    """Samples [lo, hi): states (T, H) and s (T, 3 H) from z (T, 3 H), which becomes gates."""
    use_full_vectors(scratch[0])
    walk_forward(record, scratch[0], lo, hi, multiply_floats, False, run_cell)
    return 0


@kernel
def differentiate_blend(dh, gate, proposed, before, n):
    """gate and proposed <- the gradients by their sums, dh <- dh gate; n elements."""
    one = cast(1, dh[0])
    for u in range(n):
        d, g, p = dh[u], gate[u], proposed[u]
        gate[u] = d * (before[u] - p) * g * (one - g)
        proposed[u] = d * (one - g) * (one - p * p)
        dh[u] = d * g


@kernel
def differentiate_reset(r, dproposed, s, db, n):
    """r <- the gradient by its sum, s and db <- that by s; n elements."""
    one = cast(1, r[0])
    for u in range(n):
        d, gate = dproposed[u], r[u]
        r[u] = d * s[u] * gate * (one - gate)
        s[u] = d * gate
        db[u] = d * gate


@inline
def run_cell_back(record, dh, sample, step, before, begins):
    """The gradients by z and s of a row, and by the state before as far as it is blended in."""
    units = record[BACKWARD.units]
    z = row_of(record, BACKWARD.dz, BACKWARD.dz_step, sample, step, dh[0])
    s = row_of(record, BACKWARD.dsums, BACKWARD.dsums_step, sample, step, dh[0])
    db = row_of(record, BACKWARD.db, BACKWARD.db_step, sample, step, dh[0])
    old = slot(record, BACKWARD.zeros, dh[0])
    if not begins:
        old = row_of(record, BACKWARD.states, BACKWARD.states_step, sample, before, dh[0])
    proposed = advance(z, 2 * units)
    differentiate_blend(dh, advance(z, units), proposed, old, units)
    differentiate_reset(z, proposed, advance(s, 2 * units), db, units)
    copy_span(s, z, 2 * units)
    clear_columns(db, units, record[BACKWARD.padded_units])


@op(BACKWARD)
def gru_backward(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of dz and dhidden (T, 3 H), which hold gates and s, and db (T, H).

    In place, from dout (T, H) or (H,).
    """
    use_full_vectors(scratch[0])
    walk_back(record, scratch, lo, hi, True, run_cell_back)
    return 0
