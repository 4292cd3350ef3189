"""Periodic embeddings: each of some columns becomes a few numbers by learned frequencies.

    PBLD  out = [x, c_s + sum_f v_sf cos(2 pi w_f x + b_f)]
    PLR   out = [max(c_s + sum_f v_sf cos(2 pi w_f x) + u_sf sin(2 pi w_f x), 0)]

for s in [0, S), with parameters of each column's own. PBLD: Holzmüller, Grinsztajn and Steinwart,
"Better by default", NeurIPS 2024. PLR: Gorishniy, Rubachev and Babenko, "On embeddings for
numerical features in tabular deep learning", NeurIPS 2022.

Angles are computed in turns. From 2**20 turns on, where a float32 has no eighths, they count as 0.
The way back computes the cosines again, which takes less time than to keep them. Rows of
parameters are padded with zeros to whole vectors, and cosines there are 0.
"""

from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast, fma
from fusednn.kernels.intrinsics.short_rows import add_scaled, fill_row
from fusednn.kernels.intrinsics.sums import row_products
from fusednn.kernels.maths import turn_parts
from fusednn.kernels.operands import (
    COUNT,
    INT64,
    REALS,
    ROWS,
    maybe,
    op,
    operands,
    padded_width_of,
    width_of,
)
from fusednn.kernels.ops.pointwise.elementwise import add_row, clear_columns

TWO_PI = 6.283185307179586
MOST_TURNS = 2.0**20
ROWS_OF_SCRATCH = 4
"""Rows of the scratch, each as long as all columns' frequencies."""

READ = operands(
    x=ROWS,
    w=REALS,  # (columns, frequencies)
    b=maybe(REALS),  # alike: PBLD
    v=REALS,  # (S, columns, frequencies); of PLR (2 S, ...), where those of the sines follow
    columns=INT64,  # of x
    n_columns=COUNT,
    frequencies=COUNT,
    frequency_row=COUNT,  # padded
    sums=COUNT,  # S
    n_plain=COUNT,  # the columns of x that are copied, which come first
)
FORWARD = operands(
    READ,
    out=ROWS,
    c=REALS,  # (S, columns)
    column_row=COUNT,  # padded columns
    plain=INT64,
    width=width_of("out"),
    padded=padded_width_of("out"),
)
BACK = operands(READ, dout=ROWS, out=maybe(ROWS))  # PLR reads the output
DX = operands(BACK, dx=ROWS, plain=INT64, padded=padded_width_of("dx"))
SUMS = operands(
    BACK, dw=REALS, db=maybe(REALS), dv=REALS, dc=REALS, column_row=COUNT
)  # for each chunk, as the parameters


@kernel
def first_of(record, column):
    """The first column of out that the column of that number fills."""
    size = record[READ.sums] + (1 if record[READ.b] != 0 else 0)
    return record[READ.n_plain] + column * size


@kernel
def find_turns(record, x, cosines, sines):
    """cosines and sines of all angles of a row x; overwrites."""
    row = record[READ.frequency_row]
    columns = slot(record, READ.columns, row)
    w, n, zero = slot(record, READ.w, x[0]), row * record[READ.n_columns], cast(0, x[0])
    for j in range(record[READ.n_columns]):
        fill_row(advance(cosines, j * row), x[columns[j]], row)
    if record[READ.b] != 0:
        b, turn = slot(record, READ.b, x[0]), cast(1 / TWO_PI, x[0])
        for e in range(n):
            cosines[e] = fma(w[e], cosines[e], b[e] * turn)
    else:
        for e in range(n):
            cosines[e] = w[e] * cosines[e]
    most = cast(MOST_TURNS, x[0])
    for e in range(n):
        t = cosines[e]
        cosines[e], sines[e] = turn_parts(zero if abs(t) >= most else t)
    for j in range(record[READ.n_columns]):
        clear_columns(advance(cosines, j * row), record[READ.frequencies], row)


