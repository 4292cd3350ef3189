"""What an op reads from its worker's frame: the sample of a row, the step's numbers."""

from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, slot


@kernel
def sample_of(record, frame, row, order_slot):
    """The sample at a row of the buffers.

    Slot `order_slot` holds the address of the epoch's order, or 0 to take samples as stored.
    """
    at = frame[records.START] + frame[records.SHIFT] + row
    if record[order_slot] != 0:
        return slot(record, order_slot, at)[at]
    return at


@kernel
def rows_of_batch(record, frame):
    """The number of rows of all samples of the batch."""
    return frame[records.SAMPLES] * record[records.POSITIONS]


@kernel
def runs_of_batch(record, frame, lengths_slot):
    """The runs of rows that a sum over the batch has: one, or the series of each sample."""
    return 1 if record[lengths_slot] == 0 else frame[records.SAMPLES]


@kernel
def rows_of_run(record, frame, lengths_slot, run):
    """The first row of a run, and the number of its rows."""
    if record[lengths_slot] == 0:
        return 0, rows_of_batch(record, frame)
    return run * record[records.POSITIONS], slot(record, lengths_slot, run)[run]


@kernel
def step_settings(frame):
    """The present step's float64 settings."""
    return advance(
        slot(frame, records.SETTINGS, 0.0), frame[records.STEP] * records.SETTINGS_WIDTH
    )


@kernel
def varied(frame, column):
    """What the present step has from a column on, counted from 1, of what has a schedule."""
    at = frame[records.STEP] * frame[records.N_VARIED] + column - 1
    return advance(slot(frame, records.VARIED, 0.0), at)


@kernel
def step_totals(frame):
    """The present step's float64 totals."""
    return advance(slot(frame, records.TOTALS, 0.0), frame[records.STEP] * records.TOTALS_WIDTH)
