"""The GRU (Cho et al., 2014), with the reset gate behind the product.

    r, u = sigmoid(z + s)    n = tanh(z + r (s + b))    h = n + u (h_before - n)

with z = x w_x + b_x of all steps given, and s = h_before w; their columns are those of r, u and n.
"""

from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.maths import sigmoid, tanh
from fusednn.kernels.operands import COUNT, REALS, ROWS, op, operands
from fusednn.kernels.ops.pointwise.elementwise import clear_columns

from .walk import BLOCK, add_rows, copy_span, multiply_state, step_of

# rows of samples: each begins with the sample's first step, and the next follows at NAME_step
FORWARD = operands(
    states=ROWS,
    gates=ROWS,
    hidden=ROWS,
    w=REALS,
    b=REALS,
    zeros=REALS,
    units=COUNT,
    columns=COUNT,  # of the gates, padded to whole vectors
    padded_units=COUNT,
    steps=COUNT,
    states_step=COUNT,
    gates_step=COUNT,
    hidden_step=COUNT,  # 0: one row for all steps
    reverse=COUNT,  # whether the last step comes first
)
BACKWARD = operands(
    dz=ROWS,  # the gates before
    dhidden=ROWS,  # s before
    db=ROWS,
    dout=ROWS,
    states=ROWS,
    w_transposed=REALS,
    zeros=REALS,
    units=COUNT,
    columns=COUNT,
    padded_units=COUNT,
    steps=COUNT,
    dz_step=COUNT,
    dhidden_step=COUNT,
    db_step=COUNT,
    dout_step=COUNT,
    states_step=COUNT,
    every_step=COUNT,  # whether dout has a row for each step, else for the last alone
    reverse=COUNT,
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


@op(FORWARD)
def gru_forward(record, frame, scratch, lo, hi):
    """Samples [lo, hi): states (T, H) and s (T, 3 H) from z (T, 3 H), which becomes gates."""
    sample, hidden_sample = record[FORWARD.states_stride], record[FORWARD.hidden_stride]
    columns = record[FORWARD.columns]
    units, steps, reverse = record[FORWARD.units], record[FORWARD.steps], record[FORWARD.reverse]
    states = advance(slot(record, FORWARD.states, scratch[0]), lo * sample)
    gates = advance(slot(record, FORWARD.gates, scratch[0]), lo * record[FORWARD.gates_stride])
    hidden = advance(slot(record, FORWARD.hidden, scratch[0]), lo * hidden_sample)
    w, b = slot(record, FORWARD.w, scratch[0]), slot(record, FORWARD.b, scratch[0])
    zeros = slot(record, FORWARD.zeros, scratch[0])
    for at in range(steps):
        step = step_of(at, steps, reverse)
        earlier = step_of(at - 1, steps, reverse) * record[FORWARD.states_step]
        here = advance(gates, step * record[FORWARD.gates_step])
        products = advance(hidden, step * record[FORWARD.hidden_step])
        if at > 0:
            multiply_state(
                products, hidden_sample, advance(states, earlier), sample, w, units, zeros, 0,
                hi - lo, units, columns,
            )  # fmt: skip
        for row in range(hi - lo):
            z = advance(here, row * record[FORWARD.gates_stride])
            s = advance(products, row * record[FORWARD.hidden_stride])
            own = advance(states, row * record[FORWARD.states_stride])
            h = advance(own, step * record[FORWARD.states_step])
            before = advance(own, earlier) if at > 0 else zeros
            update, proposed = advance(z, units), advance(z, 2 * units)
            if at == 0:
                clear_columns(s, 0, columns)
            open_gates(z, s, 2 * units)
            propose(proposed, advance(s, 2 * units), b, z, units)
            blend(h, before, update, proposed, units)
            clear_columns(h, units, record[FORWARD.padded_units])
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


@op(BACKWARD)
def gru_backward(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of dz and dhidden (T, 3 H), which hold gates and s, and db (T, H).

    In place, from dout (T, H) or (H,).
    """
    for first in range(lo, hi, BLOCK):
        _back(record, scratch, first, min(hi, first + BLOCK))
    return 0


@kernel
def _back(record, dh, lo, hi):
    """`gru_backward` of a block; dh (B, padded_units) is the scratch."""
    units, steps, rows = record[BACKWARD.units], record[BACKWARD.steps], hi - lo
    columns, stride = record[BACKWARD.columns], record[BACKWARD.padded_units]
    sample, dout_sample = record[BACKWARD.dz_stride], record[BACKWARD.dout_stride]
    hidden_sample, db_sample = record[BACKWARD.dhidden_stride], record[BACKWARD.db_stride]
    states_sample = record[BACKWARD.states_stride]
    dz = advance(slot(record, BACKWARD.dz, dh[0]), lo * sample)
    dhidden = advance(slot(record, BACKWARD.dhidden, dh[0]), lo * hidden_sample)
    db = advance(slot(record, BACKWARD.db, dh[0]), lo * db_sample)
    dout = advance(slot(record, BACKWARD.dout, dh[0]), lo * dout_sample)
    states = advance(slot(record, BACKWARD.states, dh[0]), lo * states_sample)
    w, zeros = slot(record, BACKWARD.w_transposed, dh[0]), slot(record, BACKWARD.zeros, dh[0])
    clear_columns(dh, 0, rows * stride)
    for at in range(steps - 1, -1, -1):
        step = step_of(at, steps, record[BACKWARD.reverse])
        earlier = step_of(at - 1, steps, record[BACKWARD.reverse]) * record[BACKWARD.states_step]
        products = advance(dhidden, step * record[BACKWARD.dhidden_step])
        if record[BACKWARD.every_step] != 0 or at == steps - 1:
            given = advance(dout, step * record[BACKWARD.dout_step])
            add_rows(dh, stride, given, dout_sample, rows, units)
        for row in range(rows):
            z = advance(dz, row * record[BACKWARD.dz_stride] + step * record[BACKWARD.dz_step])
            s = advance(products, row * record[BACKWARD.dhidden_stride])
            there = advance(db, row * record[BACKWARD.db_stride] + step * record[BACKWARD.db_step])
            own, d = advance(states, row * states_sample), advance(dh, row * stride)
            before = advance(own, earlier) if at > 0 else zeros
            proposed = advance(z, 2 * units)
            differentiate_blend(d, advance(z, units), proposed, before, units)
            differentiate_reset(z, proposed, advance(s, 2 * units), there, units)
            copy_span(s, z, 2 * units)
            clear_columns(there, units, stride)
        if at > 0:
            multiply_state(
                dh, stride, products, hidden_sample, w, columns, dh, stride, rows, 3 * units,
                stride,
            )  # fmt: skip
