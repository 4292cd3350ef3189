"""Piecewise-linear encodings of numeric columns by the bins that a number fills.

    enc = [1, .., 1, (x - e_t) / (e_t+1 - e_t), 0, .., 0]       in bin t of edges e_0 < .. < e_T
    out = w x + b + sum_k enc_k v_k                             an embedding

The first bin goes on below e_0 and the last above e_T, so numbers outside the edges are
extrapolated: Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in tabular
deep learning", NeurIPS 2022; the embedding is that of their package's version B. An encoding has
one fraction at most, so an embedding adds rows of v where a product would multiply all of them.
"""

from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.short_rows import (
    add_scaled,
    add_to_rows,
    fill_bins,
    sum_rows,
)
from fusednn.kernels.operands import (
    COUNT,
    INT64,
    REALS,
    ROWS,
    op,
    operands,
    padded_width_of,
    width_of,
)
from fusednn.kernels.ops.pointwise.elementwise import clear_columns

READ = operands(
    x=ROWS,
    edges=REALS,  # of all columns, one after the other
    columns=INT64,  # of x
    starts=INT64,  # the first bin of each column, and the number of all bins
    n_columns=COUNT,
    n_plain=COUNT,  # the columns of x that are copied, which come first
)
ENCODE = operands(READ, out=ROWS, plain=INT64, padded=padded_width_of("out"))
ENCODE_BACK = operands(READ, dout=ROWS, dx=ROWS, plain=INT64, padded=padded_width_of("dx"))
TABLES = operands(
    READ,
    w=REALS,  # (columns, S), and b alike
    v=REALS,  # (bins, S)
    length=COUNT,  # S
    row=COUNT,  # padded
)
EMBED = operands(
    TABLES, b=REALS, out=ROWS, plain=INT64, width=width_of("out"), padded=padded_width_of("out")
)
EMBED_BACK = operands(TABLES, dout=ROWS, dx=ROWS, plain=INT64, padded=padded_width_of("dx"))
SUMS = operands(
    READ, dout=ROWS, dw=REALS, db=REALS, dv=REALS, length=COUNT, row=COUNT
)  # for each chunk, as the parameters


@kernel
def bin_of(record, x, column):
    """(t, fraction, width): a number's bin of a column, how far it is in, and the bin's width."""
    starts = slot(record, READ.starts, column)
    first, last = starts[column], starts[column + 1]
    edges, t = advance(slot(record, READ.edges, x), first + column), 0
    for k in range(1, last - first):
        t += 1 if x >= edges[k] else 0
    width = edges[t + 1] - edges[t]
    return t, (x - edges[t]) / width, width


