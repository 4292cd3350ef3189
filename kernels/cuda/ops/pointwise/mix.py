"""Mixup of rows and of their losses."""

from fusednn.kernels import records
from fusednn.kernels.cuda.spreading import GROUP, everyone, first, first_column, first_row, groups
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops.frames import step_settings
from fusednn.kernels.ops.pointwise import mix
from fusednn.kernels.ops.pointwise.mix import MIX_ROWS, MIX_VALUES


@twin(mix.mix_rows)
def mix_rows(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, padded) = m out + (1 - m) other (B, padded); in place."""
    out, other = slot(record, MIX_ROWS.out, scratch[0]), slot(record, MIX_ROWS.other, scratch[0])
    share = step_settings(frame)[records.MIX]
    own, rest = cast(share, scratch[0]), cast(1.0 - share, scratch[0])
    for row in range(first_row(lo), hi, groups()):
        here = advance(out, row * record[MIX_ROWS.out_stride])
        there = advance(other, row * record[MIX_ROWS.out_stride])
        for c in range(first_column(), record[MIX_ROWS.padded], GROUP):
            here[c] = own * here[c] + rest * there[c]


@twin(mix.mix_values)
def mix_values(record, frame, scratch, lo, hi):
    """Elements [lo, hi) of out (B) = m out + (1 - m) other (B), float64; in place."""
    values, other = slot(record, MIX_VALUES.out, 0.0), slot(record, MIX_VALUES.other, 0.0)
    share = step_settings(frame)[records.MIX]
    for row in range(lo + first(), hi, everyone()):
        values[row] = share * values[row] + (1.0 - share) * other[row]
