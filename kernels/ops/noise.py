"""Dropout in a plan: on the way forward only, since the slopes carry the mask back.

    out    <- out m
    slopes <- activation'(z) m          m = 0 with probability p, else 1 / (1 - p)

Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15,
2014, with the factor in training. The mask of an element hangs on the key, the layer, the step,
the row of the batch and the column alone: not on threads, blocks or instruction sets.
"""

import numpy as np
from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.sync import call
from fusednn.kernels.philox import philox

from .frames import step_settings

# operands of dropout
OUT = 1
STRIDE = 2
SLOPES = 3
HAS_SLOPES = 4  # whether they hold activation'(z) already
WIDTH = 5
KEY = 6  # address of two int64 of 32 bits
LAYER = 7
DROPPED = 8  # p 2^32
FACTOR = 9
DERIVATIVE = 10  # address, or 0
DERIVATIVE_CONSTANTS = 11


@kernel
def draw_mask(mask, O, row, step, layer, key, dropped, factor):
    """mask (4 ceil(O / 4)) = 0 or factor; overwrites."""
    quarter, zero = (O + 3) // 4, cast(0, factor)
    k0, k1 = np.uint64(key[0]), np.uint64(key[1])
    second, third, fourth = (
        advance(mask, quarter),
        advance(mask, 2 * quarter),
        advance(mask, 3 * quarter),
    )
    for q in range(quarter):
        w0, w1, w2, w3 = philox(np.uint64(q), row, step, layer, k0, k1)
        mask[q] = zero if w0 < dropped else factor
        second[q] = zero if w1 < dropped else factor
        third[q] = zero if w2 < dropped else factor
        fourth[q] = zero if w3 < dropped else factor


@kernel
def dropout(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of OUT (B, O) and SLOPES (B, O) by the same mask; in place."""
    out, slopes = slot(record, OUT, scratch[0]), slot(record, SLOPES, scratch[0])
    constants = slot(record, DERIVATIVE_CONSTANTS, scratch[0])
    key, width, stride = slot(record, KEY, lo), record[WIDTH], record[STRIDE]
    step = np.uint64(step_settings(frame)[records.STREAM])
    layer, dropped = np.uint64(record[LAYER]), np.uint64(record[DROPPED])
    factor = number(record, FACTOR, scratch[0])
    status = 0
    for r in range(lo, hi):
        row = np.uint64(frame[records.SHIFT] + r)
        draw_mask(scratch, width, row, step, layer, key, dropped, factor)
        here, slope = advance(out, r * stride), advance(slopes, r * stride)
        if record[HAS_SLOPES] != 0:
            for c in range(width):
                slope[c] = slope[c] * scratch[c]
        else:
            for c in range(width):
                slope[c] = scratch[c]
            for c in range(width, stride):
                slope[c] = cast(0, factor)
            if record[DERIVATIVE] != 0:
                status |= call(record, DERIVATIVE, (slope, here, stride, constants))
        for c in range(width):
            here[c] = here[c] * scratch[c]
    return status
