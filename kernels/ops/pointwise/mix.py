"""Mixup: a row becomes a mixture of two samples, and its loss the same mixture of their losses.

    x <- m x + (1 - m) x'
    l <- m l + (1 - m) l'        m the step's share

Zhang, Cisse, Dauphin and Lopez-Paz, "mixup: beyond empirical risk minimization", ICLR 2018.
"""

from fusednn.kernels import records
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.operands import FLOAT64, ROWS, op, operands, padded_width_of
from fusednn.kernels.ops.frames import step_settings

MIX_ROWS = operands(out=ROWS, other=ROWS, padded=padded_width_of("out"))
MIX_VALUES = operands(out=FLOAT64, other=FLOAT64)


@op(MIX_ROWS)
def mix_rows(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, padded) = m out + (1 - m) other (B, padded); in place."""
    out, other = slot(record, MIX_ROWS.out, scratch[0]), slot(record, MIX_ROWS.other, scratch[0])
    mix = step_settings(frame)[records.MIX]
    own, rest = cast(mix, scratch[0]), cast(1.0 - mix, scratch[0])
    for row in range(lo, hi):
        here = advance(out, row * record[MIX_ROWS.out_stride])
        there = advance(other, row * record[MIX_ROWS.out_stride])
        for c in range(record[MIX_ROWS.padded]):
            here[c] = own * here[c] + rest * there[c]
    return 0


@op(MIX_VALUES)
def mix_values(record, frame, scratch, lo, hi):
    """Elements [lo, hi) of out (B) = m out + (1 - m) other (B), float64; in place."""
    values, other = slot(record, MIX_VALUES.out, 0.0), slot(record, MIX_VALUES.other, 0.0)
    mix = step_settings(frame)[records.MIX]
    for row in range(lo, hi):
        values[row] = mix * values[row] + (1.0 - mix) * other[row]
    return 0
