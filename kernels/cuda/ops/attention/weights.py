"""The weights of attention: a block of threads has the panel of some queries of a head.

As `kernels/ops/attention/weights.py`, whose panels and chains these are: the softmax takes the
columns of a panel in turn, a thread for each of the chains that a column's sum has.
"""

import numpy as np
from fusednn.kernels import records
from fusednn.kernels.cuda.language import barrier, local, shared, thread, threads
from fusednn.kernels.cuda.ops.pointwise.noise import words_of
from fusednn.kernels.cuda.sums.columns import fold_chains
from fusednn.kernels.cuda.tiles.product import SMALL_COLUMNS, multiply_small, small_rows
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast, fma
from fusednn.kernels.intrinsics.shapes import SHAPE
from fusednn.kernels.maths import exp
from fusednn.kernels.ops.attention.weights import HEADS, block_width, kept_panel, keys_of
from fusednn.kernels.ops.frames import step_settings

PANEL = SHAPE.panel(4)
"""Columns of a panel, at most: those of float32."""

MOST_CHAINS = 512
"""Chains of a panel, at most: its columns times the lanes of a vector."""


def multiply_all(out, out_row, out_column, a, a_row, a_depth, m, b, b_row, n, depth, adds):
    """out (m, n) = a (m, depth) b (depth, n), or += it where `adds`, by all threads of a block.

    `out` and `a` have any two strides, and b is a matrix by rows.
    """
    m, n, depth, zero = np.int32(m), np.int32(n), np.int32(depth), cast(0, out[0])
    for i in range(0, m, small_rows()):
        for j in range(0, n, SMALL_COLUMNS):
            row, column = np.int32(i + thread() // 8 * 2), np.int32(j + thread() % 8 * 4)
            acc = local(8, out[0])
            for r in range(2):
                for q in range(4):
                    start = zero
                    if adds and row + r < m and column + q < n:
                        start = out[(row + r) * out_row + (column + q) * out_column]
                    acc[r * 4 + q] = start
            multiply_small(acc, a, a_row, a_depth, m, b, b_row, False, n, i, j, depth)
            for r in range(2):
                for q in range(4):
                    if row + r < m and column + q < n:
                        out[(row + r) * out_row + (column + q) * out_column] = acc[r * 4 + q]


def turn_rows(out, width, x, stride, rows, columns, scale):
    """out (columns, width) = scale x (rows, columns)^T, with zeros beyond `rows`; overwrites."""
    zero = cast(0, scale)
    for i in range(thread(), width * columns, threads()):
        row, c = i // columns, i % columns
        out[c * width + row] = x[row * stride + c] * scale if row < rows else zero


def soften(p, width, keys, seen):
    """p (keys, width) <- softmax over the keys, where column q sees those up to seen + q; the
    others become 0; in place.
    """
    most, sums = shared(512, p[0]), shared(512, p[0])  # MOST_CHAINS
    chains = width * lanes_of(p[0])
    zero, one, lanes = cast(0, p[0]), cast(1, p[0]), lanes_of(p[0])
    for i in range(thread(), chains, threads()):
        q, largest = i % width, cast(-float("inf"), p[0])
        for k in range(i // width, min(keys, seen + q + 1), lanes):
            x = p[k * width + q]
            largest = x if x > largest else largest
        most[i] = largest
    barrier()
    fold_chains(most, width, lanes, True)
    for i in range(thread(), chains, threads()):
        q, total = i % width, zero
        for k in range(i // width, keys, lanes):
            x = zero
            if k <= seen + q:
                x = exp(p[k * width + q] - most[q])
            p[k * width + q] = x
            total = total + x
        sums[i] = total
    barrier()
    fold_chains(sums, width, lanes, False)
    for i in range(thread(), chains, threads()):
        q = i % width
        factor = one / sums[q]
        for k in range(i // width, keys, lanes):
            p[k * width + q] = p[k * width + q] * factor
    barrier()


def differentiate_softmax(d, p, width, keys):
    """d (keys, width) <- |p| (d - the sum of |p| d over the keys), in place."""
    sums, chains = shared(512, d[0]), width * lanes_of(d[0])
    for i in range(thread(), chains, threads()):
        q, total = i % width, cast(0, d[0])
        for k in range(i // width, keys, lanes_of(d[0])):
            total = fma(abs(p[k * width + q]), d[k * width + q], total)
        sums[i] = total
    barrier()
    fold_chains(sums, width, lanes_of(d[0]), False)
    for i in range(thread(), chains, threads()):
        q = i % width
        for k in range(i // width, keys, lanes_of(d[0])):
            d[k * width + q] = abs(p[k * width + q]) * (d[k * width + q] - sums[q])
    barrier()


def mark_dropped(record, frame, p, sample, steps, head, first, width):
    """Negates the weights p (keys, width) of queries from `first` on that dropout drops."""
    keys, queries = keys_of(record, steps, first, width), min(width, steps - first)
    key, step = slot(record, HEADS.key, keys), np.uint64(step_settings(frame)[records.STREAM])
    layer, dropped = np.uint64(record[HEADS.layer]), np.uint64(record[HEADS.dropped])
    own = np.uint64((frame[records.SHIFT] + sample) * record[HEADS.heads] + head)
    quarter = (steps + 3) // 4
    for i in range(thread(), min(quarter, keys) * width, threads()):
        q, at = i % width, i // width
        if q < queries:
            row = np.uint64(first + q)
            w0, w1, w2, w3 = words_of(record, key, layer, step, own, row, quarter, at)
            for part in range(4):
                w = w0 if part == 0 else (w1 if part == 1 else (w2 if part == 2 else w3))
                k = part * quarter + at
                if k < keys and w < dropped:
                    p[k * width + q] = -p[k * width + q]
    barrier()


def drop(out, p, factor, n):
    """out = p factor, or 0 where p is marked; n elements; overwrites."""
    zero = cast(0, factor)
    for i in range(thread(), n, threads()):
        out[i] = zero if p[i] < zero else p[i] * factor


def drop_slopes(d, p, factor, n):
    """d <- d factor, or 0 where p is marked; n elements."""
    zero = cast(0, factor)
    for i in range(thread(), n, threads()):
        d[i] = zero if p[i] < zero else d[i] * factor


SAMPLE, STEPS, HEAD, FIRST, WIDTH, KEYS, QUERIES = range(7)
"""What the threads of a block note of their panel: the sample and its steps, the head, the first
query, the columns, the keys, and the queries that there are.

Each part of the work reads there what it needs: values that are held take registers.
"""


def note_panel(record, panel, sample, steps, head, first, last, like):
    """Notes the panel that begins with the queries [first, last)."""
    if thread() == 0:
        width = block_width(last, first, like)
        panel[SAMPLE], panel[STEPS], panel[HEAD], panel[FIRST] = sample, steps, head, first
        panel[WIDTH], panel[QUERIES] = width, min(width, last - first)
        panel[KEYS] = keys_of(record, steps, first, width)
    barrier()


def qkv_of(record, panel, step, column, like):
    """Where a column of a step of the sample's queries, keys and values is."""
    at = panel[SAMPLE] * record[HEADS.qkv_stride] + step * record[HEADS.qkv_step] + column
    return advance(slot(record, HEADS.qkv, like), at)


def query_column(record, panel):
    """The first column of the queries of the head, and of its output."""
    return panel[HEAD] * record[HEADS.columns]


def key_column(record, panel):
    """The first column of its keys."""
    heads = record[HEADS.heads]
    return (heads + panel[HEAD] // (heads // record[HEADS.key_heads])) * record[HEADS.columns]


def value_column(record, panel):
    """The first column of its values."""
    return key_column(record, panel) + record[HEADS.key_heads] * record[HEADS.columns]


def panels_scratch(record):
    """Elements of scratch of a block: turned rows (size, width), three panels (steps, width)."""
    return PANEL * (record[HEADS.columns] + 3 * record[HEADS.steps])


def panel_of_scratch(record, scratch, number):
    """A panel (steps, width) of those behind the turned rows."""
    at = record[HEADS.columns] + number * record[HEADS.steps]
    return advance(scratch, at * PANEL)


def weights_of(record, scratch, panel):
    """The panel of weights: one that is kept, or the first of the scratch."""
    if record[HEADS.weights] != 0:
        like = cast(0, scratch[0])
        return kept_panel(record, like, panel[SAMPLE], panel[HEAD], panel[FIRST])
    return panel_of_scratch(record, scratch, 0)


def weigh(record, frame, scratch, panel):
    """The weights (keys, width) of a panel of queries, dropped ones marked.

    Overwrites; the turned rows of the scratch too.
    """
    like = cast(0, scratch[0])
    turn_rows(
        scratch, panel[WIDTH],
        qkv_of(record, panel, panel[FIRST], query_column(record, panel), like),
        record[HEADS.qkv_step], panel[QUERIES], record[HEADS.columns],
        number(record, HEADS.scale, like),
    )  # fmt: skip
    barrier()
    multiply_all(
        weights_of(record, scratch, panel), panel[WIDTH], 1,
        qkv_of(record, panel, 0, key_column(record, panel), like), record[HEADS.qkv_step], 1,
        panel[KEYS], scratch, panel[WIDTH], panel[WIDTH],
        record[HEADS.columns], False,
    )  # fmt: skip
    barrier()
    seen = panel[FIRST] if record[HEADS.causal] != 0 else panel[KEYS]
    soften(weights_of(record, scratch, panel), panel[WIDTH], panel[KEYS], seen)
    if record[HEADS.key] != 0:
        mark_dropped(
            record, frame, weights_of(record, scratch, panel), panel[SAMPLE], panel[STEPS],
            panel[HEAD], panel[FIRST], panel[WIDTH],
        )  # fmt: skip
