"""The gradients of a dense layer on samples of several rows, for each chunk of samples.

    dw = sum over rows of x^T dz        db = sum over rows of dz

They are left where `partials.py` adds them up, while the rows are in the cache.
"""

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

from .partials import CHUNK_ROWS

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
    lowest, j = cast(-float("inf"), dw[0]), 0
    while j < columns:
        width, there, d = panel_width(columns, j, dw[0]), advance(dw, j * fan_in), advance(dz, j)
        if width == lanes_of(lowest):
            multiply_edge(there, width, x, 1, x_row, d, dz_row, there, width, fan_in, rows, lowest)
        else:
            multiply_panel(
                there, width, x, 1, x_row, d, dz_row, there, width, fan_in, rows, lowest
            )
        j += width


@op(PARTIALS)
def dense_partials(record, frame, scratch, lo, hi):
    """dw (I, O) and db (O,) of each chunk of samples [lo, hi); overwrites.

    As `convolution_partials`: where lo is within a chunk, its samples so far have been added.
    """
    fan_in, columns = record[PARTIALS.fan_in], record[PARTIALS.columns]
    for sample in range(lo, hi):
        chunk = sample // CHUNK_ROWS
        rows = count_of(record, PARTIALS.lengths, sample, record[PARTIALS.rows])
        dw = advance(slot(record, PARTIALS.dw, scratch[0]), chunk * record[PARTIALS.dw_chunk])
        db = advance(slot(record, PARTIALS.db, scratch[0]), chunk * columns)
        if sample % CHUNK_ROWS == 0:
            clear_columns(dw, 0, fan_in * columns)
            clear_columns(db, 0, columns)
        x = advance(slot(record, PARTIALS.x, scratch[0]), sample * record[PARTIALS.x_stride])
        dz = advance(slot(record, PARTIALS.dz, scratch[0]), sample * record[PARTIALS.dz_stride])
        if rows > 0:
            add_row_sums(db, dz, record[PARTIALS.dz_row], rows, columns)
            add_product(
                dw, x, record[PARTIALS.x_row], dz, record[PARTIALS.dz_row], fan_in, rows, columns
            )
    return 0
