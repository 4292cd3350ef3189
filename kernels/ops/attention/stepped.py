"""Causal attention and positions of series that arrive step by step, with caches.

A step attends to itself and the steps before it, the last `length` ones. The bits are those of
`attend`: scores, their softmax and the sum of values have the same chains.

The cache of keys is turned, a row for each column of the key heads and a column for each step, so
that the scores of a query lie along vectors. Both caches have room for 2 `length` steps and fill
from the front; a full one keeps its last steps, which move to the front. So the steps of a window
always lie in order, and moving them costs a step about as much as copying one.

Rotary positions are those in the window. As long as it begins with the first step they stay, and
a second cache holds turned keys; behind that all keys of the window are turned again at each step.
"""

from fusednn.kernels._jit import kernel
from fusednn.kernels.gemm import multiply_plain
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.score_rows import center_row, normalise_row
from fusednn.kernels.operands import (
    COUNT,
    NUMBER,
    REALS,
    ROWS,
    maybe,
    op,
    operands,
    padded_width_of,
)
from fusednn.kernels.ops.gather import copy_row
from fusednn.kernels.ops.pointwise.elementwise import clear_columns

from .positions import add_row
from .rotate import turn
from .weights import exponentiate

# rows of samples, which begin with the first row of an array; its next one follows at NAME_row
CACHES = operands(
    keys=ROWS,  # (key_heads size, 2 length and some) of each sample
    values=ROWS,  # (2 length, key_heads size)
    place=ROWS,  # steps in the caches, a whole number
    turned=maybe(ROWS),  # (key_heads size, length and some), if positions are rotary
    length=COUNT,
    key_heads=COUNT,
    columns=COUNT,  # of a head
    keys_row=COUNT,
    values_row=COUNT,
    turned_row=COUNT,
)
ATTEND_NEXT = operands(
    CACHES,
    out=ROWS,
    qkv=ROWS,
    zeros=REALS,
    turns=maybe(REALS),  # (length, size): of each step the cosines, then the sines
    steps_turns=maybe(REALS),  # (size, window_row): the same turned
    window_row=COUNT,  # length in whole vectors
    steps=COUNT,  # rows of a sample of qkv and out
    heads=COUNT,
    qkv_row=COUNT,
    out_row=COUNT,
    padded=COUNT,  # columns of out, in whole vectors
    scale=NUMBER,
)
ADD_NEXT = operands(
    out=ROWS,
    place=ROWS,  # of the next step, a whole number
    table=REALS,
    steps=COUNT,  # rows of a sample of out
    length=COUNT,  # rows of the table
    out_row=COUNT,
    padded=padded_width_of("out"),
)


@kernel
def move_window(record, keys, values, end):
    """Moves the last `length` - 1 of `end` steps to the front of both caches, behind one place."""
    length, kept = record[CACHES.length], record[CACHES.key_heads] * record[CACHES.columns]
    first = end - length + 1
    for row in range(kept):
        own = advance(keys, row * record[CACHES.keys_row])
        copy_row(advance(own, 1), advance(own, first), length - 1)
    for step in range(length - 1):
        there = advance(values, (step + 1) * record[CACHES.values_row])
        copy_row(there, advance(values, (first + step) * record[CACHES.values_row]), kept)


@kernel
def append_column(x, row, k, at, n):
    """Column `at` of x (n, row) = k; n elements."""
    for c in range(n):
        x[c * row + at] = k[c]


@kernel
def append_turned(record, turned, k, at):
    """Column `at` of the cache of turned keys = keys k, turned by this step."""
    size, row = record[CACHES.columns], record[CACHES.turned_row]
    half = size // 2
    cosines = advance(slot(record, ATTEND_NEXT.turns, k[0]), at * size)
    sines = advance(cosines, half)
    for head in range(record[CACHES.key_heads]):
        for c in range(half):
            first, second = k[head * size + c], k[head * size + half + c]
            there = (head * size + c) * row + at
            turned[there] = first * cosines[c] - second * sines[c]
            turned[there + half * row] = second * cosines[c] + first * sines[c]


@kernel
def turn_window(record, out, keys, count):
    """out (size, window_row) = a head's keys of a window, each turned by its place; overwrites."""
    half, row = record[CACHES.columns] // 2, record[ATTEND_NEXT.window_row]
    from_row, table = record[CACHES.keys_row], slot(record, ATTEND_NEXT.steps_turns, out[0])
    for c in range(half):
        a, b = advance(out, c * row), advance(out, (half + c) * row)
        copy_row(a, advance(keys, c * from_row), count)
        copy_row(b, advance(keys, (half + c) * from_row), count)
        turn(a, b, advance(table, c * row), advance(table, (half + c) * row), count)


@kernel
def attend_row(record, out, q, keys, keys_row, values, p, count):
    """out (size) = the values of `count` steps, weighted for the query q; overwrites; p too."""
    size, lowest = record[CACHES.columns], cast(-float("inf"), p[0])
    zeros, lanes = slot(record, ATTEND_NEXT.zeros, p[0]), lanes_of(p[0])
    whole = (count + lanes - 1) // lanes * lanes
    multiply_plain(p, 0, q, 0, 1, keys, keys_row, zeros, 0, 1, size, whole, lowest)
    center_row(p, count)
    exponentiate(p, whole)
    normalise_row(p, count)
    multiply_plain(
        out, 0, p, 0, 1, values, record[CACHES.values_row], zeros, 0, 1, count, size, lowest
    )


