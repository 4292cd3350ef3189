"""The dense layer with weights of less precision, for inference: out = max(x w + b, floor)."""

import numpy as np
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.reduced import multiply_halves, multiply_integers

from .dense import FAN_IN, FAN_OUT, FLOOR, OUT, OUT_STRIDE, X_STRIDE, B, W, X, first_row

# operands of integer_forward beside those of dense_forward
SUMS = 11  # of each column's integers
FACTORS = 12  # of each column
ROUNDED = 13  # words, ROUNDED_STRIDE for each row of a block
ROUNDED_STRIDE = 14
ZEROS = 15  # of each row of a block
SCALES = 16


@kernel
def half_forward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of OUT (B, O) = max(X (B, I) W + B, FLOOR), W in bfloat16; overwrites."""
    x, w = slot(record, X, scratch[0]), slot(record, W, scratch[0])
    b, out = slot(record, B, scratch[0]), slot(record, OUT, scratch[0])
    stride = record[OUT_STRIDE]
    x = advance(x, first_row(record, frame, lo) * record[X_STRIDE])
    multiply_halves(
        advance(out, lo * stride), stride, x, record[X_STRIDE], w, b, hi - lo, record[FAN_IN],
        record[FAN_OUT], number(record, FLOOR, scratch[0]),
    )  # fmt: skip
    return 0


@kernel
def integer_forward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of OUT (B, O) = max(X (B, I) W + B, FLOOR), W in integers; overwrites.

    Rows of X are rounded to integers on the way.
    """
    word, stride = np.int32(0), record[OUT_STRIDE]
    x = slot(record, X, scratch[0])
    x = advance(x, first_row(record, frame, lo) * record[X_STRIDE])
    multiply_integers(
        advance(slot(record, OUT, scratch[0]), lo * stride), stride, x, record[X_STRIDE],
        advance(slot(record, ROUNDED, word), lo * record[ROUNDED_STRIDE]), record[ROUNDED_STRIDE],
        advance(slot(record, ZEROS, word), lo), advance(slot(record, SCALES, scratch[0]), lo),
        slot(record, W, word), slot(record, SUMS, word), slot(record, FACTORS, scratch[0]),
        slot(record, B, scratch[0]), hi - lo, record[FAN_IN], record[FAN_OUT],
        number(record, FLOOR, scratch[0]),
    )  # fmt: skip
    return 0
