"""The first layer on CSR input: forward, the batch's column form, and the update of the weights.

A dense chain of multiply-adds passes over zeros without changing a bit, so a chain over the
stored elements in ascending order gives the bits of the dense path. Forward walks a row's
elements; the gradient walks a column's, which a counting sort of the batch provides.
Column numbers are int32, row pointers int64.
"""

import numpy as np
from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, number, prefetch, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.tiles import edge_one, tile_one
from fusednn.kernels.operands import COUNT, INT32, INT64, NUMBER, REALS, ROWS, maybe, op, operands
from fusednn.kernels.ops.frames import sample_of
from fusednn.kernels.ops.updates.update import MATRIX, TILE_ROWS, panel_width, update_tile

LEAD = 8
"""Stored elements of a row by which prefetches of weights, scattered over the matrix, run ahead.

A step of 10000-256-10 at 1 % density and batch 200 takes 2450 us without prefetches, 1890 with.
"""

CSR = operands(values=REALS, indices=INT32, pointers=INT64, order=maybe(INT64))
"""The matrix and the order of its rows."""

FORWARD = operands(CSR, out=ROWS, w=REALS, b=REALS, fan_in=COUNT, fan_out=COUNT, floor=NUMBER)
COLUMNS = operands(CSR, starts=INT64, entry_rows=INT32, entry_values=REALS, fan_in=COUNT)
"""`starts` has fan_in + 1 elements."""

UPDATE_CSR = operands(MATRIX, dz=ROWS, starts=INT64, entry_rows=INT32, entry_values=REALS)


@kernel
def add_scaled(out, value, w, width, lowest):
    """out (width) += value[0] w (width), one or all vectors of a panel."""
    if width == lanes_of(lowest):
        edge_one(out, 0, value, 0, 0, w, 0, 0, out, 0, 1, lowest)
    else:
        tile_one(out, 0, value, 0, 0, w, 0, 0, out, 0, 1, lowest)


@kernel
def request_weights(w, k, fan_in, columns, lowest):
    """Prefetches the weights of input k in every panel."""
    j = 0
    while j < columns:
        width = panel_width(columns, j, lowest)
        line = advance(w, j * fan_in + k * width)
        prefetch(line)
        prefetch(advance(line, width - lanes_of(lowest)))
        j += width


@op(FORWARD)
def csr_forward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = max(x (B, I) w + b, floor) for x in CSR; overwrites."""
    values, w = slot(record, FORWARD.values, scratch[0]), slot(record, FORWARD.w, scratch[0])
    indices = slot(record, FORWARD.indices, np.int32(0))
    pointers = slot(record, FORWARD.pointers, lo)
    b, out = slot(record, FORWARD.b, scratch[0]), slot(record, FORWARD.out, scratch[0])
    stride = record[FORWARD.out_stride]
    fan_in, columns = record[FORWARD.fan_in], record[FORWARD.fan_out]
    floor = number(record, FORWARD.floor, scratch[0])
    lowest = cast(-float("inf"), scratch[0])
    for row in range(lo, hi):
        sample = sample_of(record, frame, row, FORWARD.order)
        target = advance(out, row * stride)
        for c in range(columns):
            target[c] = b[c]
        last = pointers[sample + 1]
        for at in range(pointers[sample], last):
            if at + LEAD < last:
                request_weights(w, np.int64(indices[at + LEAD]), fan_in, columns, lowest)
            k, j = np.int64(indices[at]), 0
            while j < columns:
                width = panel_width(columns, j, lowest)
                line = advance(w, j * fan_in + k * width)
                add_scaled(advance(target, j), advance(values, at), line, width, lowest)
                j += width
        for c in range(columns):
            target[c] = floor if target[c] < floor else target[c]
    return 0


@op(COLUMNS)
def batch_columns(record, frame, scratch, lo, hi):
    """The batch by columns: starts (I + 1), entry_rows and entry_values; overwrites.

    A counting sort over the rows in order, so each column's entries ascend by row.
    """
    values, pointers = slot(record, COLUMNS.values, scratch[0]), slot(record, COLUMNS.pointers, lo)
    indices = slot(record, COLUMNS.indices, np.int32(0))
    starts, fan_in = slot(record, COLUMNS.starts, lo), record[COLUMNS.fan_in]
    rows = slot(record, COLUMNS.entry_rows, np.int32(0))
    entries = slot(record, COLUMNS.entry_values, scratch[0])
    for k in range(fan_in + 1):
        starts[k] = 0
    for row in range(frame[records.SAMPLES]):
        sample = sample_of(record, frame, row, COLUMNS.order)
        for at in range(pointers[sample], pointers[sample + 1]):
            starts[np.int64(indices[at]) + 1] += 1
    for k in range(fan_in):
        starts[k + 1] += starts[k]
    for row in range(frame[records.SAMPLES]):
        sample = sample_of(record, frame, row, COLUMNS.order)
        for at in range(pointers[sample], pointers[sample + 1]):
            k = np.int64(indices[at])
            rows[starts[k]] = row
            entries[starts[k]] = values[at]
            starts[k] += 1
    for k in range(fan_in, 0, -1):
        starts[k] = starts[k - 1]
    starts[0] = 0
    return 0


@op(UPDATE_CSR)
def update_csr_weights(record, frame, scratch, lo, hi):
    """update_weights with x^T read from the batch's column form."""
    j, i = lo, hi
    count = min(TILE_ROWS, record[MATRIX.fan_in] - i)
    width = panel_width(record[MATRIX.columns], j, scratch[0])
    dz = advance(slot(record, UPDATE_CSR.dz, scratch[0]), j)
    stride = record[UPDATE_CSR.dz_stride]
    starts = slot(record, UPDATE_CSR.starts, lo)
    rows = slot(record, UPDATE_CSR.entry_rows, np.int32(0))
    entries = slot(record, UPDATE_CSR.entry_values, scratch[0])
    lowest = cast(-float("inf"), scratch[0])
    for q in range(count * width):
        scratch[q] = cast(0, lowest)
    for r in range(count):
        g = advance(scratch, r * width)
        for at in range(starts[i + r], starts[i + r + 1]):
            line = advance(dz, np.int64(rows[at]) * stride)
            add_scaled(g, advance(entries, at), line, width, lowest)
    return update_tile(record, frame, scratch, i, j, count, width)
