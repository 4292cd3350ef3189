"""Dropout and noise in a plan: on the way forward only, since the slopes carry a mask back.

    out    <- out m + b
    slopes <- activation'(z) m          m = 0 with probability p, else a

Dropout has a = 1 / (1 - p) and b = 0: Srivastava et al., "Dropout: a simple way to prevent neural
networks from overfitting", JMLR 15, 2014, with the factor in training. Alpha dropout puts the
least output of a SELU in place of what it leaves out, b = low there and high elsewhere, such that
mean 0 and variance 1 stay: Klambauer et al., "Self-normalizing neural networks", NIPS 2017.

    out    <- out + deviation n         n of the standard normal distribution

The mask or noise of an element hangs on the key, the layer, the step, the row of the batch and the
column alone: not on threads, blocks or instruction sets, noise up to rounding. Two ops of a plan
must not have the same layer, or one's masks would be functions of the other's.
"""

import math

import numpy as np
from fusednn.kernels import records
from fusednn.kernels._jit import inline, kernel
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.sync import call
from fusednn.kernels.maths import log, turn_parts
from fusednn.kernels.philox import philox, uniform

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
LOW = 12  # what is added where an output is left out, and elsewhere; both 0 in plain dropout
HIGH = 13
# operands of gaussian_noise: OUT, STRIDE, WIDTH, KEY and LAYER as above, and
DEVIATION = 8


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
    """Rows [lo, hi) of OUT (B, O) and SLOPES (B, O) by the same mask, OUT then moved by LOW where
    it left an output out and by HIGH elsewhere; in place (Srivastava et al.; Klambauer et al.).
    """
    out, slopes = slot(record, OUT, scratch[0]), slot(record, SLOPES, scratch[0])
    constants = slot(record, DERIVATIVE_CONSTANTS, scratch[0])
    key, width, stride = slot(record, KEY, lo), record[WIDTH], record[STRIDE]
    step = np.uint64(step_settings(frame)[records.STREAM])
    layer, dropped = np.uint64(record[LAYER]), np.uint64(record[DROPPED])
    factor = number(record, FACTOR, scratch[0])
    low, high = number(record, LOW, scratch[0]), number(record, HIGH, scratch[0])
    moved, status = record[LOW] != 0 or record[HIGH] != 0, 0
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
        if moved:  # else 0 would be added, which changes -0
            for c in range(width):
                here[c] = here[c] + (high if scratch[c] > 0 else low)
    return status


@inline
def normal_pair(u, v):
    """Two independent standard normals from u and v uniform in (0, 1]."""
    radius = cast(math.sqrt(cast(-2.0, u) * log(u)), u)
    cosine, sine = turn_parts(v)
    return radius * cosine, radius * sine


@kernel
def draw_normals(noise, O, row, step, layer, key):
    """noise (4 ceil(O / 4)) = standard normal, from the words of `draw_mask`; overwrites.

    Pairs of words make pairs of normals: Box and Muller, "A note on the generation of random
    normal deviates", Ann. Math. Statist. 29, 1958. The largest is 6.8.
    """
    quarter, like = (O + 3) // 4, noise[0]
    k0, k1 = np.uint64(key[0]), np.uint64(key[1])
    second, third, fourth = (
        advance(noise, quarter),
        advance(noise, 2 * quarter),
        advance(noise, 3 * quarter),
    )
    for q in range(quarter):
        w0, w1, w2, w3 = philox(np.uint64(q), row, step, layer, k0, k1)
        noise[q] = uniform(w0, like)
        second[q] = uniform(w1, like)
        third[q] = uniform(w2, like)
        fourth[q] = uniform(w3, like)
    for q in range(quarter):
        noise[q], second[q] = normal_pair(noise[q], second[q])
        third[q], fourth[q] = normal_pair(third[q], fourth[q])


@kernel
def gaussian_noise(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of OUT (B, WIDTH) += DEVIATION n, n standard normal; accumulates (noise at the
    input: Bishop, "Training with noise is equivalent to Tikhonov regularization", 1995).
    """
    out, key = slot(record, OUT, scratch[0]), slot(record, KEY, lo)
    width, stride, layer = record[WIDTH], record[STRIDE], np.uint64(record[LAYER])
    step = np.uint64(step_settings(frame)[records.STREAM])
    deviation = number(record, DEVIATION, scratch[0])
    for r in range(lo, hi):
        row = np.uint64(frame[records.SHIFT] + r)
        draw_normals(scratch, width, row, step, layer, key)
        here = advance(out, r * stride)
        for c in range(width):
            here[c] = here[c] + deviation * scratch[c]
    return 0
