"""Convolutions with rounded weights, for inference: they are widened to floats once per task.

A convolution uses each weight for many pixels, so products of floats cost more than the widening
does. Widened weights are exact, so the bits are those of a float32 network with these weights.
"""

import numpy as np
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast, from_bits
from fusednn.kernels.intrinsics.widening import widen_bytes
from fusednn.kernels.operands import COUNT, REALS, op, operands
from fusednn.kernels.ops.updates.update import panel_width

from .convolution import FORWARD, convolve_samples
from .convolution_backward import BACKWARD
from .depthwise import DEPTHWISE, depthwise_samples
from .narrow_scatter import NARROW, narrow_samples
from .scatter import SCATTER, scatter_samples

REDUCED_FORWARD = operands(
    FORWARD,
    is_half=COUNT,  # whether w is in bfloat16, else in integers
    factors=REALS,  # of each column of integers
    w_rows=COUNT,  # of the matrix whose panels w holds
    w_columns=COUNT,  # padded to whole vectors
)
REDUCED_SCATTER = operands(SCATTER, is_half=COUNT, factors=REALS, w_rows=COUNT, w_columns=COUNT)
REDUCED_NARROW = operands(NARROW, is_half=COUNT, factors=REALS, w_rows=COUNT, w_columns=COUNT)
REDUCED_DEPTHWISE = operands(
    DEPTHWISE, is_half=COUNT, factors=REALS, w_rows=COUNT, w_columns=COUNT
)


@kernel
def widen_halves(out, words, count):
    """out (count) = words of two bfloat16, those of its first half in the lower; overwrites."""
    half = count // 2
    for i in range(half):
        word = words[i]
        out[i] = from_bits(cast(word << 16, word))
        out[half + i] = from_bits(cast(word & -65536, word))


@kernel
def widen_integers(out, q, factors, rows, columns):
    """out = q, int8 in panels of (rows, columns), times the factor of each column; overwrites."""
    lanes, j = lanes_of(out[0]), 0
    while j < columns:
        width = panel_width(columns, j, out[0])
        for row in range(rows):
            first = j * rows + row * width
            for lane in range(0, width, lanes):
                at = first + lane
                widen_bytes(advance(out, at), advance(q, at), advance(factors, j + lane))
        j += width


@kernel
def widen(out, is_half, words, q, factors, rows, columns):
    """out = panels (rows, columns) of bfloat16, else of integers and their factors; overwrites."""
    if is_half != 0:
        widen_halves(out, words, rows * columns)
    else:
        widen_integers(out, q, factors, rows, columns)
    return advance(out, rows * columns)


@op(REDUCED_FORWARD)
def reduced_convolve(record, frame, scratch, lo, hi):
    """`convolve` with w in bfloat16 or in integers."""
    rest = widen(
        scratch, record[REDUCED_FORWARD.is_half], slot(record, FORWARD.w, np.int32(0)),
        slot(record, FORWARD.w, np.int8(0)), slot(record, REDUCED_FORWARD.factors, scratch[0]),
        record[REDUCED_FORWARD.w_rows], record[REDUCED_FORWARD.w_columns],
    )  # fmt: skip
    return convolve_samples(record, frame, rest, scratch, lo, hi)


@op(REDUCED_SCATTER)
def reduced_scatter(record, frame, scratch, lo, hi):
    """`scatter` with w in bfloat16 or in integers."""
    rest = widen(
        scratch, record[REDUCED_SCATTER.is_half], slot(record, SCATTER.w, np.int32(0)),
        slot(record, SCATTER.w, np.int8(0)), slot(record, REDUCED_SCATTER.factors, scratch[0]),
        record[REDUCED_SCATTER.w_rows], record[REDUCED_SCATTER.w_columns],
    )  # fmt: skip
    return scatter_samples(record, frame, rest, scratch, lo, hi)


@op(REDUCED_NARROW)
def reduced_narrow(record, frame, scratch, lo, hi):
    """`scatter_narrow` with w in bfloat16 or in integers."""
    rest = widen(
        scratch, record[REDUCED_NARROW.is_half], slot(record, BACKWARD.w_transposed, np.int32(0)),
        slot(record, BACKWARD.w_transposed, np.int8(0)),
        slot(record, REDUCED_NARROW.factors, scratch[0]), record[REDUCED_NARROW.w_rows],
        record[REDUCED_NARROW.w_columns],
    )  # fmt: skip
    return narrow_samples(record, rest, scratch, lo, hi)


@op(REDUCED_DEPTHWISE)
def reduced_depthwise(record, frame, scratch, lo, hi):
    """`depthwise` with w in bfloat16 or in integers."""
    rest = widen(
        scratch, record[REDUCED_DEPTHWISE.is_half], slot(record, DEPTHWISE.w, np.int32(0)),
        slot(record, DEPTHWISE.w, np.int8(0)), slot(record, REDUCED_DEPTHWISE.factors, scratch[0]),
        record[REDUCED_DEPTHWISE.w_rows], record[REDUCED_DEPTHWISE.w_columns],
    )  # fmt: skip
    return depthwise_samples(record, frame, rest, scratch, lo, hi)
