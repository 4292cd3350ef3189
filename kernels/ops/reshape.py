"""Reshapes samples: the same elements in rows of another shape, in order or transposed.

Rows are padded, so four rows of three elements cannot be copied as one row of twelve. The
transposed form takes the elements of a matrix by its columns: channels first become channels last.
"""

from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.operands import (
    COUNT,
    INT64,
    ROWS,
    maybe,
    op,
    operands,
    padded_width_of,
    width_of,
)

from .frames import sample_of
from .gather import LEAD, LINE, copy_row, request_row
from .pointwise.elementwise import clear_columns

RESHAPE = operands(
    out=ROWS,  # as x, a row for each sample: the stride leads from sample to sample
    x=ROWS,
    order=maybe(INT64),
    rows=COUNT,  # of a sample of out
    out_row=COUNT,  # elements from one row of a sample to the next
    x_row=COUNT,  # likewise
    columns=COUNT,  # of x as the matrix whose transpose out is; 1 keeps the order of x
    width=width_of("out"),
    x_width=width_of("x"),
    padded=padded_width_of("out"),
)


@kernel
def copy_elements(record, out, x):
    """OUT (rows, WIDTH) = the elements of X (any, X_WIDTH) in their order; overwrites."""
    width, x_width = record[RESHAPE.width], record[RESHAPE.x_width]
    column = 0
    for row in range(record[RESHAPE.rows]):
        there, c = advance(out, row * record[RESHAPE.out_row]), 0
        while c < width:
            n = min(width - c, x_width - column)
            copy_row(advance(there, c), advance(x, column), n)
            c += n
            column += n
            if column == x_width:
                x, column = advance(x, record[RESHAPE.x_row]), 0
        clear_columns(there, width, record[RESHAPE.padded])


@kernel
def turn_elements(record, out, x):
    """OUT (rows, WIDTH) = the elements of X (any, X_WIDTH) as (any, COLUMNS)^T; overwrites."""
    width, x_width, columns = (
        record[RESHAPE.width],
        record[RESHAPE.x_width],
        record[RESHAPE.columns],
    )
    rows = record[RESHAPE.rows]
    down = rows * width // columns
    x_rows, x_columns = columns // x_width, columns % x_width  # from an element to the one below
    row, c = 0, 0
    for column in range(columns):
        x_at, x_c = column // x_width, column % x_width
        for _ in range(down):
            out[row * record[RESHAPE.out_row] + c] = x[x_at * record[RESHAPE.x_row] + x_c]
            x_at, x_c = x_at + x_rows, x_c + x_columns
            if x_c >= x_width:
                x_at, x_c = x_at + 1, x_c - x_width
            c += 1
            if c == width:
                row, c = row + 1, 0
    for row in range(rows):
        clear_columns(advance(out, row * record[RESHAPE.out_row]), width, record[RESHAPE.padded])


@kernel
def reshape_sample(record, out, x):
    """OUT (rows, WIDTH) = a sample of X (any, X_WIDTH); overwrites."""
    if record[RESHAPE.columns] == 1:
        copy_elements(record, out, x)
    else:
        turn_elements(record, out, x)


@op(RESHAPE)
def reshape_rows(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of OUT (B, rows, WIDTH) = those of X (B, any, X_WIDTH); overwrites."""
    x, out = slot(record, RESHAPE.x, scratch[0]), slot(record, RESHAPE.out, scratch[0])
    for sample in range(lo, hi):
        reshape_sample(
            record,
            advance(out, sample * record[RESHAPE.out_stride]),
            advance(x, sample * record[RESHAPE.x_stride]),
        )
    return 0


@op(RESHAPE)
def gather_reshaped(record, frame, scratch, lo, hi):
    """reshape_rows of the samples' rows of X, which is the data; overwrites."""
    x, out = slot(record, RESHAPE.x, scratch[0]), slot(record, RESHAPE.out, scratch[0])
    stride, width = record[RESHAPE.x_stride], record[RESHAPE.x_width]
    lead = min(LEAD // width + 1, hi - lo)
    for row in range(lo - lead, hi):
        if row + lead < hi:
            ahead = sample_of(record, frame, row + lead, RESHAPE.order)
            request_row(advance(x, ahead * stride), width, LINE)
        if row >= lo:
            sample = sample_of(record, frame, row, RESHAPE.order)
            reshape_sample(
                record,
                advance(out, row * record[RESHAPE.out_stride]),
                advance(x, sample * stride),
            )
    return 0
