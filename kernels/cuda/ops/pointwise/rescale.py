"""Columns of the data in other units, computed in float64."""

from fusednn.kernels.cuda.spreading import GROUP, clear_columns, first_column, first_row, groups
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops.pointwise import rescale
from fusednn.kernels.ops.pointwise.rescale import RESCALE


@twin(rescale.rescale_rows)
def rescale_rows(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = x (B, O) rescaled; overwrites, out may be x."""
    x, out = slot(record, RESCALE.x, scratch[0]), slot(record, RESCALE.out, scratch[0])
    before, factor = slot(record, RESCALE.before, 0.0), slot(record, RESCALE.factor, 0.0)
    divisor, after = slot(record, RESCALE.divisor, 0.0), slot(record, RESCALE.after, 0.0)
    low, high = slot(record, RESCALE.low, 0.0), slot(record, RESCALE.high, 0.0)
    for row in range(first_row(lo), hi, groups()):
        here = advance(x, row * record[RESCALE.x_stride])
        there = advance(out, row * record[RESCALE.out_stride])
        for c in range(first_column(), record[RESCALE.width], GROUP):
            shifted = cast(float(here[c]) + before[c], scratch[0])
            scaled = cast(float(shifted) * factor[c], scratch[0])
            divided = cast(float(scaled) / divisor[c], scratch[0])
            value = float(cast(float(divided) + after[c], scratch[0]))
            value = low[c] if value < low[c] else value
            there[c] = cast(high[c] if value > high[c] else value, scratch[0])
        clear_columns(there, record[RESCALE.width], record[RESCALE.padded])
