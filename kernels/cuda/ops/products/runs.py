"""Updates from sums over runs of rows: as `kernels/ops/products/runs.py`.

A tile's gradient is summed in one chain over all runs, whatever their length, and stays in
registers until its step.
"""

import numpy as np
from fusednn.kernels import records
from fusednn.kernels.cuda.language import block, blocks, local, single
from fusednn.kernels.cuda.ops.updates.settings import own_settings
from fusednn.kernels.cuda.ops.updates.tiles import (
    SMALL_SCRATCH,
    begin_unit,
    step_small,
    units_of,
)
from fusednn.kernels.cuda.tiles.product import clear, small_rows
from fusednn.kernels.cuda.tiles.windows import (
    add_rounds,
    fetch_columns,
    fetch_rows,
    note_pair,
    own_row,
)
from fusednn.kernels.cuda.twins import GRID, twin
from fusednn.kernels.intrinsics.pointers import slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops.lengths import count_of
from fusednn.kernels.ops.products import runs
from fusednn.kernels.ops.products.runs import RUNS
from fusednn.kernels.ops.updates.update import MATRIX


def length_of(record, sample):
    """The rows of a run, or of the one of a series; none where that is too short."""
    steps = record[RUNS.steps]
    own = count_of(record, RUNS.lengths, np.int64(sample), steps)
    return np.int32(max(0, record[RUNS.length] - steps + own))


def note_row(record, frame, places, lines, turn, sample, last, row):
    """Notes where a row lies in x and in dz; the sample and row that it is, for the next."""
    run, place = np.int32(0), row
    if record[RUNS.lengths] != 0:
        while sample < last and row >= length_of(record, sample):
            row = np.int32(row - length_of(record, sample))
            sample = np.int32(sample + 1)
        one, place = sample, row
    else:
        length, count = np.int32(max(1, record[RUNS.length])), np.int32(record[RUNS.runs])
        every = np.int32(row // length)
        one, place = np.int32(every // count), np.int32(row - every * length)
        run = np.int32(every - one * count)
    if one < last:
        x_at = one * record[RUNS.x_sample] + run * record[RUNS.x_run]
        dz_at = one * record[RUNS.dz_sample] + run * record[RUNS.dz_run]
        x_at, dz_at = x_at + place * record[RUNS.x_row], dz_at + place * record[RUNS.dz_row]
        note_pair(places, turn, x_at, dz_at)
    return sample, row


def fetch_round(record, values, own, line, column, j, places, lines, turn, size):
    """values <- the elements of x and dz of a round that is noted; overwrites."""
    x, dz = slot(record, RUNS.x, values[0]), slot(record, RUNS.dz, values[0])
    fetch_rows(values, x, own, places, turn, size)
    fetch_columns(values, dz, j, np.int32(record[MATRIX.columns]), places, turn, size)


def add_runs(record, frame, acc, i, j):
    """acc += the tile at (i, j) of the taps of x^T dz over all runs of the batch."""
    row, size = min(i + own_row(), record[MATRIX.fan_in] - 1), record[RUNS.tap_size]
    tap = np.int32(row) // np.int32(size)
    own = slot(record, RUNS.taps, 0)[tap] + row - tap * size
    first, last = np.int32(0), np.int32(frame[records.SAMPLES])
    depth = np.int32(last * record[RUNS.runs] * length_of(record, 0))
    if record[RUNS.lengths] != 0:
        depth = np.int32(0)
        for sample in range(last):
            depth = np.int32(depth + length_of(record, sample))
    nowhere = np.int32(0)
    add_rounds(
        acc, record, frame, note_row, fetch_round, own, nowhere, nowhere, j, first, last, depth
    )


@twin(runs.update_runs, spread=GRID, scratch=SMALL_SCRATCH, once=True)
def update_runs(record, frame, scratch, lo, hi, step, adjust):
    """All tiles: the gradient over all runs of the batch, then its step."""
    own, zero, unit = own_settings(record, frame), cast(0, scratch[0]), np.int32(block())
    while unit < units_of(record):  # narrow numbers, so that a tile has the registers
        single()
        first, last, j = begin_unit(record, unit, adjust, zero)
        i, last, j = np.int32(first), np.int32(last), np.int32(j)
        while i < last:
            single()
            acc = local(8, zero)
            clear(acc, 8)
            add_runs(record, frame, acc, i, j)
            step_small(record, own, scratch, acc, i, last, j, step)
            i = np.int32(i + small_rows())
        unit = np.int32(unit + blocks())