@kernel
def encode(record, out, x, column):
    """out = the encoding of a number of a column, by whole vectors if it has as many bins."""
    starts, lanes = slot(record, READ.starts, column), lanes_of(x)
    first, bins = starts[column], starts[column + 1] - starts[column]
    edges = advance(slot(record, READ.edges, x), first + column)
    if bins < lanes:
        t, fraction, _ = bin_of(record, x, column)
        for k in range(bins):
            out[k] = cast(1 if k < t else 0, x)
        out[t] = fraction
        return
    fill_bins(out, edges, x, bins // lanes * lanes)
    if bins % lanes:  # a vector that overlaps the one before
        fill_bins(advance(out, bins - lanes), advance(edges, bins - lanes), x, lanes)
    if not x >= edges[0]:  # a NaN too
        out[0] = (x - edges[0]) / (edges[1] - edges[0])
    if x >= edges[bins]:
        out[bins - 1] = (x - edges[bins - 1]) / (edges[bins] - edges[bins - 1])


@kernel
def copy_plain(record, out, x, plain):
    """The first columns of a row."""
    for k in range(record[READ.n_plain]):
        out[k] = x[plain[k]]


@kernel
def copy_back(record, dx, dout, plain, padded):
    """dx = the gradient by the plain columns, and 0 elsewhere."""
    clear_columns(dx, 0, padded)
    for k in range(record[READ.n_plain]):
        dx[plain[k]] = dout[k]


@op(ENCODE)
def encode_bins(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = the plain columns of x, then the encoding of each other;
    overwrites.
    """
    plain, columns = slot(record, ENCODE.plain, lo), slot(record, READ.columns, lo)
    starts, first, m = slot(record, READ.starts, lo), record[READ.n_plain], record[READ.n_columns]
    for r in range(lo, hi):
        x = advance(slot(record, READ.x, scratch[0]), r * record[READ.x_stride])
        out = advance(slot(record, ENCODE.out, scratch[0]), r * record[ENCODE.out_stride])
        copy_plain(record, out, x, plain)
        for j in range(m):
            encode(record, advance(out, first + starts[j]), x[columns[j]], j)
        clear_columns(out, first + starts[m], record[ENCODE.padded])
    return 0


@op(ENCODE_BACK)
def encode_bins_backward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of dx (B, I) from dout (B, O); overwrites."""
    plain, columns = slot(record, ENCODE_BACK.plain, lo), slot(record, READ.columns, lo)
    starts = slot(record, READ.starts, lo)
    for r in range(lo, hi):
        x = advance(slot(record, READ.x, scratch[0]), r * record[READ.x_stride])
        dx = advance(slot(record, ENCODE_BACK.dx, scratch[0]), r * record[ENCODE_BACK.dx_stride])
        dout = advance(
            slot(record, ENCODE_BACK.dout, scratch[0]), r * record[ENCODE_BACK.dout_stride]
        )
        copy_back(record, dx, dout, plain, record[ENCODE_BACK.padded])
        for j in range(record[READ.n_columns]):
            t, _, width = bin_of(record, x[columns[j]], j)
            dx[columns[j]] = dout[record[READ.n_plain] + starts[j] + t] / width
    return 0


@op(EMBED)
def embed_bins(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = the plain columns of x, then the embedding of each other;
    overwrites.
    """
    plain, columns = slot(record, EMBED.plain, lo), slot(record, READ.columns, lo)
    starts = slot(record, READ.starts, lo)
    w, b, v = (
        slot(record, TABLES.w, scratch[0]),
        slot(record, EMBED.b, scratch[0]),
        slot(record, TABLES.v, scratch[0]),
    )
    row, S = record[TABLES.row], record[TABLES.length]
    for r in range(lo, hi):
        x = advance(slot(record, READ.x, scratch[0]), r * record[READ.x_stride])
        out = advance(slot(record, EMBED.out, scratch[0]), r * record[EMBED.out_stride])
        copy_plain(record, out, x, plain)
        for j in range(record[READ.n_columns]):
            value = x[columns[j]]
            t, fraction, _ = bin_of(record, value, j)
            rows, there = advance(v, starts[j] * row), advance(out, record[READ.n_plain] + j * S)
            bias, slope = advance(b, j * row), advance(w, j * row)
            sum_rows(scratch, bias, slope, value, rows, row, t, fraction, row)
            for c in range(S):
                there[c] = scratch[c]
        clear_columns(out, record[EMBED.width], record[EMBED.padded])
    return 0


@op(EMBED_BACK)
def embed_bins_backward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of dx (B, I) from dout (B, O); overwrites."""
    plain, columns = slot(record, EMBED_BACK.plain, lo), slot(record, READ.columns, lo)
    starts = slot(record, READ.starts, lo)
    w, v = slot(record, TABLES.w, scratch[0]), slot(record, TABLES.v, scratch[0])
    row, S = record[TABLES.row], record[TABLES.length]
    for r in range(lo, hi):
        x = advance(slot(record, READ.x, scratch[0]), r * record[READ.x_stride])
        dx = advance(slot(record, EMBED_BACK.dx, scratch[0]), r * record[EMBED_BACK.dx_stride])
        dout = advance(
            slot(record, EMBED_BACK.dout, scratch[0]), r * record[EMBED_BACK.dout_stride]
        )
        copy_back(record, dx, dout, plain, record[EMBED_BACK.padded])
        for j in range(record[READ.n_columns]):
            t, _, width = bin_of(record, x[columns[j]], j)
            d, total = advance(dout, record[READ.n_plain] + j * S), cast(0, scratch[0])
            slopes = advance(v, (starts[j] + t) * row)
            for c in range(S):
                total += d[c] * (w[j * row + c] + slopes[c] / width)
            dx[columns[j]] = total
    return 0


@op(SUMS)
def embed_bins_sums(record, frame, scratch, lo, hi):
    """Rows [lo, hi): the parameters' gradients of each chunk of samples; overwrites.

    Where lo is within a chunk, its rows so far have been added. There may be no rows, at the
    beginning of a chunk too.
    """
    row, S, m = record[SUMS.row], record[SUMS.length], record[READ.n_columns]
    columns, starts = slot(record, READ.columns, lo), slot(record, READ.starts, lo)
    rows, one = frame[records.CHUNK] * record[records.POSITIONS], cast(1, scratch[0])
    for chunk in range(lo // rows, max(lo, hi - 1) // rows + 1):
        dw = advance(slot(record, SUMS.dw, scratch[0]), chunk * m * row)
        db = advance(slot(record, SUMS.db, scratch[0]), chunk * m * row)
        dv = advance(slot(record, SUMS.dv, scratch[0]), chunk * starts[m] * row)
        if lo <= chunk * rows:
            clear_columns(dw, 0, m * row)
            clear_columns(db, 0, m * row)
            clear_columns(dv, 0, starts[m] * row)
        for r in range(max(lo, chunk * rows), min(hi, (chunk + 1) * rows)):
            x = advance(slot(record, READ.x, scratch[0]), r * record[READ.x_stride])
            dout = advance(slot(record, SUMS.dout, scratch[0]), r * record[SUMS.dout_stride])
            for j in range(m):
                value, d = x[columns[j]], advance(dout, record[READ.n_plain] + j * S)
                t, fraction, _ = bin_of(record, value, j)
                for c in range(S):
                    scratch[c] = d[c]
                clear_columns(scratch, S, row)
                add_scaled(advance(dw, j * row), scratch, value, row)
                add_scaled(advance(db, j * row), scratch, one, row)
                add_to_rows(advance(dv, starts[j] * row), scratch, row, t, fraction, row)
    return 0
