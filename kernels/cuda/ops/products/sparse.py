"""The first layer on CSR input: as `kernels/ops/products/sparse.py`.

Forward and in the gradient neighbouring threads have adjacent columns of the weights.
"""

import numpy as np
from fusednn.kernels import records
from fusednn.kernels.cuda.language import block, blocks, single, thread, threads
from fusednn.kernels.cuda.ops.updates.settings import own_settings
from fusednn.kernels.cuda.ops.updates.tiles import (
    SMALL_SCRATCH,
    SMALL_UNIT,
    begin_unit,
    step_tile,
    units_of,
)
from fusednn.kernels.cuda.sorting import has_code, note_code, part_of, place_of, sort_entries
from fusednn.kernels.cuda.spreading import everyone, first
from fusednn.kernels.cuda.tiles.product import SMALL_COLUMNS, column_of
from fusednn.kernels.cuda.twins import GRID, twin
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast, fma
from fusednn.kernels.ops.frames import sample_of
from fusednn.kernels.ops.products import sparse
from fusednn.kernels.ops.products.sparse import COLUMNS, CSR, FORWARD, UPDATE_CSR
from fusednn.kernels.ops.updates.update import MATRIX


@twin(sparse.csr_forward)
def csr_forward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = max(x (B, I) w + b, floor) for x in CSR; overwrites."""
    values, w = slot(record, CSR.values, scratch[0]), slot(record, FORWARD.w, scratch[0])
    indices, pointers = slot(record, CSR.indices, np.int32(0)), slot(record, CSR.pointers, lo)
    b, out = slot(record, FORWARD.b, scratch[0]), slot(record, FORWARD.out, scratch[0])
    fan_in, columns = record[FORWARD.fan_in], record[FORWARD.fan_out]
    floor = number(record, FORWARD.floor, scratch[0])
    for at in range(first(), (hi - lo) * columns, everyone()):
        row, c = lo + at // columns, at % columns
        sample = sample_of(record, frame, row, CSR.order)
        offset, width = column_of(c, columns, fan_in, True, floor)
        weights, total = advance(w, offset), b[c]
        for entry in range(pointers[sample], pointers[sample + 1]):
            total = fma(values[entry], weights[np.int64(indices[entry]) * width], total)
        out[row * record[FORWARD.out_stride] + c] = floor if total < floor else total


def go_through(record, frame, counts, first_code, writes, like):
    """Counts the elements of this thread's rows by columns, or writes them where they belong."""
    values, indices = slot(record, CSR.values, like), slot(record, CSR.indices, np.int32(0))
    pointers, rows = slot(record, CSR.pointers, 0), slot(record, COLUMNS.entry_rows, np.int32(0))
    entries = slot(record, COLUMNS.entry_values, like)
    begin, end = part_of(frame[records.SAMPLES])
    for row in range(begin, end):
        single()
        sample = sample_of(record, frame, row, CSR.order)
        for at in range(pointers[sample], pointers[sample + 1]):
            single()
            k = np.int64(indices[at])
            if not writes:
                note_code(counts, k, first_code)
            elif has_code(k, first_code):
                place = place_of(counts, k, first_code)
                rows[place] = row
                entries[place] = values[at]


@twin(sparse.batch_columns)
def batch_columns(record, frame, scratch, lo, hi):
    """The batch by columns: starts (I + 1), entry_rows and entry_values; overwrites."""
    starts = slot(record, COLUMNS.starts, lo)
    sort_entries(record, frame, go_through, starts, record[COLUMNS.fan_in], scratch[0])


def sum_elements(record, g, first_row, last, first_column, like):
    """g (SMALL_UNIT, SMALL_COLUMNS) = a unit of x^T dz, from the batch's columns; overwrites."""
    dz, stride = slot(record, UPDATE_CSR.dz, like), record[UPDATE_CSR.dz_stride]
    starts, entries = (
        slot(record, UPDATE_CSR.starts, 0),
        slot(record, UPDATE_CSR.entry_values, like),
    )
    rows = slot(record, UPDATE_CSR.entry_rows, np.int32(0))
    for n in range(thread(), SMALL_UNIT * SMALL_COLUMNS, threads()):
        single()
        k, c = first_row + n // SMALL_COLUMNS, first_column + n % SMALL_COLUMNS
        if k < last and c < record[MATRIX.columns]:
            total, column = cast(0, like), advance(dz, c)
            for at in range(starts[k], starts[k + 1]):
                total = fma(entries[at], column[np.int64(rows[at]) * stride], total)
            g[n] = total


@twin(sparse.update_csr_weights, spread=GRID, scratch=SMALL_SCRATCH, once=True)
def update_csr_weights(record, frame, scratch, lo, hi, step, adjust):
    """All tiles: the gradient x^T dz from the batch's column form, then its step."""
    own, zero = own_settings(record, frame), cast(0, scratch[0])
    for unit in range(block(), units_of(record), blocks()):
        single()
        begin, last, j = begin_unit(record, unit, adjust, zero)
        sum_elements(record, scratch, begin, last, j, zero)
        step_tile(record, own, scratch, SMALL_COLUMNS, SMALL_UNIT, begin, last, j, step, zero)
