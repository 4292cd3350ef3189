"""Positions that are added to the rows of a sample, and their update.

    out = x + t        t <- step(t, sum of dout over the samples)

The table t (T, O) is stored by rows, each padded with zeros to whole vectors; series may have
fewer steps than it has rows. Vaswani et al., "Attention is all you need", 2017.
"""

from fusednn.kernels import records
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.operands import (
    COUNT,
    INT64,
    REALS,
    ROWS,
    maybe,
    op,
    operands,
    padded_width_of,
)
from fusednn.kernels.ops.lengths import count_of
from fusednn.kernels.ops.pointwise.elementwise import add_row, clear_columns
from fusednn.kernels.ops.products.embedding import TABLE, step_rows

ADD = operands(out=ROWS, table=REALS, padded=padded_width_of("out"))
UPDATE_POSITIONS = operands(TABLE, dz=ROWS, lengths=maybe(INT64), steps=COUNT)


@op(ADD)
def add_positions(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B T, padded) += table (T, padded) by their step; accumulates."""
    padded, table = record[ADD.padded], slot(record, ADD.table, scratch[0])
    for row in range(lo, hi):
        here = advance(slot(record, ADD.out, scratch[0]), row * record[ADD.out_stride])
        add_row(here, advance(table, row % record[records.POSITIONS] * padded), padded)
    return 0


@op(UPDATE_POSITIONS)
def update_positions(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of the table: the sum of dz (B T, padded) over samples, then one step.

    It is over those samples that have such a step, in their order.
    """
    stride, steps = record[UPDATE_POSITIONS.dz_stride], record[UPDATE_POSITIONS.steps]
    columns, samples = record[TABLE.columns], frame[records.SAMPLES]
    dz = slot(record, UPDATE_POSITIONS.dz, scratch[0])
    for step in range(lo, hi):
        g = advance(scratch, (step - lo) * columns)
        clear_columns(g, 0, columns)
        for sample in range(samples):
            if step < count_of(record, UPDATE_POSITIONS.lengths, sample, steps):
                add_row(g, advance(dz, (sample * steps + step) * stride), columns)
    return step_rows(record, frame, scratch, lo, hi)
