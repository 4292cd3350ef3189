"""An embedding as first layer: columns of codes become learned vectors, others are copied.

    out = [plain columns of the data, t_1[code_1], t_2[code_2], ...]
    t  <- step(t, sum of dout over the samples that have the row's code)

Guo and Berkhahn, "Entity embeddings of categorical variables", arXiv:1604.06737, 2016. A table
t (count, size) is stored by adjacent rows, each padded with zeros to whole vectors. It equals a
dense layer on one-hot columns. The gradient of a vector is one sum over the batch's rows in
ascending order, which a counting sort of the codes provides, so it does not depend on threads.
Vectors whose code is not in the batch take a step with a gradient of zero.
"""

import numpy as np
from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.operands import (
    COUNT,
    INT32,
    INT64,
    REALS,
    maybe,
    op,
    operands,
    padded_width_of,
    width_of,
)
from fusednn.kernels.operands import ROWS as BLOCK_ROWS
from fusednn.kernels.ops.frames import sample_of
from fusednn.kernels.ops.gather import copy_row
from fusednn.kernels.ops.pointwise.elementwise import clear_columns
from fusednn.kernels.ops.updates.update import UPDATE, note_weights, step_weights

ROWS_PER_TASK = 64
"""Most rows of a table that one task updates; lo is a multiple of it. The scratch holds their
gradient, 64 padded rows."""

LOOKUP = operands(data=BLOCK_ROWS, order=maybe(INT64))
"""The data and the order of its samples."""

EMBED = operands(
    LOOKUP,
    out=BLOCK_ROWS,
    tables=INT64,  # TABLE_WIDTH words for each
    n_tables=COUNT,
    plain=INT64,  # the columns of the data that are copied
    n_plain=COUNT,
    width=width_of("out"),
    padded=padded_width_of("out"),
)
BACKWARD = operands(
    dx=BLOCK_ROWS,
    dout=BLOCK_ROWS,
    plain=INT64,
    n_plain=COUNT,
    padded=padded_width_of("dx"),
)
SORT = operands(LOOKUP, starts=INT64, entry_rows=INT32, column=COUNT, count=COUNT)
"""`starts` has count + 1 elements."""

TABLE = operands(UPDATE, columns=COUNT)
"""`columns` is the padded size of a vector."""

UPDATE_TABLE = operands(
    TABLE,
    dz=BLOCK_ROWS,  # the gradient by all of out
    starts=INT64,
    entry_rows=INT32,
    vector_size=COUNT,
    vector_column=COUNT,  # the table's first column of out
)
STORED_TABLE = operands(TABLE, gradient=REALS)

# the words of a table of embed_rows
FIRST = 0  # address of its first element
FROM = 1  # column of the data
CATEGORIES = 2
SIZE = 3  # elements of a vector
STRIDE = 4  # elements from a row to the next
TO = 5  # first column of out
TABLE_WIDTH = 6


@kernel
def code_of(value, count):
    """The whole number nearest to `value` (halves up) among those in [0, count); 0 for NaN.

    The bounds apply before the conversion, whose result is undefined out of range.
    """
    code, last = cast(value, 0.0) + 0.5, cast(count - 1, 0.0)
    code = code if code > 0.0 else 0.0
    return np.int64(code if code < last else last)


@op(EMBED)
def embed_rows(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, n_plain + sizes) = the samples' plain columns, then each table's
    vector of the sample's code; overwrites (Guo and Berkhahn, 2016).
    """
    data, out = slot(record, EMBED.data, scratch[0]), slot(record, EMBED.out, scratch[0])
    plain, tables = slot(record, EMBED.plain, lo), slot(record, EMBED.tables, lo)
    for row in range(lo, hi):
        x = advance(data, sample_of(record, frame, row, EMBED.order) * record[EMBED.data_stride])
        here = advance(out, row * record[EMBED.out_stride])
        for c in range(record[EMBED.n_plain]):
            here[c] = x[plain[c]]
        for t in range(record[EMBED.n_tables]):
            table = advance(tables, t * TABLE_WIDTH)
            code = code_of(x[table[FROM]], table[CATEGORIES])
            vector = advance(slot(table, FIRST, scratch[0]), code * table[STRIDE])
            copy_row(advance(here, table[TO]), vector, table[SIZE])
        clear_columns(here, record[EMBED.width], record[EMBED.padded])
    return 0


@op(BACKWARD)
def embed_backward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of dx (B, I) = dout in plain columns, and 0 in those of codes; overwrites."""
    dx, dout = slot(record, BACKWARD.dx, scratch[0]), slot(record, BACKWARD.dout, scratch[0])
    plain, n_plain = slot(record, BACKWARD.plain, lo), record[BACKWARD.n_plain]
    for row in range(lo, hi):
        here = advance(dx, row * record[BACKWARD.dx_stride])
        there = advance(dout, row * record[BACKWARD.dout_stride])
        clear_columns(here, 0, record[BACKWARD.padded])
        for c in range(n_plain):
            here[plain[c]] = there[c]
    return 0


