"""The states of one or two directions side by side: of all steps, or the last of each."""

from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.operands import COUNT, INT64, ROWS, maybe, op, operands
from fusednn.kernels.ops.lengths import count_of
from fusednn.kernels.ops.pointwise.elementwise import clear_columns

from .walk import copy_span

JOIN = operands(
    out=ROWS,  # rows of samples, from the first column of the direction on
    states=ROWS,
    units=COUNT,
    cleared=COUNT,  # columns behind those that become zero
    rows=COUNT,  # of each sample of out
    out_step=COUNT,
    states_step=COUNT,
    last=COUNT,  # whether the row is the last step, else rows begin with the first
    steps=COUNT,  # of the states
    lengths=maybe(INT64),  # of each sample's series
)


@op(JOIN)
def join_states(record, frame, scratch, lo, hi):
    """Samples [lo, hi): a direction's columns of out (rows, O) from states (T, H); overwrites."""
    units = record[JOIN.units]
    out, states = slot(record, JOIN.out, scratch[0]), slot(record, JOIN.states, scratch[0])
    for sample in range(lo, hi):
        steps = count_of(record, JOIN.lengths, sample, record[JOIN.steps])
        first, rows = 0, min(record[JOIN.rows], steps)
        if record[JOIN.last] != 0:  # of a window without steps, the row before them
            first, rows = steps - 1, 1
        for row in range(rows):
            step = (row + first) * record[JOIN.states_step]
            there = advance(out, sample * record[JOIN.out_stride] + row * record[JOIN.out_step])
            copy_span(there, advance(states, sample * record[JOIN.states_stride] + step), units)
            clear_columns(there, units, units + record[JOIN.cleared])
    return 0
