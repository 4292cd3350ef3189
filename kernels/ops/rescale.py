"""The scaling that a fitted scaler does before a network, rounded as the scaler rounds it.

    out = min(max((x + BEFORE) FACTOR / DIVISOR + AFTER, LOW), HIGH)

in float64, and after each of the steps rounded to the network's type: x far from zero beside its
spread loses the digits that the scaler loses, and no others.
"""

from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast

from .rows import OUT, OUT_STRIDE, PADDED, STRIDE, WIDTH, X, clear_columns

# operands beside those of `rows`: WIDTH float64 each
BEFORE = 7
FACTOR = 8
DIVISOR = 9
AFTER = 10
LOW = 11
HIGH = 12


@kernel
def rescale_rows(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of OUT (B, O) = X (B, O) rescaled; overwrites, OUT may be X."""
    stride, out_stride = record[STRIDE], record[OUT_STRIDE]
    width, padded = record[WIDTH], record[PADDED]
    x, out = slot(record, X, scratch[0]), slot(record, OUT, scratch[0])
    before, factor = slot(record, BEFORE, 0.0), slot(record, FACTOR, 0.0)
    divisor, after = slot(record, DIVISOR, 0.0), slot(record, AFTER, 0.0)
    low, high = slot(record, LOW, 0.0), slot(record, HIGH, 0.0)
    for row in range(lo, hi):
        here, there = advance(x, row * stride), advance(out, row * out_stride)
        for c in range(width):
            shifted = cast(float(here[c]) + before[c], here[c])
            scaled = cast(float(shifted) * factor[c], here[c])
            divided = cast(float(scaled) / divisor[c], here[c])
            value = float(cast(float(divided) + after[c], here[c]))
            value = low[c] if value < low[c] else value
            there[c] = cast(high[c] if value > high[c] else value, here[c])
        clear_columns(there, width, padded)
    return 0
