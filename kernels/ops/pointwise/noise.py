"""Dropout and noise in a plan; forward only, since the slopes include the mask.

    out    <- out m + b
    slopes <- activation'(z) m          m = 0 with probability p, else a

Dropout has a = 1 / (1 - p) and b = 0: Srivastava et al., "Dropout: a simple way to prevent neural
networks from overfitting", JMLR 15, 2014, with the factor in training. Alpha dropout replaces
dropped outputs by the limit of SELU at minus infinity, and keeps mean 0 and variance 1 by its a,
and by b = low for dropped outputs and high for the others: Klambauer et al., "Self-normalizing
neural networks", NIPS 2017.

    out    <- out + deviation n         n of the standard normal distribution

The mask or noise of an element depends on the key, the layer, the step of training, the sample's
number in the batch, the row within the sample and the column alone, not on threads, blocks,
padding or instruction sets (noise: up to rounding). Where channels are dropped all rows of a
sample have the mask of its first. Two ops of a plan must not have the same layer: they would draw
the same random words.
"""

import math

import numpy as np
from fusednn.kernels import records
from fusednn.kernels._jit import inline, kernel
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.sync import call
from fusednn.kernels.maths import log, turn_parts
from fusednn.kernels.operands import (
    COUNT,
    FUNCTION,
    INT64,
    NUMBER,
    REALS,
    ROWS,
    maybe,
    op,
    operands,
    width_of,
)
from fusednn.kernels.ops.frames import step_settings, varied
from fusednn.kernels.philox import philox, uniform

DROPOUT = operands(
    out=ROWS,
    slopes=REALS,  # in rows of the stride of out
    key=INT64,  # two words of 32 bits
    derivative_constants=REALS,
    width=width_of("out"),
    layer=COUNT,
    dropped=COUNT,  # p 2^32
    factor=NUMBER,
    low=NUMBER,  # added to dropped outputs; 0 in plain dropout
    high=NUMBER,  # added to the others; 0 in plain dropout
    has_slopes=COUNT,  # whether slopes hold activation'(z) already
    derivative=maybe(FUNCTION),
    by_channel=maybe(COUNT),  # whether all rows of a sample have the mask of its first
    varied=maybe(COUNT),  # the column of a step's own p 2^32, factor, low and high, or 0
)
NOISE = operands(
    out=ROWS,
    key=INT64,
    width=width_of("out"),
    layer=COUNT,
    deviation=NUMBER,
    varied=maybe(COUNT),  # the column of a step's own deviation, or 0
)


@inline
def row_of_sample(record, frame, row):
    """The number of a row's sample in the batch, and that of the row in the sample, as uint64."""
    sample = row // record[records.POSITIONS]
    within = row - sample * record[records.POSITIONS]
    return np.uint64(frame[records.SHIFT] + sample), np.uint64(within)


@kernel
def draw_mask(mask, O, sample, row, step, layer, key, dropped, factor):
    """mask (4 ceil(O / 4)) of a row of a sample = 0 or factor; overwrites."""
    quarter, zero = (O + 3) // 4, cast(0, factor)
    first = row * np.uint64(quarter)
    k0, k1 = np.uint64(key[0]), np.uint64(key[1])
    second, third, fourth = (
        advance(mask, quarter),
        advance(mask, 2 * quarter),
        advance(mask, 3 * quarter),
    )
    for q in range(quarter):
        w0, w1, w2, w3 = philox(first + np.uint64(q), sample, step, layer, k0, k1)
        mask[q] = zero if w0 < dropped else factor
        second[q] = zero if w1 < dropped else factor
        third[q] = zero if w2 < dropped else factor
        fourth[q] = zero if w3 < dropped else factor


