"""Adversarial training: batches of data and generated rows, the gradient penalty, and bounds."""

import math

import numpy as np
from fusednn.kernels import records
from fusednn.kernels.cuda.language import barrier, block, blocks, shared, thread, threads
from fusednn.kernels.cuda.spreading import (
    GROUP,
    clear_columns,
    first_column,
    first_row,
    groups,
)
from fusednn.kernels.cuda.twins import BLOCK, twin
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops import game
from fusednn.kernels.ops.frames import sample_of, step_settings
from fusednn.kernels.ops.game import BOTH, CLIP, MIXED, PENALTY, PICK_CLASS

PART = 256
"""Elements of a row that are squared at once."""


@twin(game.gather_both)
def gather_both(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O): samples of data, then made rows from `half` on; overwrites."""
    width, half = record[BOTH.width], record[BOTH.half]
    data, made = slot(record, BOTH.data, scratch[0]), slot(record, BOTH.made, scratch[0])
    out = slot(record, BOTH.out, scratch[0])
    for row in range(first_row(lo), hi, groups()):
        here = advance(out, row * record[BOTH.out_stride])
        there = advance(made, (row - half) * record[BOTH.made_stride])
        if row < half:
            sample = sample_of(record, frame, row, BOTH.order)
            there = advance(data, sample * record[BOTH.data_stride])
        for c in range(first_column(), width, GROUP):
            here[c] = there[c]
        clear_columns(here, width, record[BOTH.padded])


@twin(game.gather_mixed)
def gather_mixed(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = mixtures of a sample of data and a made row; overwrites."""
    width = record[MIXED.width]
    data, made = slot(record, MIXED.data, scratch[0]), slot(record, MIXED.made, scratch[0])
    out, shares = slot(record, MIXED.out, scratch[0]), slot(record, MIXED.shares, scratch[0])
    for row in range(first_row(lo), hi, groups()):
        here = advance(out, row * record[MIXED.out_stride])
        own = advance(data, sample_of(record, frame, row, MIXED.order) * record[MIXED.data_stride])
        other = advance(made, row * record[MIXED.made_stride])
        share = shares[frame[records.START] + frame[records.SHIFT] + row]
        for c in range(first_column(), width, GROUP):
            here[c] = other[c] + share * (own[c] - other[c])
        clear_columns(here, width, record[MIXED.padded])


@twin(game.pick_class)
def pick_class(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of dlogits (B, C): 1 at the class of the row's target, 0 elsewhere;
    overwrites.
    """
    dlogits = slot(record, PICK_CLASS.dlogits, scratch[0])
    targets = slot(record, PICK_CLASS.targets, scratch[0])
    zero, one = cast(0, scratch[0]), cast(1, scratch[0])
    for row in range(first_row(lo), hi, groups()):
        here = advance(dlogits, row * record[PICK_CLASS.dlogits_stride])
        target = np.int64(targets[frame[records.START] + frame[records.SHIFT] + row]) // 2
        for c in range(first_column(), record[PICK_CLASS.padded], GROUP):
            here[c] = one if c == target else zero


@twin(game.penalize)
def penalize(record, frame, scratch, lo, hi):
    """Rows [lo, hi): losses (B,) = factor (|x| - 1)^2, and out (B, O) = its gradient by x times
    the scale; overwrites. A block has a row: its threads square, then each adds up all in order.
    """
    x, out = slot(record, PENALTY.x, scratch[0]), slot(record, PENALTY.out, scratch[0])
    losses, width = slot(record, PENALTY.losses, 0.0), record[PENALTY.width]
    factor, scale = number(record, PENALTY.factor, 0.0), step_settings(frame)[records.SCALE]
    squares = shared(256, 0.0)  # PART
    for row in range(lo + block(), hi, blocks()):
        own = advance(x, row * record[PENALTY.x_stride])
        here = advance(out, row * record[PENALTY.out_stride])
        total = 0.0
        for begin in range(0, width, PART):
            count = min(PART, width - begin)
            for c in range(thread(), count, threads()):
                value = cast(own[begin + c], 0.0)
                squares[c] = value * value
            barrier()
            for c in range(count):
                total += squares[c]
            barrier()
        norm = math.sqrt(total)
        if thread() == 0:
            losses[row] = factor * (norm - 1.0) * (norm - 1.0)
        slope = 2.0 * factor * scale * (norm - 1.0) / norm if norm > 0.0 else 0.0
        share, zero = cast(slope, scratch[0]), cast(0, scratch[0])
        for c in range(thread(), record[PENALTY.padded], threads()):
            here[c] = share * own[c] if c < width else zero


@twin(game.clip_weights, spread=BLOCK)
def clip_weights(record, frame, scratch, lo, hi):
    """Elements [lo, hi) of w, bounded to [-bound, bound]; in place. A block has a task of them."""
    w, bound = slot(record, CLIP.w, scratch[0]), number(record, CLIP.bound, scratch[0])
    for i in range(lo + thread(), hi, threads()):
        value = -bound if w[i] < -bound else w[i]  # a NaN stays one, as on the CPU
        w[i] = bound if value > bound else value
