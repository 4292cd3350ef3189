"""What ops on chosen columns of tables share: the columns that are copied, and chunks of rows."""

from fusednn.kernels import records
from fusednn.kernels.cuda.spreading import GROUP, clear_columns, first_column


def copy_plain(out, x, plain, n):
    """The first n columns of a row of a group: those of x that are copied."""
    for k in range(first_column(), n, GROUP):
        out[k] = x[plain[k]]


def copy_back(dx, dout, plain, n, width, padded):
    """The gradient by the n columns that are copied, of a row of a group, and its padding 0."""
    for k in range(first_column(), n, GROUP):
        dx[plain[k]] = dout[k]
    clear_columns(dx, width, padded)


def rows_of_chunk(record, frame):
    """The rows of a chunk of samples."""
    return frame[records.CHUNK] * record[records.POSITIONS]


def chunks_between(lo, hi, rows):
    """The first chunk of rows [lo, hi), of so many rows each, and their number: one at least."""
    start = lo // rows
    return start, max(lo, hi - 1) // rows + 1 - start


def rows_of_part(lo, hi, chunk, rows):
    """The first of the rows of a chunk in [lo, hi), and the one behind them."""
    return max(lo, chunk * rows), min(hi, (chunk + 1) * rows)
