"""The update of weights whose gradient is a sum over runs of rows: convolutions and recurrences.

    w <- step(w, sum over samples, runs and rows of [x_0, x_1, ...]^T dz)

with x_k the row of x at the offset of tap k from the run's row; each tap has its own rows of w.
"""

from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.gemm import multiply_edge, multiply_panel
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.operands import COUNT, INT64, REALS, op, operands
from fusednn.kernels.ops.pointwise.elementwise import clear_columns
from fusednn.kernels.ops.updates.update import MATRIX, TILE_ROWS, panel_width, update_tile

RUNS = operands(
    MATRIX,
    x=REALS,
    dz=REALS,
    zeros=REALS,
    taps=INT64,  # the offset in x of each tap's row
    tap_size=COUNT,  # rows of w of each tap
    runs=COUNT,  # of each sample
    length=COUNT,  # rows of a run
    x_sample=COUNT,  # from one sample, run and row to the next; these and taps in elements
    x_run=COUNT,
    x_row=COUNT,
    dz_sample=COUNT,
    dz_run=COUNT,
    dz_row=COUNT,
)


@kernel
def add_run(record, g, start, stride, x, dz, i, rows, width):
    """g (rows x width) = start + the taps of x (length, ...)^T dz (length, width); overwrites."""
    taps, size, length = slot(record, RUNS.taps, i), record[RUNS.tap_size], record[RUNS.length]
    x_row, dz_row = record[RUNS.x_row], record[RUNS.dz_row]
    lowest = cast(-float("inf"), g[0])
    r = 0
    while r < rows:
        tap, c = (i + r) // size, (i + r) % size
        M = min(size - c, rows - r)
        there, init, a = (
            advance(g, r * width),
            advance(start, r * stride),
            advance(x, taps[tap] + c),
        )
        if width == lanes_of(g[0]):
            multiply_edge(there, width, a, 1, x_row, dz, dz_row, init, stride, M, length, lowest)
        else:
            multiply_panel(there, width, a, 1, x_row, dz, dz_row, init, stride, M, length, lowest)
        r += M


@op(RUNS)
def update_runs(record, frame, scratch, lo, hi):
    """Tile at column lo, row hi: its gradient, run by run over the whole batch, then its step."""
    j, i = lo, hi
    rows = min(TILE_ROWS, record[MATRIX.fan_in] - i)
    width = panel_width(record[MATRIX.columns], j, scratch[0])
    x, dz = slot(record, RUNS.x, scratch[0]), slot(record, RUNS.dz, scratch[0])
    start, stride = slot(record, RUNS.zeros, scratch[0]), 0
    if record[RUNS.length] == 0:  # the states of series of one step
        clear_columns(scratch, 0, rows * width)
        return update_tile(record, frame, scratch, i, j, rows, width)
    for sample in range(frame[records.SAMPLES]):
        for run in range(record[RUNS.runs]):
            here = advance(x, sample * record[RUNS.x_sample] + run * record[RUNS.x_run])
            there = advance(dz, sample * record[RUNS.dz_sample] + run * record[RUNS.dz_run] + j)
            add_run(record, scratch, start, stride, here, there, i, rows, width)
            start, stride = scratch, width
    return update_tile(record, frame, scratch, i, j, rows, width)
