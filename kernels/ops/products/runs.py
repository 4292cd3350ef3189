"""The update of weights whose gradient is a sum over runs of rows: convolutions and recurrences.

    w <- step(w, sum over samples, runs and rows of [x_0, x_1, ...]^T dz)

with x_k the row of x at the offset of tap k from the run's row; each tap has its own rows of w.
A task is a block of adjacent weight tiles. All of them take a run before the next, so that far
rows are read once for each block.
"""

from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.operands import COUNT, INT64, REALS, maybe, op, operands
from fusednn.kernels.ops.lengths import count_of
from fusednn.kernels.ops.pointwise.elementwise import clear_columns
from fusednn.kernels.ops.updates.update import MATRIX, TILE_ROWS, panel_width, update_tile

from .far_sums import add_far

NEAR_ROWS = 128
"""The most rows that tiles go through, one tile after the other, before the next rows."""

MOST_TILES, MOST_PANELS = 4, 4
"""Weight tiles of a block, below and beside each other: 128 KB of sums on AVX-512."""

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
    block_rows=COUNT,  # of a task's block of weights
    block_columns=COUNT,
    lengths=maybe(INT64),  # of each sample's series: its one run is shorter by what they lack
    steps=maybe(COUNT),  # of all series with padding
)


@kernel
def add_taps(
    record, g, start, start_row, x, dz, i, rows, width, length, count, fetches_x, fetches_dz
):
    """g (rows x width) = start + the sum over runs of the taps of x^T dz; overwrites.

    The next runs are fetched, of what is asked for.
    """
    taps, size = slot(record, RUNS.taps, i), record[RUNS.tap_size]
    r = 0
    while r < rows:
        tap, c = (i + r) // size, (i + r) % size
        height = min(size - c, rows - r)
        add_far(
            advance(g, r * width), advance(x, taps[tap] + c), dz, advance(start, r * start_row),
            record[RUNS.x_row], record[RUNS.dz_row], start_row, height, width, length, count,
            jump_of(record, record[RUNS.x_run], record[RUNS.x_sample]),
            jump_of(record, record[RUNS.dz_run], record[RUNS.dz_sample]), fetches_x, fetches_dz,
        )  # fmt: skip
        r += height


@kernel
def jump_of(record, run, sample):
    """From one run to the next: of the same sample, or where it has only one of the next."""
    return run if record[RUNS.runs] > 1 else sample


@kernel
def add_runs(record, sums, x, dz, i, j, rows, columns, length, count, is_first):
    """Adds runs to the sums of the tiles of a block (rows x columns) at row i and column j."""
    zeros = slot(record, RUNS.zeros, sums[0])
    column = 0
    while column < columns:
        width = panel_width(columns, column, sums[0])
        for row in range(0, rows, TILE_ROWS):
            height = min(TILE_ROWS, rows - row)
            g = advance(sums, column * rows + row * width)
            start, start_row = (zeros, 0) if is_first else (g, width)
            add_taps(
                record, g, start, start_row, x, advance(dz, j + column), i + row, height, width,
                length, count, column == 0, row == 0,
            )  # fmt: skip
        column += width


@op(RUNS)
def update_runs(record, frame, scratch, lo, hi):
    """Block at column lo, row hi: its gradient, run by run over the whole batch, then its step."""
    j, i = lo, hi
    rows = min(record[RUNS.block_rows], record[MATRIX.fan_in] - i)
    columns = min(record[RUNS.block_columns], record[MATRIX.columns] - j)
    x, dz = slot(record, RUNS.x, scratch[0]), slot(record, RUNS.dz, scratch[0])
    samples, is_first = frame[records.SAMPLES], True
    groups, runs = (samples, record[RUNS.runs]) if record[RUNS.runs] > 1 else (1, samples)
    together = max(1, NEAR_ROWS // max(1, record[RUNS.length]))
    if record[RUNS.lengths] != 0:
        together = 1
    for group in range(groups):
        for run in range(0, runs, together):
            x_at = group * record[RUNS.x_sample] + run * jump_of(
                record, record[RUNS.x_run], record[RUNS.x_sample]
            )
            dz_at = group * record[RUNS.dz_sample]
            dz_at += run * jump_of(record, record[RUNS.dz_run], record[RUNS.dz_sample])
            steps = record[RUNS.steps]
            length = record[RUNS.length] - steps + count_of(record, RUNS.lengths, run, steps)
            if length > 0:
                add_runs(
                    record, scratch, advance(x, x_at), advance(dz, dz_at), i, j, rows, columns,
                    length, min(together, runs - run), is_first,
                )  # fmt: skip
                is_first = False
    if is_first:  # the states of series of one step
        clear_columns(scratch, 0, rows * columns)
    status = 0
    column = 0
    while column < columns:
        width = panel_width(columns, column, scratch[0])
        for row in range(0, rows, TILE_ROWS):
            g = advance(scratch, column * rows + row * width)
            height = min(TILE_ROWS, rows - row)
            status |= update_tile(record, frame, g, i + row, j + column, height, width)
        column += width
    return status
