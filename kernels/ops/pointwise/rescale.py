"""The scaling that a fitted scaler does before a network, rounded as the scaler rounds it.

    out = min(max((x + before) factor / divisor + after, low), high)

Each step is computed in float64 and rounded to the network's type. So an x with a mean far larger
than its spread loses the same digits as in the scaler.
"""

from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.operands import FLOAT64, ROWS, op, operands, padded_width_of, width_of

from .elementwise import clear_columns

RESCALE = operands(
    out=ROWS,
    x=ROWS,
    before=FLOAT64,
    factor=FLOAT64,
    divisor=FLOAT64,
    after=FLOAT64,
    low=FLOAT64,
    high=FLOAT64,
    width=width_of("out"),
    padded=padded_width_of("out"),
)


@op(RESCALE)
def rescale_rows(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = x (B, O) rescaled; overwrites, out may be x."""
    stride, out_stride = record[RESCALE.x_stride], record[RESCALE.out_stride]
    width, padded = record[RESCALE.width], record[RESCALE.padded]
    x, out = slot(record, RESCALE.x, scratch[0]), slot(record, RESCALE.out, scratch[0])
    before, factor = slot(record, RESCALE.before, 0.0), slot(record, RESCALE.factor, 0.0)
    divisor, after = slot(record, RESCALE.divisor, 0.0), slot(record, RESCALE.after, 0.0)
    low, high = slot(record, RESCALE.low, 0.0), slot(record, RESCALE.high, 0.0)
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