@op(FORWARD)
def periodic_forward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = the plain columns of x, then the embedding of each other;
    overwrites (Holzmüller et al., 2024).
    """
    row, S, m = record[READ.frequency_row], record[READ.sums], record[READ.n_columns]
    cosines, sines = scratch, advance(scratch, row * m)
    v, c = slot(record, READ.v, scratch[0]), slot(record, FORWARD.c, scratch[0])
    plain, columns = slot(record, FORWARD.plain, lo), slot(record, READ.columns, lo)
    is_pbld, zero = record[READ.b] != 0, cast(0, scratch[0])
    for r in range(lo, hi):
        x = advance(slot(record, READ.x, scratch[0]), r * record[READ.x_stride])
        out = advance(slot(record, FORWARD.out, scratch[0]), r * record[FORWARD.out_stride])
        for k in range(record[READ.n_plain]):
            out[k] = x[plain[k]]
        find_turns(record, x, cosines, sines)
        for j in range(m):
            there = advance(out, first_of(record, j))
            h, g = advance(cosines, j * row), advance(sines, j * row)
            if is_pbld:
                there[0] = x[columns[j]]
                there = advance(there, 1)
            for s in range(S):
                at = (s * m + j) * row
                value = c[s * record[FORWARD.column_row] + j] + row_products(
                    h, advance(v, at), row
                )
                if not is_pbld:
                    value = value + row_products(g, advance(v, at + S * m * row), row)
                    value = zero if value < zero else value
                there[s] = value
        clear_columns(out, record[FORWARD.width], record[FORWARD.padded])
    return 0


@kernel
def slope_of(record, dout, out, at):
    """The gradient at an element before the floor of PLR."""
    zero = cast(0, dout[0])
    return dout[at] if record[READ.b] != 0 or out[at] > zero else zero


@kernel
def rows_read(record, like, r):
    """Row r of dout, and of out where that is read."""
    dout = advance(slot(record, BACK.dout, like), r * record[BACK.dout_stride])
    if record[BACK.out] == 0:
        return dout, dout
    return dout, advance(slot(record, BACK.out, like), r * record[BACK.out_stride])


@kernel
def find_slopes(record, scratch, x, dout, out):
    """cosines and sines of a row, and the gradient by its angles, in the scratch; overwrites."""
    row, S, m = record[READ.frequency_row], record[READ.sums], record[READ.n_columns]
    n, v = row * m, slot(record, READ.v, scratch[0])
    cosines, sines = scratch, advance(scratch, n)
    slopes, others = advance(scratch, 2 * n), advance(scratch, 3 * n)
    is_pbld = record[READ.b] != 0
    find_turns(record, x, cosines, sines)
    clear_columns(slopes, 0, 2 * n)
    for j in range(m):
        first = first_of(record, j) + (1 if is_pbld else 0)
        for s in range(S):
            d, at = slope_of(record, dout, out, first + s), (s * m + j) * row
            add_scaled(advance(slopes, j * row), advance(v, at), d, row)
            if not is_pbld:
                at += S * m * row
                add_scaled(advance(others, j * row), advance(v, at), d, row)
    for e in range(n):
        slopes[e] = others[e] * cosines[e] - slopes[e] * sines[e]


@op(DX)
def periodic_backward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of dx (B, I) from dout (B, O); overwrites."""
    row, m = record[READ.frequency_row], record[READ.n_columns]
    slopes, w = advance(scratch, 2 * m * row), slot(record, READ.w, scratch[0])
    plain, columns = slot(record, DX.plain, lo), slot(record, READ.columns, lo)
    turn = cast(TWO_PI, scratch[0])
    for r in range(lo, hi):
        x = advance(slot(record, READ.x, scratch[0]), r * record[READ.x_stride])
        dx = advance(slot(record, DX.dx, scratch[0]), r * record[DX.dx_stride])
        dout, out = rows_read(record, scratch[0], r)
        find_slopes(record, scratch, x, dout, out)
        clear_columns(dx, 0, record[DX.padded])
        for k in range(record[READ.n_plain]):
            dx[plain[k]] = dout[k]
        for j in range(m):
            total = turn * row_products(advance(w, j * row), advance(slopes, j * row), row)
            dx[columns[j]] = total + dout[first_of(record, j)] if record[READ.b] != 0 else total
    return 0


@kernel
def clear_sums(record, dw, dv, dc):
    """Sets the sums of a chunk to 0; those of b follow w's."""
    row, S, m = record[READ.frequency_row], record[READ.sums], record[READ.n_columns]
    clear_columns(dw, 0, m * row)
    clear_columns(dv, 0, (S if record[READ.b] != 0 else 2 * S) * m * row)
    clear_columns(dc, 0, S * record[SUMS.column_row])


@kernel
def add_outer(record, scratch, dv, dc, dout, out):
    """dv += the cosines (and sines) times the gradient of each embedding, and dc += that."""
    row, S, m = record[READ.frequency_row], record[READ.sums], record[READ.n_columns]
    cosines, sines, is_pbld = scratch, advance(scratch, m * row), record[READ.b] != 0
    for j in range(m):
        first = first_of(record, j) + (1 if is_pbld else 0)
        for s in range(S):
            d, at = slope_of(record, dout, out, first + s), (s * m + j) * row
            add_scaled(advance(dv, at), advance(cosines, j * row), d, row)
            if not is_pbld:
                add_scaled(advance(dv, at + S * m * row), advance(sines, j * row), d, row)
            place = s * record[SUMS.column_row] + j
            dc[place] = dc[place] + d


@op(SUMS)
def periodic_sums(record, frame, scratch, lo, hi):
    """Rows [lo, hi): the parameters' gradients of each chunk of samples; overwrites.

    Where lo is within a chunk, its rows so far have been added. There may be no rows, at the
    beginning of a chunk too.
    """
    row, S, m = record[READ.frequency_row], record[READ.sums], record[READ.n_columns]
    rows, columns = (
        frame[records.CHUNK] * record[records.POSITIONS],
        slot(record, READ.columns, lo),
    )
    slopes, turn = advance(scratch, 2 * m * row), cast(TWO_PI, scratch[0])
    each = (S if record[READ.b] != 0 else 2 * S) * m * row
    for chunk in range(lo // rows, max(lo, hi - 1) // rows + 1):
        dw = advance(slot(record, SUMS.dw, scratch[0]), chunk * m * row)
        dv = advance(slot(record, SUMS.dv, scratch[0]), chunk * each)
        dc = advance(slot(record, SUMS.dc, scratch[0]), chunk * S * record[SUMS.column_row])
        db = dw
        if record[SUMS.db] != 0:
            db = advance(slot(record, SUMS.db, scratch[0]), chunk * m * row)
        if lo <= chunk * rows:
            clear_sums(record, dw, dv, dc)
            clear_columns(db, 0, m * row)
        for r in range(max(lo, chunk * rows), min(hi, (chunk + 1) * rows)):
            x = advance(slot(record, READ.x, scratch[0]), r * record[READ.x_stride])
            dout, out = rows_read(record, scratch[0], r)
            find_slopes(record, scratch, x, dout, out)
            add_outer(record, scratch, dv, dc, dout, out)
            for j in range(m):
                factor = turn * x[columns[j]]
                add_scaled(advance(dw, j * row), advance(slopes, j * row), factor, row)
            if record[SUMS.db] != 0:
                add_row(db, slopes, m * row)
    return 0
