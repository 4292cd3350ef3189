"""The GRU's cell: a thread has units of a sample."""

from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops.recurrence import gru
from fusednn.kernels.ops.recurrence.gru import (
    BACKWARD,
    FORWARD,
    blend,
    differentiate_blend,
    differentiate_reset,
    open_gates,
    propose,
)
from fusednn.kernels.ops.recurrence.walk import row_of

from .walk import gradients, walk_back, walk_forward


def run_cell(record, like, sample, step, place, before, begins, unit, apart):
    """Gates and h from z and s of units of a row."""
    units, zero = record[FORWARD.units], cast(0, like)
    z = row_of(record, FORWARD.gates, FORWARD.gates_step, sample, place, like)
    s = row_of(record, FORWARD.sums, FORWARD.sums_step, sample, place, like)
    h = row_of(record, FORWARD.states, FORWARD.states_step, sample, step, like)
    b, old = slot(record, FORWARD.b, like), slot(record, FORWARD.zeros, like)
    if begins:
        for c in range(unit, record[FORWARD.columns], apart):
            if c >= 3 * units:
                s[c] = zero
    else:
        old = row_of(record, FORWARD.states, FORWARD.states_step, sample, before, like)
    for u in range(unit, units, apart):
        reset, update, proposed = advance(z, u), advance(z, units + u), advance(z, 2 * units + u)
        if begins:
            s[u], s[units + u], s[2 * units + u] = zero, zero, zero
        open_gates(reset, advance(s, u), 1)
        open_gates(update, advance(s, units + u), 1)
        propose(proposed, advance(s, 2 * units + u), advance(b, u), reset, 1)
        blend(advance(h, u), advance(old, u), update, proposed, 1)
    for u in range(units + unit, record[FORWARD.padded_units], apart):
        h[u] = zero


@twin(gru.gru_forward)
def gru_forward(record, frame, scratch, lo, hi):
    """Samples [lo, hi): states (T, H) and s (T, 3 H) from z (T, 3 H), which becomes gates."""
    walk_forward(record, scratch[0], lo, hi, False, run_cell)


def run_cell_back(record, like, dh, sample, step, before, begins, unit, apart):
    """The gradients by z and s of units of a row, and by the state before as it is blended in."""
    units, zero = record[BACKWARD.units], cast(0, like)
    z = row_of(record, BACKWARD.dz, BACKWARD.dz_step, sample, step, like)
    s = row_of(record, BACKWARD.dsums, BACKWARD.dsums_step, sample, step, like)
    db = row_of(record, BACKWARD.db, BACKWARD.db_step, sample, step, like)
    old = slot(record, BACKWARD.zeros, like)
    if not begins:
        old = row_of(record, BACKWARD.states, BACKWARD.states_step, sample, before, like)
    for u in range(unit, units, apart):
        update, proposed = advance(z, units + u), advance(z, 2 * units + u)
        differentiate_blend(advance(dh, u), update, proposed, advance(old, u), 1)
        differentiate_reset(
            advance(z, u), proposed, advance(s, 2 * units + u), advance(db, u), 1
        )  # fmt: skip
        s[u], s[units + u] = z[u], z[units + u]
    for u in range(units + unit, record[BACKWARD.padded_units], apart):
        db[u] = zero


@twin(gru.gru_backward, scratch_of=gradients)
def gru_backward(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of dz and dhidden (T, 3 H), which hold gates and s, and db (T, H).

    In place, from dout (T, H) or (H,).
    """
    walk_back(record, scratch, lo, hi, True, run_cell_back)
