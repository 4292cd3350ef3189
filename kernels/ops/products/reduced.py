"""The dense layer with rounded weights, for inference: out = max(x w + b, floor)."""

import numpy as np
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.operands import COUNT, INT32, REALS, op, operands
from fusednn.kernels.reduced import multiply_halves, multiply_integers

from .dense import FORWARD, first_row

INTEGER_FORWARD = operands(
    FORWARD,
    sums=INT32,  # of each column's integers
    factors=REALS,  # of each column
    rounded=INT32,  # rows of x as words of four bytes, rounded_stride words apart
    rounded_stride=COUNT,
    zeros=INT32,  # of each row of a block
    scales=REALS,
)


@op(FORWARD)
def half_forward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = max(x (B, I) w + b, floor), w in bfloat16; overwrites."""
    x, w = slot(record, FORWARD.x, scratch[0]), slot(record, FORWARD.w, scratch[0])
    b, out = slot(record, FORWARD.b, scratch[0]), slot(record, FORWARD.out, scratch[0])
    stride, first = record[FORWARD.out_stride], first_row(record, frame, lo)
    x_stride = record[FORWARD.x_stride]
    x = advance(x, first * x_stride)
    multiply_halves(
        advance(out, lo * stride), stride, x, x_stride, w, b, 0, hi - lo,
        record[FORWARD.fan_in], record[FORWARD.fan_out], number(record, FORWARD.floor, scratch[0]),
    )  # fmt: skip
    return 0


@op(INTEGER_FORWARD)
def integer_forward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = max(x (B, I) w + b, floor), w in integers; overwrites.

    Rows of x are rounded to integers on the way.
    """
    word, real, stride = np.int32(0), scratch[0], record[FORWARD.out_stride]
    x, first = slot(record, FORWARD.x, real), first_row(record, frame, lo)
    x_stride = record[FORWARD.x_stride]
    x, out = advance(x, first * x_stride), advance(slot(record, FORWARD.out, real), lo * stride)
    q_stride = record[INTEGER_FORWARD.rounded_stride]
    q = advance(slot(record, INTEGER_FORWARD.rounded, word), lo * q_stride)
    zeros = advance(slot(record, INTEGER_FORWARD.zeros, word), lo)
    scales = advance(slot(record, INTEGER_FORWARD.scales, real), lo)
    w, b = slot(record, FORWARD.w, word), slot(record, FORWARD.b, real)
    sums = slot(record, INTEGER_FORWARD.sums, word)
    factors = slot(record, INTEGER_FORWARD.factors, real)
    multiply_integers(
        out, stride, x, x_stride, q, q_stride, zeros, scales, w, sums, factors, b, hi - lo,
        record[FORWARD.fan_in], record[FORWARD.fan_out], number(record, FORWARD.floor, real),
    )  # fmt: skip
    return 0
