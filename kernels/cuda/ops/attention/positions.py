"""Positions: rows plus those of a table, and the update of the table, a block for each task."""

from fusednn.kernels import records
from fusednn.kernels.cuda.language import thread, threads
from fusednn.kernels.cuda.ops.updates.settings import own_settings
from fusednn.kernels.cuda.ops.updates.vectors import note_part, step_one
from fusednn.kernels.cuda.spreading import GROUP, first_column, first_row, groups
from fusednn.kernels.cuda.twins import BLOCK, twin
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops.attention import positions
from fusednn.kernels.ops.attention.positions import ADD, UPDATE_POSITIONS
from fusednn.kernels.ops.lengths import count_of
from fusednn.kernels.ops.products.embedding import ROWS_PER_TASK, TABLE


@twin(positions.add_positions)
def add_positions(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B T, padded) += table (T, padded) by their step; accumulates."""
    out, table = slot(record, ADD.out, scratch[0]), slot(record, ADD.table, scratch[0])
    padded = record[ADD.padded]
    for row in range(first_row(lo), hi, groups()):
        here = advance(out, row * record[ADD.out_stride])
        there = advance(table, row % record[records.POSITIONS] * padded)
        for c in range(first_column(), padded, GROUP):
            here[c] = here[c] + there[c]


@twin(positions.update_positions, spread=BLOCK)
def update_positions(record, frame, scratch, lo, hi, step, adjust):
    """Rows [lo, hi) of the table: the sum of dz (B T, padded) over samples, then one step."""
    own, zero, columns = own_settings(record, frame), cast(0, scratch[0]), record[TABLE.columns]
    steps, stride = record[UPDATE_POSITIONS.steps], record[UPDATE_POSITIONS.dz_stride]
    at, n = lo * columns, (hi - lo) * columns
    note_part(record, at, 0, 1, n, lo // ROWS_PER_TASK, adjust, zero)
    for i in range(thread(), n, threads()):
        row, g = lo + i // columns, zero
        dz = advance(slot(record, UPDATE_POSITIONS.dz, zero), row * stride + i % columns)
        for sample in range(frame[records.SAMPLES]):
            if row < count_of(record, UPDATE_POSITIONS.lengths, sample, steps):
                g = g + dz[sample * steps * stride]
        step_one(record, own, g, at + i, True, step)
