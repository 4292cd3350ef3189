"""Piecewise-linear encodings and embeddings: threads share the bins, or the sums, of a column."""

from fusednn.kernels.cuda.ops.tabular.columns import (
    chunks_between,
    copy_back,
    copy_plain,
    rows_of_chunk,
    rows_of_part,
)
from fusednn.kernels.cuda.spreading import (
    GROUP,
    clear_columns,
    everyone,
    first,
    first_column,
    first_row,
    groups,
)
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast, fma
from fusednn.kernels.ops.tabular import bins
from fusednn.kernels.ops.tabular.bins import (
    EMBED,
    EMBED_BACK,
    ENCODE,
    ENCODE_BACK,
    READ,
    SUMS,
    TABLES,
    bin_of,
)


def value_of(record, row, column, like):
    """The number in a row of x of a column, by its number among the chosen ones."""
    x = advance(slot(record, READ.x, like), row * record[READ.x_stride])
    return x[slot(record, READ.columns, row)[column]]


def bins_of(record, column, like):
    """The edges of a column, and the number of its bins."""
    starts = slot(record, READ.starts, column)
    first_bin, count = starts[column], starts[column + 1] - starts[column]
    return advance(slot(record, READ.edges, like), first_bin + column), count


def is_full(edges, k, count, x):
    """Whether a number is beyond bin k, which is not the last."""
    return k + 1 < count and x >= edges[k + 1]


def is_reached(edges, k, x):
    """Whether a number is not before bin k; a NaN reaches the first."""
    return k == 0 or x >= edges[k]


def part_of(edges, k, x):
    """How far into bin k a number is: below 0 before the first, over 1 behind the last."""
    return (x - edges[k]) / (edges[k + 1] - edges[k])


