"""What begins a step of a plan: the frame moves on, so that a captured graph serves every step."""

from fusednn.kernels import engine, records
from fusednn.kernels.cuda.language import block, thread
from fusednn.kernels.cuda.twins import BLOCK, twin
from fusednn.kernels.intrinsics.pointers import advance, slot


@twin(engine.enter_step, spread=BLOCK)
def enter_step(record, frame, scratch, lo, hi):
    """Writes the step behind the frame's into it; the record's operand is the address of steps."""
    if block() == 0 and thread() == 0:
        steps, number = slot(record, records.FIRST_OPERAND, lo), frame[records.STEP] + 1
        step = advance(steps, number * records.STEP_WIDTH)
        frame[records.STEP] = number
        frame[records.START] = step[records.START]
        frame[records.SAMPLES] = step[records.SAMPLES]
