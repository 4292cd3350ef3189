"""Scaled dot-product attention of one or more heads, forward and back (Vaswani et al., 2017).

    P = softmax(scale q k^T) over the keys       out = P v
    dP = dout v^T      dS = scale P (dP - sum(P dP))
    dq = dS k          dk = dS^T q               dv = P^T dout

A sample has a row [q of all heads, k of all key heads, v] for each step. Adjacent heads share a
key head where there are fewer of these (Ainslie et al., "GQA", 2023). A step of causal attention
sees no later ones. Steps behind the end of a series are neither queries nor keys: they are not
read, and what is written of them may be anything.

All panels of weights of a sample are kept for the way back, or each is computed again there, so
that memory does not grow with the square of the steps.
"""

from fusednn.kernels._jit import kernel
from fusednn.kernels.gemm import multiply_plain
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.scores import differentiate_softmax
from fusednn.kernels.intrinsics.tiles import VECTORS
from fusednn.kernels.operands import COUNT, ROWS, op, operands
from fusednn.kernels.ops.lengths import count_of
from fusednn.kernels.ops.pointwise.elementwise import clear_columns

from .weights import (
    HEADS,
    block_width,
    drop,
    drop_slopes,
    kept_panel,
    keys_of,
    magnitudes,
    multiply_keys,
    transpose_rows,
    weigh,
)

FORWARD = operands(
    HEADS,
    out=ROWS,
    out_step=COUNT,
    padded=COUNT,  # columns of out, in whole vectors
    first=COUNT,  # the queries [first, last) that have a row of out
    last=COUNT,
)
BACKWARD = operands(
    HEADS,
    dqkv=ROWS,
    dout=ROWS,
    dqkv_step=COUNT,
    dout_step=COUNT,
    padded=COUNT,  # columns of dqkv, in whole vectors
)


