"""A first layer that looks learned vectors up: columns of codes become vectors, others stay.

    out = [plain columns of the data, t_1[code_1], t_2[code_2], ...]
    t  <- step(t, sum of dout over the samples that have the row's code)

Guo and Berkhahn, "Entity embeddings of categorical variables", arXiv:1604.06737, 2016. A table
t (COUNT, size) lies by rows, padded with zeros to whole vectors and adjacent. It is a dense layer
on columns of zeros and ones: a vector is copied, and its gradient is one sum in ascending order of
the batch's rows, which a counting sort of the codes provides; so it does not depend on threads.
Rows whose code the batch lacks take their step with a gradient of zero.
"""

import numpy as np
from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast

from . import dense
from .frames import sample_of
from .gather import copy_row

ROWS_PER_TASK = 64
"""Rows of a table that a task updates, from a multiple of it on; their gradient is in the scratch,
64 times the padded size."""

# operands of embed_rows and sort_codes: the data and the order of its samples
DATA = 1
DATA_STRIDE = 2
ORDER = 3
HAS_ORDER = 4
# embed_rows
OUT = 5
OUT_STRIDE = 6
PLAIN = 7  # address of the numbers, int64, of the columns that are copied
N_PLAIN = 8
N_TABLES = 9
TABLES = 10  # address of int64 rows, TABLE_WIDTH per table
# sort_codes
COLUMN = 5
COUNT = 6
# and where update_table reads what it writes
STARTS = 15  # int64, COUNT + 1
ENTRY_ROWS = 16  # int32

# a table of embed_rows
FIRST = 0  # address of its first element
FROM = 1  # column of the data
ROWS = 2  # codes
SIZE = 3  # elements of a vector
STRIDE = 4  # elements from a row to the next
TO = 5  # first column of OUT
TABLE_WIDTH = 6

# operands of update_table and apply_table: dense.STEP to STATE_2, SQUARES_OUT, STATE_3, FACTORS,
# ABSOLUTES_OUT, ADJUST, and COLUMNS, the padded size; of apply_table dense.GRADIENT_X; of
# update_table dense.GRADIENT_DZ and GRADIENT_DZ_STRIDE, the gradient by all of OUT, STARTS,
# ENTRY_ROWS and
VECTOR_SIZE = 17
VECTOR_COLUMN = 20  # the first of the table's in OUT


@kernel
def code_of(value, count):
    """The whole number nearest to `value` (halves up) among those in [0, count); 0 for NaN.

    Bounds come before the conversion, whose result is undefined out of range.
    """
    code, last = cast(value, 0.0) + 0.5, cast(count - 1, 0.0)
    code = code if code > 0.0 else 0.0
    return np.int64(code if code < last else last)


@kernel
def embed_rows(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of OUT (B, N_PLAIN + sizes) = the samples' plain columns, then each table's
    vector of the sample's code; overwrites, but for padding (Guo and Berkhahn, 2016).
    """
    data, out = slot(record, DATA, scratch[0]), slot(record, OUT, scratch[0])
    plain, tables = slot(record, PLAIN, lo), slot(record, TABLES, lo)
    for row in range(lo, hi):
        x = advance(data, sample_of(record, frame, row, ORDER) * record[DATA_STRIDE])
        here = advance(out, row * record[OUT_STRIDE])
        for c in range(record[N_PLAIN]):
            here[c] = x[plain[c]]
        for t in range(record[N_TABLES]):
            table = advance(tables, t * TABLE_WIDTH)
            code = code_of(x[table[FROM]], table[ROWS])
            vector = advance(slot(table, FIRST, scratch[0]), code * table[STRIDE])
            copy_row(advance(here, table[TO]), vector, table[SIZE])
    return 0


@kernel
def sort_codes(record, frame, scratch, lo, hi):
    """The batch's rows by code in COLUMN: STARTS (COUNT + 1) and ENTRY_ROWS (B); overwrites.

    A counting sort over the rows in order, so each code's rows ascend (Seward, 1954).
    """
    data, count = slot(record, DATA, scratch[0]), record[COUNT]
    data, stride = advance(data, record[COLUMN]), record[DATA_STRIDE]
    starts, rows = slot(record, STARTS, lo), slot(record, ENTRY_ROWS, np.int32(0))
    for k in range(count + 1):
        starts[k] = 0
    for row in range(frame[records.ROWS]):
        sample = sample_of(record, frame, row, ORDER)
        starts[code_of(data[sample * stride], count) + 1] += 1
    for k in range(count):
        starts[k + 1] += starts[k]
    for row in range(frame[records.ROWS]):
        sample = sample_of(record, frame, row, ORDER)
        k = code_of(data[sample * stride], count)
        rows[starts[k]] = row
        starts[k] += 1
    for k in range(count, 0, -1):
        starts[k] = starts[k - 1]
    starts[0] = 0
    return 0


@kernel
def step_rows(record, frame, g, lo, hi):
    """One optimizer step on rows [lo, hi) of a table whose gradient is g (hi - lo, COLUMNS)."""
    at, n = lo * record[dense.COLUMNS], (hi - lo) * record[dense.COLUMNS]
    w = advance(slot(record, dense.PARAMETERS, g[0]), at)
    dense.note_weights(record, w, n, lo // ROWS_PER_TASK)
    s1 = advance(slot(record, dense.STATE_1, g[0]), at)
    s2 = advance(slot(record, dense.STATE_2, g[0]), at)
    s3 = advance(slot(record, dense.STATE_3, g[0]), at)
    return dense.step_weights(record, frame, w, g, s1, s2, s3, n, n, lo // ROWS_PER_TASK)


@kernel
def update_table(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of a table, at most ROWS_PER_TASK: the sum of dout over the samples of each
    row's code, then one step, in place; the scratch is overwritten (Guo and Berkhahn, 2016).
    """
    stride, size = record[dense.COLUMNS], record[VECTOR_SIZE]
    dz = advance(slot(record, dense.GRADIENT_DZ, scratch[0]), record[VECTOR_COLUMN])
    dz_stride, zero = record[dense.GRADIENT_DZ_STRIDE], cast(0, scratch[0])
    starts, rows = slot(record, STARTS, lo), slot(record, ENTRY_ROWS, np.int32(0))
    for q in range((hi - lo) * stride):
        scratch[q] = zero
    for k in range(lo, hi):
        g = advance(scratch, (k - lo) * stride)
        for at in range(starts[k], starts[k + 1]):
            line = advance(dz, np.int64(rows[at]) * dz_stride)
            for c in range(size):
                g[c] = g[c] + line[c]
    return step_rows(record, frame, scratch, lo, hi)


@kernel
def apply_table(record, frame, scratch, lo, hi):
    """update_table with a gradient that *store* left in memory."""
    g = advance(slot(record, dense.GRADIENT_X, scratch[0]), lo * record[dense.COLUMNS])
    return step_rows(record, frame, g, lo, hi)
