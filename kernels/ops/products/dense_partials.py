"""The gradients of a dense layer on samples of several rows, for each chunk of samples.

    dw = sum over rows of x^T dz        db = sum over rows of dz

They are left where `partials.py` adds them up, while the rows are in the cache.
"""

from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.gemm import multiply_edge, multiply_panel
from fusednn.kernels.intrinsics.columns import add_row_sums
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.operands import COUNT, INT64, REALS, ROWS, maybe, op, operands
from fusednn.kernels.ops.lengths import count_of
from fusednn.kernels.ops.pointwise.elementwise import clear_columns
from fusednn.kernels.ops.updates.update import panel_width

NEAR_ROWS = 64
"""Rows that are multiplied before the next: their pages are few, and they stay in the cache."""

PARTIALS = operands(
    x=ROWS,  # rows of samples, which begin with the first row
    dz=ROWS,
    dw=REALS,  # for each chunk, as w
    db=REALS,  # for each chunk, as b
    dw_chunk=COUNT,  # elements from one chunk to the next
    lengths=maybe(INT64),  # of each sample's series
    rows=COUNT,  # of a sample
    x_row=COUNT,
    dz_row=COUNT,
    fan_in=COUNT,
    columns=COUNT,  # of dz, padded to whole vectors
)


@kernel
def add_product(dw, x, x_row, dz, dz_row, fan_in, rows, columns):
    """dw (I, O) in panels += x (rows, I)^T dz (rows, O); accumulates."""
    lowest = cast(-float("inf"), dw[0])
    for first in range(0, rows, NEAR_ROWS):
        own, j = min(NEAR_ROWS, rows - first), 0
        a, b = advance(x, first * x_row), advance(dz, first * dz_row)
        while j < columns:
            width, g, d = panel_width(columns, j, lowest), advance(dw, j * fan_in), advance(b, j)
            if width == lanes_of(lowest):
                multiply_edge(g, width, a, 1, x_row, d, dz_row, g, width, fan_in, own, lowest)
            else:
                multiply_panel(g, width, a, 1, x_row, d, dz_row, g, width, fan_in, own, lowest)
            j += width


@kernel
def is_dense(record):
    """Whether the rows of a chunk's samples lie at one distance, without padding between them."""
    rows = record[PARTIALS.rows]
    return (
        record[PARTIALS.lengths] == 0
        and record[PARTIALS.x_stride] == rows * record[PARTIALS.x_row]
        and record[PARTIALS.dz_stride] == rows * record[PARTIALS.dz_row]
    )


@op(PARTIALS)
def dense_partials(record, frame, scratch, lo, hi):
    """dw (I, O) and db (O,) of each chunk of samples [lo, hi); overwrites.

    As `convolution_partials`: where lo is within a chunk, its samples so far have been added.
    """
    fan_in, columns = record[PARTIALS.fan_in], record[PARTIALS.columns]
    sample, samples = lo, frame[records.CHUNK]
    while sample < hi:
        chunk, following = sample // samples, sample + 1
        if is_dense(record):
            following = min(hi, (chunk + 1) * samples)
        dw = advance(slot(record, PARTIALS.dw, scratch[0]), chunk * record[PARTIALS.dw_chunk])
        db = advance(slot(record, PARTIALS.db, scratch[0]), chunk * columns)
        if sample % samples == 0:
            clear_columns(dw, 0, fan_in * columns)
            clear_columns(db, 0, columns)
        x = advance(slot(record, PARTIALS.x, scratch[0]), sample * record[PARTIALS.x_stride])
        dz = advance(slot(record, PARTIALS.dz, scratch[0]), sample * record[PARTIALS.dz_stride])
        x_row, dz_row = record[PARTIALS.x_row], record[PARTIALS.dz_row]
        total = 0
        for own in range(sample, following):
            rows = count_of(record, PARTIALS.lengths, own, record[PARTIALS.rows])
            add_row_sums(db, advance(dz, total * dz_row), dz_row, rows, columns)
            total += rows
        if total > 0:
            add_product(dw, x, x_row, dz, dz_row, fan_in, total, columns)
        sample = following
    return 0
