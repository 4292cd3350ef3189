"""Mixup: a row becomes a mixture of two samples, and its loss one of their losses.

    x <- m x + (1 - m) x'
    l <- m l + (1 - m) l'        m the step's MIX

Zhang, Cisse, Dauphin and Lopez-Paz, "mixup: beyond empirical risk minimization", ICLR 2018.
"""

from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast

from .frames import step_settings

# operands of mix_rows
OUT = 1
OTHER = 2
STRIDE = 3  # of both
PADDED = 4  # columns
# operands of mix_values
VALUES = 1


@kernel
def mix_rows(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of OUT (B, PADDED) = MIX OUT + (1 - MIX) OTHER (B, PADDED); in place."""
    out, other = slot(record, OUT, scratch[0]), slot(record, OTHER, scratch[0])
    mix = step_settings(frame)[records.MIX]
    own, rest = cast(mix, scratch[0]), cast(1.0 - mix, scratch[0])
    for row in range(lo, hi):
        here = advance(out, row * record[STRIDE])
        there = advance(other, row * record[STRIDE])
        for c in range(record[PADDED]):
            here[c] = own * here[c] + rest * there[c]
    return 0


@kernel
def mix_values(record, frame, scratch, lo, hi):
    """VALUES (B) = MIX VALUES + (1 - MIX) OTHER (B) in [lo, hi), float64; in place."""
    values, other = slot(record, VALUES, 0.0), slot(record, OTHER, 0.0)
    mix = step_settings(frame)[records.MIX]
    for row in range(lo, hi):
        values[row] = mix * values[row] + (1.0 - mix) * other[row]
    return 0