@op(DROPOUT)
def dropout(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) and slopes (B, O) times one mask, then out plus low where an
    output was dropped and plus high elsewhere; in place (Srivastava et al.; Klambauer et al.).
    """
    out, slopes = slot(record, DROPOUT.out, scratch[0]), slot(record, DROPOUT.slopes, scratch[0])
    constants = slot(record, DROPOUT.derivative_constants, scratch[0])
    key = slot(record, DROPOUT.key, lo)
    width = record[DROPOUT.width]
    stride = record[DROPOUT.out_stride]
    step = np.uint64(step_settings(frame)[records.STREAM])
    layer, dropped = np.uint64(record[DROPOUT.layer]), np.uint64(record[DROPOUT.dropped])
    factor = number(record, DROPOUT.factor, scratch[0])
    low, high = number(record, DROPOUT.low, scratch[0]), number(record, DROPOUT.high, scratch[0])
    if record[DROPOUT.varied] != 0:
        own = varied(frame, record[DROPOUT.varied])
        dropped, factor = np.uint64(own[0]), cast(own[1], scratch[0])
        low, high = cast(own[2], scratch[0]), cast(own[3], scratch[0])
    moved, status = low != 0 or high != 0, 0
    for r in range(lo, hi):
        sample, row = row_of_sample(record, frame, r)
        if record[DROPOUT.by_channel] == 0:
            draw_mask(scratch, width, sample, row, step, layer, key, dropped, factor)
        elif r == lo or row == 0:
            draw_mask(scratch, width, sample, np.uint64(0), step, layer, key, dropped, factor)
        here, slope = advance(out, r * stride), advance(slopes, r * stride)
        if record[DROPOUT.has_slopes] != 0:
            for c in range(width):
                slope[c] = slope[c] * scratch[c]
        else:
            for c in range(width):
                slope[c] = scratch[c]
            for c in range(width, stride):
                slope[c] = cast(0, factor)
            if record[DROPOUT.derivative] != 0:
                status |= call(record, DROPOUT.derivative, (slope, here, stride, constants))
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
def draw_normals(noise, O, sample, row, step, layer, key):
    """noise (4 ceil(O / 4)) = standard normal, from the words of `draw_mask`; overwrites.

    Pairs of words make pairs of normals: Box and Muller, "A note on the generation of random
    normal deviates", Ann. Math. Statist. 29, 1958. The largest is 6.8.
    """
    quarter, like = (O + 3) // 4, noise[0]
    first = row * np.uint64(quarter)
    k0, k1 = np.uint64(key[0]), np.uint64(key[1])
    second, third, fourth = (
        advance(noise, quarter),
        advance(noise, 2 * quarter),
        advance(noise, 3 * quarter),
    )
    for q in range(quarter):
        w0, w1, w2, w3 = philox(first + np.uint64(q), sample, step, layer, k0, k1)
        noise[q] = uniform(w0, like)
        second[q] = uniform(w1, like)
        third[q] = uniform(w2, like)
        fourth[q] = uniform(w3, like)
    for q in range(quarter):
        noise[q], second[q] = normal_pair(noise[q], second[q])
        third[q], fourth[q] = normal_pair(third[q], fourth[q])


@op(NOISE)
def gaussian_noise(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, width) += deviation n, n standard normal; accumulates (noise at the
    input: Bishop, "Training with noise is equivalent to Tikhonov regularization", 1995).
    """
    out, key = slot(record, NOISE.out, scratch[0]), slot(record, NOISE.key, lo)
    width = record[NOISE.width]
    stride = record[NOISE.out_stride]
    layer = np.uint64(record[NOISE.layer])
    step = np.uint64(step_settings(frame)[records.STREAM])
    deviation = number(record, NOISE.deviation, scratch[0])
    if record[NOISE.varied] != 0:
        deviation = cast(varied(frame, record[NOISE.varied])[0], scratch[0])
    for r in range(lo, hi):
        sample, row = row_of_sample(record, frame, r)
        draw_normals(scratch, width, sample, row, step, layer, key)
        here = advance(out, r * stride)
        for c in range(width):
            here[c] = here[c] + deviation * scratch[c]
    return 0