@kernel
def prepare_queries(record, out, qkv, at):
    """out = the queries of a row, turned by the step at which they are, and scaled; overwrites."""
    size, heads = record[CACHES.columns], record[ATTEND_NEXT.heads]
    half, scale = size // 2, number(record, ATTEND_NEXT.scale, out[0])
    copy_row(out, qkv, heads * size)
    if record[ATTEND_NEXT.turns] != 0:
        cosines = advance(slot(record, ATTEND_NEXT.turns, out[0]), at * size)
        for head in range(heads):
            a = advance(out, head * size)
            turn(a, advance(a, half), cosines, advance(cosines, half), half)
    for c in range(heads * size):
        out[c] = out[c] * scale


@kernel
def append_step(record, keys, values, turned, qkv, end):
    """Writes the keys and values of a row behind `end` steps; returns the steps then."""
    size, length = record[CACHES.columns], record[CACHES.length]
    kept = record[CACHES.key_heads] * size
    if end == 2 * length:
        move_window(record, keys, values, end)
        end = length
    k = advance(qkv, record[ATTEND_NEXT.heads] * size)
    append_column(keys, record[CACHES.keys_row], k, end, kept)
    copy_row(advance(values, end * record[CACHES.values_row]), advance(k, kept), kept)
    if record[ATTEND_NEXT.turns] != 0 and end < length:
        append_turned(record, turned, k, end)
    return end + 1


@kernel
def attend_step(record, out, qkv, keys, values, turned, scratch, end):
    """out (heads size) from a row whose keys and values are the last of `end` steps; overwrites.

    The scratch has the queries, a row of weights, and a head's keys.
    """
    size, length, heads = record[CACHES.columns], record[CACHES.length], record[ATTEND_NEXT.heads]
    key_heads, is_rotary = record[CACHES.key_heads], record[ATTEND_NEXT.steps_turns] != 0
    first, keys_row = max(end - length, 0), record[CACHES.keys_row]
    count, lanes = end - first, lanes_of(scratch[0])
    p = advance(scratch, (heads * size + lanes - 1) // lanes * lanes)
    window = advance(p, record[ATTEND_NEXT.window_row])
    prepare_queries(record, scratch, qkv, count - 1)
    group = heads // key_heads
    for key_head in range(key_heads):
        k, row = advance(keys, key_head * size * keys_row + first), keys_row
        if is_rotary and first > 0:
            turn_window(record, window, k, count)
            k, row = window, record[ATTEND_NEXT.window_row]
        elif is_rotary:
            row = record[CACHES.turned_row]
            k = advance(turned, key_head * size * row)
        v = advance(values, first * record[CACHES.values_row] + key_head * size)
        for head in range(key_head * group, (key_head + 1) * group):
            attend_row(
                record, advance(out, head * size), advance(scratch, head * size), k, row, v, p,
                count,
            )  # fmt: skip


@op(ATTEND_NEXT)
def attend_next(record, frame, scratch, lo, hi):
    """Samples [lo, hi): out (steps, heads size) from the next rows qkv (steps, columns).

    It overwrites out; the caches and place are changed in place.
    """
    like = scratch[0]
    for sample in range(lo, hi):
        keys = advance(slot(record, CACHES.keys, like), sample * record[CACHES.keys_stride])
        values = advance(slot(record, CACHES.values, like), sample * record[CACHES.values_stride])
        place = advance(slot(record, CACHES.place, like), sample * record[CACHES.place_stride])
        turned = keys
        if record[CACHES.turned] != 0:
            at = sample * record[CACHES.turned_stride]
            turned = advance(slot(record, CACHES.turned, like), at)
        qkv = advance(slot(record, ATTEND_NEXT.qkv, like), sample * record[ATTEND_NEXT.qkv_stride])
        out = advance(slot(record, ATTEND_NEXT.out, like), sample * record[ATTEND_NEXT.out_stride])
        end = int(place[0])
        for _ in range(record[ATTEND_NEXT.steps]):
            end = append_step(record, keys, values, turned, qkv, end)
            attend_step(record, out, qkv, keys, values, turned, scratch, end)
            filled = record[ATTEND_NEXT.heads] * record[CACHES.columns]
            clear_columns(out, filled, record[ATTEND_NEXT.padded])
            qkv = advance(qkv, record[ATTEND_NEXT.qkv_row])
            out = advance(out, record[ATTEND_NEXT.out_row])
        place[0] = cast(end, like)
    return 0


@op(ADD_NEXT)
def add_next_positions(record, frame, scratch, lo, hi):
    """Samples [lo, hi): the next rows out (steps, O) += the table's, whose last one serves for all
    behind it; place moves on."""
    padded, table = record[ADD_NEXT.padded], slot(record, ADD_NEXT.table, scratch[0])
    for sample in range(lo, hi):
        out = advance(slot(record, ADD_NEXT.out, scratch[0]), sample * record[ADD_NEXT.out_stride])
        place = slot(record, ADD_NEXT.place, scratch[0])
        place = advance(place, sample * record[ADD_NEXT.place_stride])
        at = int(place[0])
        for step in range(record[ADD_NEXT.steps]):
            row = min(at + step, record[ADD_NEXT.length] - 1)
            add_row(
                advance(out, step * record[ADD_NEXT.out_row]), advance(table, row * padded), padded
            )
        place[0] = cast(min(at + record[ADD_NEXT.steps], record[ADD_NEXT.length]), place[0])
    return 0
