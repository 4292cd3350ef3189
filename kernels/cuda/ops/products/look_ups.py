"""Vectors of tokens: a step of a sample is the work of a group of threads."""

import numpy as np
from fusednn.kernels.cuda.spreading import (
    GROUP,
    clear_columns,
    first_column,
    first_row,
    groups,
)
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast, from_bits
from fusednn.kernels.intrinsics.tiles import VECTORS
from fusednn.kernels.ops.frames import sample_of
from fusednn.kernels.ops.lengths import count_of
from fusednn.kernels.ops.products import tied, tokens
from fusednn.kernels.ops.products.tied import panel_of
from fusednn.kernels.ops.products.tokens import TOKENS, token_at
from fusednn.kernels.ops.updates.update import panel_width

TABLE, COLUMN = tokens.LOOK_UP, tied.LOOK_UP


def steps_of(record):
    """The steps of a sample."""
    return record[TOKENS.steps]


def code_of_step(record, frame, sample, t, like):
    """The code of a step of a sample of the batch."""
    first = sample_of(record, frame, sample, TOKENS.order) * record[TOKENS.data_stride]
    return token_at(record, first + t, like)


@twin(tokens.embed_tokens, units=steps_of)
def embed_tokens(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of OUT (B, T, WIDTH) = the table's vectors of their T codes; overwrites.

    With LENGTHS (B,) alone of the first ones of each.
    """
    steps, like = record[TOKENS.steps], cast(0, scratch[0])
    for at in range(first_row(lo * steps), hi * steps, groups()):
        sample, t = at // steps, at % steps
        if t < count_of(record, TABLE.lengths, sample, steps):
            code = code_of_step(record, frame, sample, t, like)
            there = advance(slot(record, TABLE.table, like), code * record[TABLE.table_row])
            here = advance(slot(record, TABLE.out, like), sample * record[TABLE.out_stride])
            here = advance(here, t * record[TABLE.out_row])
            for c in range(first_column(), record[TABLE.width], GROUP):
                here[c] = there[c]
            clear_columns(here, record[TABLE.width], record[TABLE.padded])


def element_of_column(record, k, i, like):
    """Row i of column k of w (WIDTH, columns)."""
    columns = record[COLUMN.columns]
    width, j = record[COLUMN.width], panel_of(columns, k, like)
    return slot(record, COLUMN.w, like)[j * width + k - j + i * panel_width(columns, j, like)]


def element_of_half_column(record, k, i, like):
    """The same in words of two columns in bfloat16."""
    lanes, width = lanes_of(like), record[COLUMN.width]
    panel = k // (VECTORS * lanes)
    word = slot(record, COLUMN.w, np.int32(0))[(panel * width + i) * lanes + k % lanes]
    bits = word & -65536 if k - panel * VECTORS * lanes >= lanes else word << 16
    return cast(from_bits(cast(bits, word)), like)


def element_of_integer_column(record, k, i, like):
    """The same in integers, four rows in a word, times the column's factor."""
    columns = record[COLUMN.columns]
    j, words = panel_of(columns, k, like), (record[COLUMN.width] + 3) // 4
    at = 4 * (j * words + k - j) + i // 4 * 4 * panel_width(columns, j, like) + i % 4
    factor = slot(record, COLUMN.factors, like)[k]
    return cast(slot(record, COLUMN.w, np.int8(0))[at], factor) * factor


@twin(tied.embed_columns, units=steps_of)
def embed_columns(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of OUT (B, T, WIDTH) = the columns of w (WIDTH, COLUMNS) that their T codes
    name; overwrites. With LENGTHS (B,) alone of the first ones of each.
    """
    steps, like = record[TOKENS.steps], cast(0, scratch[0])
    for at in range(first_row(lo * steps), hi * steps, groups()):
        sample, t = at // steps, at % steps
        if t < count_of(record, COLUMN.lengths, sample, steps):
            k = code_of_step(record, frame, sample, t, like)
            here = advance(slot(record, COLUMN.out, like), sample * record[COLUMN.out_stride])
            here = advance(here, t * record[COLUMN.out_row])
            for i in range(first_column(), record[COLUMN.width], GROUP):
                if record[COLUMN.is_half] != 0:
                    here[i] = element_of_half_column(record, k, i, like)
                elif record[COLUMN.factors] != 0:
                    here[i] = element_of_integer_column(record, k, i, like)
                else:
                    here[i] = element_of_column(record, k, i, like)
            clear_columns(here, record[COLUMN.width], record[COLUMN.padded])
