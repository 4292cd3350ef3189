"""Windows of a long series: each begins with the states that the one before ended with."""

from fusednn.kernels import records
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.operands import (
    COUNT,
    INT64,
    ROWS,
    maybe,
    op,
    operands,
    padded_width_of,
    width_of,
)
from fusednn.kernels.ops.frames import step_settings
from fusednn.kernels.ops.lengths import count_of
from fusednn.kernels.ops.pointwise.elementwise import clear_columns

from .walk import copy_span

BEGIN = operands(
    out=ROWS,  # rows of samples
    before=ROWS,  # a row for each sample
    width=width_of("out"),
    padded=padded_width_of("out"),
)
END = operands(
    out=ROWS,  # a row for each sample
    states=ROWS,  # rows of samples; the first is that before the first step
    states_step=COUNT,
    steps=COUNT,
    lengths=maybe(INT64),  # of each sample's window, which may have no step
    width=width_of("out"),
)


@op(BEGIN)
def begin_window(record, frame, scratch, lo, hi):
    """Samples [lo, hi): the first row of out (T + 1, H) = before (H,), or 0 in a first window."""
    width, out = record[BEGIN.width], slot(record, BEGIN.out, scratch[0])
    before = slot(record, BEGIN.before, scratch[0])
    continues = step_settings(frame)[records.CONTINUES] != 0
    for sample in range(lo, hi):
        here = advance(out, sample * record[BEGIN.out_stride])
        clear_columns(here, 0, record[BEGIN.padded])
        if continues:
            copy_span(here, advance(before, sample * record[BEGIN.before_stride]), width)
    return 0


@op(END)
def end_window(record, frame, scratch, lo, hi):
    """Samples [lo, hi): out (H,) = the row of states (T + 1, H) behind the steps; overwrites."""
    out, states = slot(record, END.out, scratch[0]), slot(record, END.states, scratch[0])
    for sample in range(lo, hi):
        last = count_of(record, END.lengths, sample, record[END.steps]) * record[END.states_step]
        there = advance(states, sample * record[END.states_stride] + last)
        copy_span(advance(out, sample * record[END.out_stride]), there, record[END.width])
    return 0