@twin(bins.encode_bins)
def encode_bins(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = the plain columns of x, then the encoding of each other;
    overwrites.
    """
    m, n_plain = record[READ.n_columns], record[READ.n_plain]
    zero, one = cast(0, scratch[0]), cast(1, scratch[0])
    x, out = slot(record, READ.x, zero), slot(record, ENCODE.out, zero)
    starts, stride = slot(record, READ.starts, lo), record[ENCODE.out_stride]
    for item in range(first_row(0), (hi - lo) * m, groups()):
        row, j = lo + item // m, item % m
        value = value_of(record, row, j, zero)
        edges, count = bins_of(record, j, zero)
        there = advance(out, row * stride + n_plain + starts[j])
        for k in range(first_column(), count, GROUP):
            part = part_of(edges, k, value)
            part = part if is_reached(edges, k, value) else zero
            there[k] = one if is_full(edges, k, count, value) else part
    plain, width = slot(record, ENCODE.plain, lo), n_plain + starts[m]
    for row in range(first_row(lo), hi, groups()):
        here = advance(out, row * stride)
        copy_plain(here, advance(x, row * record[READ.x_stride]), plain, n_plain)
        clear_columns(here, width, record[ENCODE.padded])


@twin(bins.encode_bins_backward)
def encode_bins_backward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of dx (B, I) from dout (B, O); overwrites."""
    m, n_plain, zero = record[READ.n_columns], record[READ.n_plain], cast(0, scratch[0])
    dx, dout = slot(record, ENCODE_BACK.dx, zero), slot(record, ENCODE_BACK.dout, zero)
    columns, starts = slot(record, READ.columns, lo), slot(record, READ.starts, lo)
    for item in range(first(), (hi - lo) * m, everyone()):
        row, j = lo + item // m, item % m
        t, _, width = bin_of(record, value_of(record, row, j, zero), j)
        d = advance(dout, row * record[ENCODE_BACK.dout_stride] + n_plain)
        dx[row * record[ENCODE_BACK.dx_stride] + columns[j]] = d[starts[j] + t] / width
    plain = slot(record, ENCODE_BACK.plain, lo)
    for row in range(first_row(lo), hi, groups()):
        here = advance(dx, row * record[ENCODE_BACK.dx_stride])
        d = advance(dout, row * record[ENCODE_BACK.dout_stride])
        copy_back(here, d, plain, n_plain, n_plain + m, record[ENCODE_BACK.padded])


@twin(bins.embed_bins)
def embed_bins(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = the plain columns of x, then the embedding of each other;
    overwrites.
    """
    m, n_plain, zero = record[READ.n_columns], record[READ.n_plain], cast(0, scratch[0])
    x, out = slot(record, READ.x, zero), slot(record, EMBED.out, zero)
    w, b, v = (
        slot(record, TABLES.w, zero),
        slot(record, EMBED.b, zero),
        slot(record, TABLES.v, zero),
    )
    starts, stride = slot(record, READ.starts, lo), record[EMBED.out_stride]
    S, wide = record[TABLES.length], record[TABLES.row]
    for item in range(first_row(0), (hi - lo) * m, groups()):
        row, j = lo + item // m, item % m
        value = value_of(record, row, j, zero)
        t, fraction, _ = bin_of(record, value, j)
        there = advance(out, row * stride + n_plain + j * S)
        for c in range(first_column(), S, GROUP):
            total = fma(w[j * wide + c], value, b[j * wide + c])
            own = advance(v, starts[j] * wide + c)
            for k in range(t):
                total = total + own[k * wide]
            there[c] = fma(own[t * wide], fraction, total)
    plain = slot(record, EMBED.plain, lo)
    for row in range(first_row(lo), hi, groups()):
        here = advance(out, row * stride)
        copy_plain(here, advance(x, row * record[READ.x_stride]), plain, n_plain)
        clear_columns(here, record[EMBED.width], record[EMBED.padded])


@twin(bins.embed_bins_backward)
def embed_bins_backward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of dx (B, I) from dout (B, O); overwrites."""
    m, n_plain, zero = record[READ.n_columns], record[READ.n_plain], cast(0, scratch[0])
    dx, dout = slot(record, EMBED_BACK.dx, zero), slot(record, EMBED_BACK.dout, zero)
    columns, starts = slot(record, READ.columns, lo), slot(record, READ.starts, lo)
    w, v = slot(record, TABLES.w, zero), slot(record, TABLES.v, zero)
    S, wide = record[TABLES.length], record[TABLES.row]
    for item in range(first(), (hi - lo) * m, everyone()):
        row, j = lo + item // m, item % m
        t, _, width = bin_of(record, value_of(record, row, j, zero), j)
        d = advance(dout, row * record[EMBED_BACK.dout_stride] + n_plain + j * S)
        slopes, own, total = advance(v, (starts[j] + t) * wide), advance(w, j * wide), zero
        for c in range(S):
            total += d[c] * (own[c] + slopes[c] / width)
        dx[row * record[EMBED_BACK.dx_stride] + columns[j]] = total
    plain = slot(record, EMBED_BACK.plain, lo)
    for row in range(first_row(lo), hi, groups()):
        here = advance(dx, row * record[EMBED_BACK.dx_stride])
        d = advance(dout, row * record[EMBED_BACK.dout_stride])
        copy_back(here, d, plain, n_plain, n_plain + m, record[EMBED_BACK.padded])


def slope_of(record, row, j, c, like):
    """The gradient at element c of the embedding of a column; 0 in the padding."""
    S, n_plain = record[SUMS.length], record[READ.n_plain]
    if c >= S:
        return cast(0, like)
    at = row * record[SUMS.dout_stride] + n_plain + j * S + c
    return slot(record, SUMS.dout, like)[at]


@twin(bins.embed_bins_sums)
def embed_bins_sums(record, frame, scratch, lo, hi):
    """Rows [lo, hi): the parameters' gradients of each chunk of samples; overwrites.

    Where lo is within a chunk, its rows so far have been added. There may be no rows, at the
    beginning of a chunk too.
    """
    wide, m, rows = record[SUMS.row], record[READ.n_columns], rows_of_chunk(record, frame)
    starts, zero, one = slot(record, READ.starts, lo), cast(0, scratch[0]), cast(1, scratch[0])
    dw, db, dv = (
        slot(record, SUMS.dw, zero),
        slot(record, SUMS.db, zero),
        slot(record, SUMS.dv, zero),
    )
    start, chunks = chunks_between(lo, hi, rows)
    for item in range(first(), chunks * m * wide, everyone()):
        at = start * m * wide + item
        chunk, j, c = at // (m * wide), at // wide % m, at % wide
        top, end = rows_of_part(lo, hi, chunk, rows)
        is_new = lo <= chunk * rows
        total, bias = zero if is_new else dw[at], zero if is_new else db[at]
        for row in range(top, end):
            d = slope_of(record, row, j, c, zero)
            total = fma(d, value_of(record, row, j, zero), total)
            bias = fma(d, one, bias)
        dw[at] = total
        db[at] = bias
    each = starts[m] * wide
    for item in range(first(), chunks * each, everyone()):
        at = start * each + item
        chunk, k, c, j = at // each, at % each // wide, at % wide, 0
        while starts[j + 1] <= k:
            j += 1
        k -= starts[j]
        edges, count = bins_of(record, j, zero)
        top, end = rows_of_part(lo, hi, chunk, rows)
        total = zero if lo <= chunk * rows else dv[at]
        for row in range(top, end):
            d, value = slope_of(record, row, j, c, zero), value_of(record, row, j, zero)
            if is_full(edges, k, count, value):
                total = total + d
            elif is_reached(edges, k, value):
                total = fma(d, part_of(edges, k, value), total)
        dv[at] = total
