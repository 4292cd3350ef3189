"""Scaled dot-product attention: a block of threads has a panel of queries, or a key head's.

As `kernels/ops/attention/attend.py`. On the way back one block takes all heads that share a key
head, one panel after the other: the gradients by keys and values are chains over all queries.
"""

import numpy as np
from fusednn.kernels.cuda.language import barrier, block, blocks, shared, single, thread, threads
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.shapes import SHAPE
from fusednn.kernels.intrinsics.tiles import VECTORS
from fusednn.kernels.ops.attention import attend as cpu
from fusednn.kernels.ops.attention.attend import BACKWARD, FORWARD
from fusednn.kernels.ops.attention.weights import HEADS
from fusednn.kernels.ops.lengths import count_of

from .weights import (
    FIRST,
    HEAD,
    KEYS,
    QUERIES,
    SAMPLE,
    STEPS,
    WIDTH,
    differentiate_softmax,
    drop,
    drop_slopes,
    key_column,
    multiply_all,
    note_panel,
    panel_of_scratch,
    panels_scratch,
    qkv_of,
    query_column,
    turn_rows,
    value_column,
    weigh,
    weights_of,
)


def panels_of_sample(record):
    """Panels of queries of a sample, at least: those of float64 are the narrower ones."""
    return record[HEADS.heads] * (record[HEADS.steps] // SHAPE.panel(8) + 1)


def key_heads_of(record):
    """Key heads of a sample."""
    return record[HEADS.key_heads]


def out_of(record, panel, step, column, like):
    """Where a column of a step of the sample's output is."""
    at = panel[SAMPLE] * record[FORWARD.out_stride] + step * record[FORWARD.out_step] + column
    return advance(slot(record, FORWARD.out, like), at)


def dout_of(record, panel, step, column, like):
    """The same of the gradient by the output."""
    at = panel[SAMPLE] * record[BACKWARD.dout_stride] + step * record[BACKWARD.dout_step] + column
    return advance(slot(record, BACKWARD.dout, like), at)


def dqkv_of(record, panel, step, column, like):
    """The same of the gradient by queries, keys and values."""
    at = panel[SAMPLE] * record[BACKWARD.dqkv_stride] + step * record[BACKWARD.dqkv_step] + column
    return advance(slot(record, BACKWARD.dqkv, like), at)


def clear_rows(x, step, rows, first, last):
    """x (rows, ...) <- 0, columns [first, last), by all threads of a block."""
    zero, n = cast(0, x[0]), last - first
    for i in range(thread(), rows * n, threads()):
        x[i // n * step + first + i % n] = zero


def attend_panel(record, frame, scratch, panel):
    """out of a panel's queries from the values of their head; overwrites."""
    like = cast(0, scratch[0])
    weigh(record, frame, scratch, panel)
    applied = weights_of(record, scratch, panel)
    if record[HEADS.key] != 0:
        factor, other = number(record, HEADS.factor, like), panel_of_scratch(record, scratch, 1)
        drop(other, applied, factor, panel[KEYS] * panel[WIDTH])
        barrier()
        applied = panel_of_scratch(record, scratch, 1)
    multiply_all(
        out_of(record, panel, panel[FIRST], query_column(record, panel), like), 1,
        record[FORWARD.out_step], qkv_of(record, panel, 0, value_column(record, panel), like), 1,
        record[HEADS.qkv_step], record[HEADS.columns], applied, panel[WIDTH], panel[QUERIES],
        panel[KEYS], False,
    )  # fmt: skip
    if panel[HEAD] == 0:
        clear_rows(
            out_of(record, panel, panel[FIRST], 0, like), record[FORWARD.out_step],
            panel[QUERIES], record[HEADS.heads] * record[HEADS.columns], record[FORWARD.padded],
        )  # fmt: skip


@twin(cpu.attend, scratch_of=panels_scratch, units=panels_of_sample)
def attend(record, frame, scratch, lo, hi):
    """Samples [lo, hi): out (T, heads size) from qkv (T, columns), and their weights; overwrites.

    For some queries alone it does not keep the weights.
    """
    full, like, panel = VECTORS * lanes_of(scratch[0]), cast(0, scratch[0]), shared(7, 0)
    panels = (record[FORWARD.last] - record[FORWARD.first] + full - 1) // full
    for unit in range(block(), (hi - lo) * record[HEADS.heads] * panels, blocks()):
        sample, head = unit // panels // record[HEADS.heads], unit // panels % record[HEADS.heads]
        first = record[FORWARD.first] + unit % panels * full
        steps = count_of(record, HEADS.lengths, lo + sample, record[HEADS.steps])
        last = min(record[FORWARD.last], steps)
        if first < last:
            note_panel(record, panel, lo + sample, steps, head, first, last, like)
            attend_panel(record, frame, scratch, panel)
            barrier()


def slopes_of(record, frame, scratch, panel):
    """The second panel of the scratch = the gradient by a panel's weights; overwrites."""
    like = cast(0, scratch[0])
    if record[HEADS.weights] == 0:
        weigh(record, frame, scratch, panel)
    turn_rows(
        scratch, panel[WIDTH],
        dout_of(record, panel, panel[FIRST], query_column(record, panel), like),
        record[BACKWARD.dout_step], panel[QUERIES], record[HEADS.columns],
        number(record, HEADS.scale, like),
    )  # fmt: skip
    barrier()
    multiply_all(
        panel_of_scratch(record, scratch, 1), panel[WIDTH], 1,
        qkv_of(record, panel, 0, value_column(record, panel), like), record[HEADS.qkv_step], 1,
        panel[KEYS], scratch, panel[WIDTH], panel[WIDTH],
        record[HEADS.columns], False,
    )  # fmt: skip
    barrier()


def drop_panel(record, scratch, panel):
    """The third panel of the scratch = the weights that were applied; dropped slopes become 0."""
    factor, n = number(record, HEADS.factor, scratch[0]), panel[KEYS] * panel[WIDTH]
    p = weights_of(record, scratch, panel)
    drop_slopes(panel_of_scratch(record, scratch, 1), p, factor, n)
    drop(panel_of_scratch(record, scratch, 2), p, factor, n)
    barrier()


def add_products(record, scratch, panel, of_keys):
    """The gradients of keys, or of values, += what a panel's queries have in them."""
    like = cast(0, scratch[0])
    column, p = value_column(record, panel), weights_of(record, scratch, panel)
    if record[HEADS.key] != 0:
        p = panel_of_scratch(record, scratch, 2)
    rows, step = panel[FIRST], record[BACKWARD.dout_step]
    there = dout_of(record, panel, rows, query_column(record, panel), like)
    if of_keys:
        column, p = key_column(record, panel), panel_of_scratch(record, scratch, 1)
        there, step = (
            qkv_of(record, panel, rows, query_column(record, panel), like),
            record[HEADS.qkv_step],
        )
    multiply_all(
        dqkv_of(record, panel, 0, column, like), record[BACKWARD.dqkv_step], 1, p, panel[WIDTH], 1,
        panel[KEYS], there, step, record[HEADS.columns], panel[QUERIES], True,
    )  # fmt: skip


def panel_back(record, frame, scratch, panel):
    """Adds what a panel's queries have in the gradients of keys and values, and writes theirs."""
    like = cast(0, scratch[0])
    slopes_of(record, frame, scratch, panel)
    if record[HEADS.key] != 0:
        drop_panel(record, scratch, panel)
    differentiate_softmax(
        panel_of_scratch(record, scratch, 1), weights_of(record, scratch, panel), panel[WIDTH],
        panel[KEYS],
    )  # fmt: skip
    multiply_all(
        dqkv_of(record, panel, panel[FIRST], query_column(record, panel), like), 1,
        record[BACKWARD.dqkv_step], qkv_of(record, panel, 0, key_column(record, panel), like), 1,
        record[HEADS.qkv_step], record[HEADS.columns], panel_of_scratch(record, scratch, 1),
        panel[WIDTH], panel[QUERIES], panel[KEYS], False,
    )  # fmt: skip
    for part in range(2):
        single()
        add_products(record, scratch, panel, part == 1)


def clear_gradients(record, panel, like):
    """The gradients of a key head's keys and values <- 0, and of a first one's the padding."""
    for part in range(2):
        column = key_column(record, panel)
        if part == 1:
            column = value_column(record, panel)
        clear_rows(
            dqkv_of(record, panel, 0, column, like), record[BACKWARD.dqkv_step], panel[STEPS], 0,
            record[HEADS.columns],
        )  # fmt: skip
    if panel[HEAD] == 0:
        filled = (record[HEADS.heads] + 2 * record[HEADS.key_heads]) * record[HEADS.columns]
        clear_rows(
            dqkv_of(record, panel, 0, 0, like), record[BACKWARD.dqkv_step], panel[STEPS], filled,
            record[BACKWARD.padded],
        )  # fmt: skip


def note_turn(record, panel, lo, unit, turn, like):
    """Notes the panel that has its turn among those of a key head, the first ones of each head
    first; whether there is one.
    """
    key_heads, full = record[HEADS.key_heads], VECTORS * lanes_of(like)
    group, sample = record[HEADS.heads] // key_heads, lo + unit // key_heads
    steps = count_of(record, HEADS.lengths, sample, record[HEADS.steps])
    panels = (steps + full - 1) // full
    if turn >= group * panels:
        return False
    head, first = unit % key_heads * group + turn // panels, turn % panels * full
    note_panel(record, panel, sample, steps, head, first, steps, like)
    return True


@twin(cpu.attend_backward, scratch_of=panels_scratch, units=key_heads_of)
def attend_backward(record, frame, scratch, lo, hi):
    """Samples [lo, hi): dqkv (T, columns) from dout (T, heads size); overwrites."""
    like, panel, unit = cast(0, scratch[0]), shared(7, 0), np.int32(block())
    while unit < (hi - lo) * record[HEADS.key_heads]:
        turn = np.int32(0)
        while note_turn(record, panel, lo, unit, turn, like):
            if turn == 0:
                clear_gradients(record, panel, like)
                barrier()
            panel_back(record, frame, scratch, panel)
            barrier()
            turn = np.int32(turn + 1)
        unit = np.int32(unit + blocks())
