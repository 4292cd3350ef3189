"""An embedding of tokens: each element of a sample is a code that becomes a learned vector.

    out_t = table[x_t]
    table <- step(table, sum of dout_t over the samples and steps that have the row's code)

The table and its update are those of `embedding.py`: a counting sort puts the steps of a batch in
the order of their codes, so the cost is that of the steps and of the table, not their product.
Samples are read where they lie, in the network's type or as integers of any width.
"""

import numpy as np
from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.operands import (
    ANY_ROWS,
    COUNT,
    INT32,
    INT64,
    REALS,
    ROWS,
    maybe,
    op,
    operands,
    padded_width_of,
    width_of,
)
from fusednn.kernels.ops.frames import sample_of
from fusednn.kernels.ops.gather import copy_row
from fusednn.kernels.ops.lengths import count_of
from fusednn.kernels.ops.pointwise.elementwise import clear_columns

from .embedding import code_of

INTEGERS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")
"""The types of integers that tokens may have; `kind` is 0 for the network's type, else one more
than the place here."""

TOKENS = operands(
    data=ANY_ROWS,
    kind=COUNT,
    order=maybe(INT64),
    steps=COUNT,  # elements of a sample
    count=COUNT,  # of codes; larger ones are the last
)
LOOK_UP = operands(
    TOKENS,
    out=ROWS,  # a row for each sample: the stride leads from sample to sample
    out_row=COUNT,  # elements from one step of out to the next
    table=REALS,
    table_row=COUNT,
    lengths=maybe(INT64),
    width=width_of("out"),
    padded=padded_width_of("out"),
)
COUNTED = operands(TOKENS, counts=INT64, padding=COUNT)
"""`counts` by row of the buffers."""
SORT = operands(TOKENS, starts=INT64, entry_rows=INT32, left_out=COUNT)
"""`starts` has count + 1 elements; no step of the code `left_out` is listed."""


@kernel
def integer_at(record, data, kind, at):
    """Element `at` of the integers of a kind whose address is in slot `data`, as int64."""
    if kind == 1:
        return np.int64(slot(record, data, np.uint8(0))[at])
    if kind == 2:
        return np.int64(slot(record, data, np.int8(0))[at])
    if kind == 3:
        return np.int64(slot(record, data, np.uint16(0))[at])
    if kind == 4:
        return np.int64(slot(record, data, np.int16(0))[at])
    if kind == 5:
        return np.int64(slot(record, data, np.uint32(0))[at])
    if kind == 6:
        return np.int64(slot(record, data, np.int32(0))[at])
    if kind == 7:
        return np.int64(slot(record, data, np.uint64(0))[at])
    return slot(record, data, np.int64(0))[at]


@kernel
def token_at(record, at, real):
    """The code of element `at` of the data, within the table; `real` has the network's type."""
    count = record[TOKENS.count]
    if record[TOKENS.kind] == 0:
        return code_of(slot(record, TOKENS.data, real)[at], count)
    value = integer_at(record, TOKENS.data, record[TOKENS.kind], at)
    return min(max(value, 0), count - 1)


@op(LOOK_UP)
def embed_tokens(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of OUT (B, T, WIDTH) = the table's vectors of their T codes; overwrites.

    With LENGTHS (B,) alone of the first ones of each.
    """
    out, table = slot(record, LOOK_UP.out, scratch[0]), slot(record, LOOK_UP.table, scratch[0])
    width, until = record[LOOK_UP.width], record[LOOK_UP.padded]
    for row in range(lo, hi):
        first = sample_of(record, frame, row, TOKENS.order) * record[TOKENS.data_stride]
        here = advance(out, row * record[LOOK_UP.out_stride])
        for t in range(count_of(record, LOOK_UP.lengths, row, record[TOKENS.steps])):
            code = token_at(record, first + t, scratch[0])
            copy_row(here, advance(table, code * record[LOOK_UP.table_row]), width)
            clear_columns(here, width, until)
            here = advance(here, record[LOOK_UP.out_row])
    return 0


@op(COUNTED)
def count_tokens(record, frame, scratch, lo, hi):
    """counts (B,) of rows [lo, hi): the steps up to the last that is no padding, at least 1."""
    counts, padding = slot(record, COUNTED.counts, lo), record[COUNTED.padding]
    for row in range(lo, hi):
        first = sample_of(record, frame, row, TOKENS.order) * record[TOKENS.data_stride]
        last = record[TOKENS.steps]
        while last > 1 and token_at(record, first + last - 1, scratch[0]) == padding:
            last -= 1
        counts[row] = last
    return 0


@op(SORT)
def sort_tokens(record, frame, scratch, lo, hi):
    """The batch's steps by code: starts (count + 1) and entry_rows (B T); overwrites.

    A counting sort over the steps in order, so each code's steps ascend (Seward, 1954). Steps are
    numbered through the batch, T for each sample.
    """
    count, steps, left_out = record[TOKENS.count], record[TOKENS.steps], record[SORT.left_out]
    starts, rows = slot(record, SORT.starts, lo), slot(record, SORT.entry_rows, np.int32(0))
    for k in range(count + 1):
        starts[k] = 0
    for row in range(frame[records.SAMPLES]):
        first = sample_of(record, frame, row, TOKENS.order) * record[TOKENS.data_stride]
        for t in range(steps):
            k = token_at(record, first + t, scratch[0])
            starts[k + 1] += k != left_out
    for k in range(count):
        starts[k + 1] += starts[k]
    for row in range(frame[records.SAMPLES]):
        first = sample_of(record, frame, row, TOKENS.order) * record[TOKENS.data_stride]
        for t in range(steps):
            k = token_at(record, first + t, scratch[0])
            if k != left_out:
                rows[starts[k]] = row * steps + t
                starts[k] += 1
    for k in range(count, 0, -1):
        starts[k] = starts[k - 1]
    starts[0] = 0
    return 0