@op(SORT)
def sort_codes(record, frame, scratch, lo, hi):
    """The batch's rows by code in column: starts (count + 1) and entry_rows (B); overwrites.

    A counting sort over the rows in order, so each code's rows ascend (Seward, 1954).
    """
    data, count = slot(record, SORT.data, scratch[0]), record[SORT.count]
    data, stride = advance(data, record[SORT.column]), record[SORT.data_stride]
    starts, rows = slot(record, SORT.starts, lo), slot(record, SORT.entry_rows, np.int32(0))
    for k in range(count + 1):
        starts[k] = 0
    for row in range(frame[records.SAMPLES]):
        sample = sample_of(record, frame, row, SORT.order)
        starts[code_of(data[sample * stride], count) + 1] += 1
    for k in range(count):
        starts[k + 1] += starts[k]
    for row in range(frame[records.SAMPLES]):
        sample = sample_of(record, frame, row, SORT.order)
        k = code_of(data[sample * stride], count)
        rows[starts[k]] = row
        starts[k] += 1
    for k in range(count, 0, -1):
        starts[k] = starts[k - 1]
    starts[0] = 0
    return 0


@kernel
def step_rows(record, frame, g, lo, hi):
    """One optimizer step on rows [lo, hi) of a table whose gradient is g (hi - lo, columns)."""
    at, n = lo * record[TABLE.columns], (hi - lo) * record[TABLE.columns]
    w = advance(slot(record, UPDATE.parameters, g[0]), at)
    note_weights(record, w, n, lo // ROWS_PER_TASK)
    s1 = advance(slot(record, UPDATE.state_1, g[0]), at)
    s2 = advance(slot(record, UPDATE.state_2, g[0]), at)
    s3 = advance(slot(record, UPDATE.state_3, g[0]), at)
    return step_weights(record, frame, w, g, s1, s2, s3, n, n, lo // ROWS_PER_TASK)


@op(UPDATE_TABLE)
def update_table(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of a table, at most ROWS_PER_TASK: the sum of dz over the samples of each
    row's code, then one step, in place; the scratch is overwritten (Guo and Berkhahn, 2016).
    """
    stride, size = record[TABLE.columns], record[UPDATE_TABLE.vector_size]
    dz = advance(slot(record, UPDATE_TABLE.dz, scratch[0]), record[UPDATE_TABLE.vector_column])
    dz_stride, zero = record[UPDATE_TABLE.dz_stride], cast(0, scratch[0])
    starts = slot(record, UPDATE_TABLE.starts, lo)
    rows = slot(record, UPDATE_TABLE.entry_rows, np.int32(0))
    for q in range((hi - lo) * stride):
        scratch[q] = zero
    for k in range(lo, hi):
        g = advance(scratch, (k - lo) * stride)
        for at in range(starts[k], starts[k + 1]):
            line = advance(dz, np.int64(rows[at]) * dz_stride)
            for c in range(size):
                g[c] = g[c] + line[c]
    return step_rows(record, frame, scratch, lo, hi)


@op(STORED_TABLE)
def apply_table(record, frame, scratch, lo, hi):
    """update_table with a gradient that *store* has written."""
    g = advance(slot(record, STORED_TABLE.gradient, scratch[0]), lo * record[TABLE.columns])
    return step_rows(record, frame, g, lo, hi)
