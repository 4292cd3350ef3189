"""Ops of adversarial training: batches of data and generated rows, and the gradient penalty.

    penalty = factor (|g| - 1)^2        g = the gradient of the discriminator's output by its input

Gulrajani et al., "Improved training of Wasserstein GANs", NIPS 2017. The penalty's gradient by the
weights runs through the derivative's own chain of products; `penalize` begins it.
"""

import math

import numpy as np
from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.operands import (
    COUNT,
    FLOAT64,
    INT64,
    NUMBER,
    REALS,
    ROWS,
    op,
    operands,
    padded_width_of,
    width_of,
)

from .frames import sample_of, step_settings
from .gather import copy_row
from .pointwise.elementwise import clear_columns

ROWS_OF_GAME = operands(
    out=ROWS,
    data=ROWS,
    made=ROWS,  # of the generator, in the order of the batch
    order=INT64,
    width=width_of("out"),
    padded=padded_width_of("out"),
)
BOTH = operands(ROWS_OF_GAME, half=COUNT)
"""`half`: the rows of the batch that are data; the others are made."""
MIXED = operands(ROWS_OF_GAME, shares=REALS)
"""`shares`: those of the data in the mixtures."""
PICK_CLASS = operands(dlogits=ROWS, targets=REALS, padded=padded_width_of("dlogits"))
PENALTY = operands(
    out=ROWS,
    losses=FLOAT64,  # one for each row
    x=ROWS,
    factor=NUMBER,
    width=width_of("out"),
    padded=padded_width_of("out"),
)
CLIP = operands(w=REALS, bound=NUMBER)


@kernel
def mix_row(out, x, other, share, n):
    """out = share x + (1 - share) other, n elements; overwrites."""
    for c in range(n):
        out[c] = other[c] + share * (x[c] - other[c])


@op(BOTH)
def gather_both(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O): samples of data, then made rows from `half` on; overwrites."""
    width, half = record[BOTH.width], record[BOTH.half]
    data, made = slot(record, BOTH.data, scratch[0]), slot(record, BOTH.made, scratch[0])
    out = slot(record, BOTH.out, scratch[0])
    for row in range(lo, hi):
        here = advance(out, row * record[BOTH.out_stride])
        if row < half:
            sample = sample_of(record, frame, row, BOTH.order)
            copy_row(here, advance(data, sample * record[BOTH.data_stride]), width)
        else:
            copy_row(here, advance(made, (row - half) * record[BOTH.made_stride]), width)
        clear_columns(here, width, record[BOTH.padded])
    return 0


@op(MIXED)
def gather_mixed(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = mixtures of a sample of data and a made row; overwrites
    (Gulrajani et al.).
    """
    width = record[MIXED.width]
    data, made = slot(record, MIXED.data, scratch[0]), slot(record, MIXED.made, scratch[0])
    out, shares = slot(record, MIXED.out, scratch[0]), slot(record, MIXED.shares, scratch[0])
    for row in range(lo, hi):
        here = advance(out, row * record[MIXED.out_stride])
        sample = sample_of(record, frame, row, MIXED.order)
        share = shares[frame[records.START] + frame[records.SHIFT] + row]
        own = advance(data, sample * record[MIXED.data_stride])
        mix_row(here, own, advance(made, row * record[MIXED.made_stride]), share, width)
        clear_columns(here, width, record[MIXED.padded])
    return 0


@op(PICK_CLASS)
def pick_class(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of dlogits (B, C): 1 at the class of the row's target, 0 elsewhere;
    overwrites.
    """
    dlogits = slot(record, PICK_CLASS.dlogits, scratch[0])
    targets = slot(record, PICK_CLASS.targets, scratch[0])
    for row in range(lo, hi):
        dz = advance(dlogits, row * record[PICK_CLASS.dlogits_stride])
        clear_columns(dz, 0, record[PICK_CLASS.padded])
        target = targets[frame[records.START] + frame[records.SHIFT] + row]
        dz[np.int64(target) // 2] = cast(1, dz[0])
    return 0


@op(PENALTY)
def penalize(record, frame, scratch, lo, hi):
    """Rows [lo, hi): losses (B,) = factor (|x| - 1)^2, and out (B, O) = its gradient by x times
    the scale; overwrites (Gulrajani et al.).
    """
    x, out = slot(record, PENALTY.x, scratch[0]), slot(record, PENALTY.out, scratch[0])
    losses, width = slot(record, PENALTY.losses, 0.0), record[PENALTY.width]
    factor, scale = number(record, PENALTY.factor, 0.0), step_settings(frame)[records.SCALE]
    for row in range(lo, hi):
        own = advance(x, row * record[PENALTY.x_stride])
        here = advance(out, row * record[PENALTY.out_stride])
        total = 0.0
        for c in range(width):
            total += np.float64(own[c]) * np.float64(own[c])
        norm = math.sqrt(total)
        losses[row] = factor * (norm - 1.0) * (norm - 1.0)
        slope = 2.0 * factor * scale * (norm - 1.0) / norm if norm > 0.0 else 0.0
        share = cast(slope, scratch[0])
        for c in range(width):
            here[c] = share * own[c]
        clear_columns(here, width, record[PENALTY.padded])
    return 0


@op(CLIP)
def clip_weights(record, frame, scratch, lo, hi):
    """Elements [lo, hi) of w, bounded to [-bound, bound]; in place (Arjovsky et al. 2017)."""
    w, bound = slot(record, CLIP.w, scratch[0]), number(record, CLIP.bound, scratch[0])
    for i in range(lo, hi):
        w[i] = min(max(w[i], -bound), bound)
    return 0