@op(FORWARD)
def attend(record, frame, scratch, lo, hi):
    """Samples [lo, hi): out (T, heads size) from qkv (T, columns), and their weights; overwrites.

    For some queries alone it does not keep the weights.

    The scratch has turned queries (size, NR), two panels (T, NR) and a row's mask.
    """
    size, steps, heads = record[HEADS.columns], record[HEADS.steps], record[HEADS.heads]
    stride, out_stride = record[HEADS.qkv_step], record[FORWARD.out_step]
    group, full = heads // record[HEADS.key_heads], VECTORS * lanes_of(scratch[0])
    zeros, lowest = slot(record, HEADS.zeros, scratch[0]), cast(-float("inf"), scratch[0])
    panel = advance(scratch, size * full)
    other = advance(panel, steps * full)
    mask = advance(other, steps * full)
    factor = number(record, HEADS.factor, scratch[0])
    for sample in range(lo, hi):
        own = count_of(record, HEADS.lengths, sample, steps)
        last = min(record[FORWARD.last], own)
        rows = advance(slot(record, HEADS.qkv, scratch[0]), sample * record[HEADS.qkv_stride])
        out = advance(slot(record, FORWARD.out, scratch[0]), sample * record[FORWARD.out_stride])
        for head in range(heads):
            k = advance(rows, (heads + head // group) * size)
            v = advance(k, record[HEADS.key_heads] * size)
            first = record[FORWARD.first]
            while first < last:
                width = block_width(last, first, lowest)
                keys = keys_of(record, own, first, width)
                p = panel
                if record[HEADS.weights] != 0:
                    p = kept_panel(record, lowest, sample, head, first)
                weigh(record, frame, p, scratch, mask, k, stride, sample, own, head, first, width)
                if record[HEADS.key] != 0:
                    drop(other, p, factor, keys * width)
                    p = other
                there = advance(out, first * out_stride + head * size)
                multiply_plain(
                    there, out_stride, p, 1, width, v, stride, zeros, 0, min(width, last - first),
                    keys, size, lowest,
                )  # fmt: skip
                first += width
        for step in range(record[FORWARD.first], last):
            clear_columns(advance(out, step * out_stride), heads * size, record[FORWARD.padded])
    return 0


@kernel
def copy_columns(out, out_step, x, x_step, rows, n):
    """out (rows, n) = x (rows, n); overwrites."""
    for row in range(rows):
        here, there = advance(x, row * x_step), advance(out, row * out_step)
        for c in range(n):
            there[c] = here[c]


@op(BACKWARD)
def attend_backward(record, frame, scratch, lo, hi):
    """Samples [lo, hi): dqkv (T, columns) from dout (T, heads size); overwrites.

    The scratch has turned rows (size, NR), three panels (T, NR), a row's mask, and a head's keys,
    values and their gradients (T, size), which all blocks of queries read and add to: rows of qkv
    are far apart.
    """
    size, heads, most = record[HEADS.columns], record[HEADS.heads], record[HEADS.steps]
    key_heads, stride = record[HEADS.key_heads], record[HEADS.qkv_step]
    d_stride, full = record[BACKWARD.dqkv_step], VECTORS * lanes_of(scratch[0])
    group, near = heads // key_heads, advance(scratch, (size + 3 * most + 1) * full + most)
    dk, all_keys = advance(near, 2 * most * size), most * size
    for sample in range(lo, hi):
        steps = count_of(record, HEADS.lengths, sample, most)
        rows = advance(slot(record, HEADS.qkv, scratch[0]), sample * record[HEADS.qkv_stride])
        at = sample * record[BACKWARD.dqkv_stride]
        dqkv = advance(slot(record, BACKWARD.dqkv, scratch[0]), at)
        for step in range(steps):
            row = advance(dqkv, step * d_stride)
            clear_columns(row, (heads + 2 * key_heads) * size, record[BACKWARD.padded])
        for key_head in range(key_heads):
            column = (heads + key_head) * size
            for part in range(2):
                x = advance(rows, column + part * key_heads * size)
                copy_columns(advance(near, part * all_keys), size, x, stride, steps, size)
                clear_columns(advance(dk, part * all_keys), 0, steps * size)
            for head in range(key_head * group, (key_head + 1) * group):
                first = 0
                while first < steps:
                    width = block_width(steps, first, scratch[0])
                    _block_back(
                        record, frame, scratch, near, dqkv, sample, steps, head, first, width
                    )
                    first += width
            for part in range(2):
                there = advance(dqkv, column + part * key_heads * size)
                copy_columns(there, d_stride, advance(dk, part * all_keys), size, steps, size)
    return 0


@kernel
def _block_back(record, frame, scratch, near, dqkv, sample, steps, head, first, width):
    """Adds what a block of a head's queries has in the gradients of keys and values, and writes
    that of its queries to dqkv; `near` has the keys, the values and these gradients."""
    size, most = record[HEADS.columns], record[HEADS.steps]
    stride, dout_stride = record[HEADS.qkv_step], record[BACKWARD.dout_step]
    d_stride = record[BACKWARD.dqkv_step]
    full, lowest = VECTORS * lanes_of(scratch[0]), cast(-float("inf"), scratch[0])
    zeros = slot(record, HEADS.zeros, scratch[0])
    slopes = advance(scratch, size * full)
    panel = advance(slopes, most * full)
    other = advance(panel, most * full)
    mask = advance(other, most * full)
    keys, queries, own = (
        keys_of(record, steps, first, width),
        min(width, steps - first),
        head * size,
    )
    rows = advance(slot(record, HEADS.qkv, scratch[0]), sample * record[HEADS.qkv_stride])
    q, k, v = advance(rows, first * stride + own), near, advance(near, most * size)
    at = sample * record[BACKWARD.dout_stride] + first * dout_stride + own
    dout = advance(slot(record, BACKWARD.dout, scratch[0]), at)
    dq, dk = advance(dqkv, first * d_stride + own), advance(near, 2 * most * size)
    dv = advance(near, 3 * most * size)
    p = panel
    if record[HEADS.weights] != 0:
        p = kept_panel(record, lowest, sample, head, first)
    else:
        weigh(record, frame, p, scratch, mask, k, size, sample, steps, head, first, width)
    scale = number(record, HEADS.scale, scratch[0])
    transpose_rows(scratch, width, dout, dout_stride, queries, size, scale)
    multiply_keys(slopes, width, v, size, scratch, keys, size, zeros)
    applied = p
    if record[HEADS.key] != 0:
        factor = number(record, HEADS.factor, scratch[0])
        drop_slopes(slopes, p, factor, keys * width)
        drop(other, p, factor, keys * width)
        applied = other
    multiply_plain(
        dv, size, applied, width, 1, dout, dout_stride, dv, size, keys, queries, size, lowest
    )
    if record[HEADS.key] != 0:
        magnitudes(other, p, keys * width)
    differentiate_softmax(slopes, applied, width, keys)
    multiply_plain(dq, d_stride, slopes, 1, width, k, size, zeros, 0, queries, keys, size, lowest)
    multiply_plain(dk, size, slopes, width, 1, q, stride, dk, size, keys, queries, size, lowest)
