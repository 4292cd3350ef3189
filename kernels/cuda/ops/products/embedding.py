"""Embeddings of codes: look-ups, the batch's rows by code, and updates of tables."""

import numpy as np
from fusednn.kernels import records
from fusednn.kernels.cuda.language import single, thread, threads
from fusednn.kernels.cuda.ops.updates.settings import own_settings
from fusednn.kernels.cuda.ops.updates.vectors import note_part, step_one
from fusednn.kernels.cuda.sorting import has_code, note_code, part_of, place_of, sort_entries
from fusednn.kernels.cuda.spreading import (
    GROUP,
    clear_columns,
    first_column,
    first_row,
    groups,
)
from fusednn.kernels.cuda.twins import BLOCK, twin
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops.frames import sample_of
from fusednn.kernels.ops.products import embedding
from fusednn.kernels.ops.products.embedding import (
    CATEGORIES,
    EMBED,
    FIRST,
    FROM,
    ROWS_PER_TASK,
    SIZE,
    SORT,
    STORED_TABLE,
    STRIDE,
    TABLE,
    TABLE_WIDTH,
    TO,
    UPDATE_TABLE,
    code_of,
)


@twin(embedding.embed_rows)
def embed_rows(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, n_plain + sizes) = the samples' plain columns, then each table's
    vector of the sample's code; overwrites.
    """
    data, out = slot(record, EMBED.data, scratch[0]), slot(record, EMBED.out, scratch[0])
    plain, tables = slot(record, EMBED.plain, lo), slot(record, EMBED.tables, lo)
    for row in range(first_row(lo), hi, groups()):
        x = advance(data, sample_of(record, frame, row, EMBED.order) * record[EMBED.data_stride])
        here = advance(out, row * record[EMBED.out_stride])
        for c in range(first_column(), record[EMBED.n_plain], GROUP):
            here[c] = x[plain[c]]
        for t in range(record[EMBED.n_tables]):
            table = advance(tables, t * TABLE_WIDTH)
            code, to = code_of(x[table[FROM]], table[CATEGORIES]), table[TO]
            vector = advance(slot(table, FIRST, scratch[0]), code * table[STRIDE])
            for c in range(first_column(), table[SIZE], GROUP):
                here[to + c] = vector[c]
        clear_columns(here, record[EMBED.width], record[EMBED.padded])


def row_code(record, frame, data, row):
    """The code of a row of the batch."""
    sample = sample_of(record, frame, row, SORT.order)
    return code_of(data[sample * record[SORT.data_stride]], record[SORT.count])


def go_through(record, frame, counts, first, writes, like):
    """Counts this thread's rows by their codes, or writes them where they belong."""
    data = advance(slot(record, SORT.data, like), record[SORT.column])
    rows = slot(record, SORT.entry_rows, np.int32(0))
    begin, end = part_of(frame[records.SAMPLES])
    for row in range(begin, end):
        single()
        code = row_code(record, frame, data, row)
        if not writes:
            note_code(counts, code, first)
        elif has_code(code, first):
            rows[place_of(counts, code, first)] = row


@twin(embedding.sort_codes)
def sort_codes(record, frame, scratch, lo, hi):
    """The batch's rows by code in column: starts (count + 1) and entry_rows (B); overwrites."""
    starts = slot(record, SORT.starts, lo)
    sort_entries(record, frame, go_through, starts, record[SORT.count], scratch[0])


@twin(embedding.update_table, spread=BLOCK)
def update_table(record, frame, scratch, lo, hi, step, adjust):
    """Rows [lo, hi) of a table, at most ROWS_PER_TASK: the sum of dz over the samples of each
    row's code, then one step, in place.
    """
    own, zero = own_settings(record, frame), cast(0, scratch[0])
    stride, size = record[TABLE.columns], record[UPDATE_TABLE.vector_size]
    dz = advance(slot(record, UPDATE_TABLE.dz, zero), record[UPDATE_TABLE.vector_column])
    starts = slot(record, UPDATE_TABLE.starts, lo)
    rows = slot(record, UPDATE_TABLE.entry_rows, np.int32(0))
    at, n = lo * stride, (hi - lo) * stride
    note_part(record, at, 0, 1, n, lo // ROWS_PER_TASK, adjust, zero)
    for i in range(thread(), n, threads()):
        k, c, g = lo + i // stride, i % stride, zero
        if c < size:
            for entry in range(starts[k], starts[k + 1]):
                g = g + dz[np.int64(rows[entry]) * record[UPDATE_TABLE.dz_stride] + c]
        step_one(record, own, g, at + i, True, step)


@twin(embedding.apply_table, spread=BLOCK)
def apply_table(record, frame, scratch, lo, hi, step, adjust):
    """update_table with a gradient that *store* has written."""
    own, zero = own_settings(record, frame), cast(0, scratch[0])
    gradient = slot(record, STORED_TABLE.gradient, zero)
    at, n = lo * record[TABLE.columns], (hi - lo) * record[TABLE.columns]
    note_part(record, at, 0, 1, n, lo // ROWS_PER_TASK, adjust, zero)
    for i in range(thread(), n, threads()):
        step_one(record, own, gradient[at + i], at + i, True, step)
