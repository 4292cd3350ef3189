"""Windows of a long series: each begins with the states that the one before ended with."""

from fusednn.kernels import records
from fusednn.kernels.cuda.spreading import GROUP, clear_columns, first_column, first_row, groups
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops.frames import step_settings
from fusednn.kernels.ops.lengths import count_of
from fusednn.kernels.ops.recurrence import windows
from fusednn.kernels.ops.recurrence.windows import BEGIN, END


@twin(windows.begin_window)
def begin_window(record, frame, scratch, lo, hi):
    """Samples [lo, hi): the first row of out (T + 1, H) = before (H,), or 0 in a first window."""
    width, zero = record[BEGIN.width], cast(0, scratch[0])
    out, before = slot(record, BEGIN.out, zero), slot(record, BEGIN.before, zero)
    continues = step_settings(frame)[records.CONTINUES] != 0
    for sample in range(first_row(lo), hi, groups()):
        here = advance(out, sample * record[BEGIN.out_stride])
        there = advance(before, sample * record[BEGIN.before_stride])
        for c in range(first_column(), width, GROUP):
            here[c] = there[c] if continues else zero
        clear_columns(here, width, record[BEGIN.padded])


@twin(windows.end_window)
def end_window(record, frame, scratch, lo, hi):
    """Samples [lo, hi): out (H,) = the row of states (T + 1, H) behind the steps; overwrites."""
    out, states = slot(record, END.out, scratch[0]), slot(record, END.states, scratch[0])
    for sample in range(first_row(lo), hi, groups()):
        last = count_of(record, END.lengths, sample, record[END.steps]) * record[END.states_step]
        there = advance(states, sample * record[END.states_stride] + last)
        here = advance(out, sample * record[END.out_stride])
        for c in range(first_column(), record[END.width], GROUP):
            here[c] = there[c]
