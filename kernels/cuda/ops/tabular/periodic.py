"""Periodic embeddings: a thread has a lane of a sum of cosines, which it computes as it goes.

Nothing is kept: a cosine takes less time than what would hold those of a row.
"""

from fusednn.kernels.cuda.language import single
from fusednn.kernels.cuda.ops.tabular.columns import (
    chunks_between,
    copy_back,
    copy_plain,
    rows_of_chunk,
    rows_of_part,
)
from fusednn.kernels.cuda.spreading import clear_columns, everyone, first, first_row, groups
from fusednn.kernels.cuda.sums.rows import (
    first_rows,
    lane_of,
    over_lanes,
    row_of,
    rows_apart,
)
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast, fma
from fusednn.kernels.maths import turn_parts
from fusednn.kernels.ops.tabular import periodic
from fusednn.kernels.ops.tabular.periodic import (
    DX,
    FORWARD,
    MOST_TURNS,
    READ,
    SUMS,
    TWO_PI,
    first_of,
    rows_read,
    slope_of,
)

COSINES, SINES, SLOPES = range(3)
"""What a row of parameters is multiplied by."""


def value_of(record, row, column, like):
    """The number in a row of x of a column, by its number among the chosen ones."""
    x = advance(slot(record, READ.x, like), row * record[READ.x_stride])
    return x[slot(record, READ.columns, row)[column]]


def turn_at(record, x, j, e):
    """Cosine and sine of frequency e of column j, for a number x of it."""
    zero, at = cast(0, x), j * record[READ.frequency_row] + e
    t = slot(record, READ.w, x)[at]
    if record[READ.b] != 0:
        t = fma(t, x, slot(record, READ.b, x)[at] * cast(1 / TWO_PI, x))
    else:
        t = t * x
    cosine, sine = turn_parts(zero if abs(t) >= cast(MOST_TURNS, x) else t)
    return cosine if e < record[READ.frequencies] else zero, sine


def slope_at(record, x, row, j, e, cosine, sine):
    """The gradient by the angle of frequency e of column j in a row, up to the factor 2 pi."""
    wide, S, m = record[READ.frequency_row], record[READ.sums], record[READ.n_columns]
    (dout, out), v = rows_read(record, x, row), slot(record, READ.v, x)
    begin, along, across = first_of(record, j), cast(0, x), cast(0, x)
    for s in range(S):
        at = (s * m + j) * wide + e
        if record[READ.b] != 0:
            along = fma(v[at], slope_of(record, dout, out, begin + 1 + s), along)
        else:
            d = slope_of(record, dout, out, begin + s)
            along = fma(v[at], d, along)
            across = fma(v[at + S * m * wide], d, across)
    return across * cosine - along * sine


def lane_total(record, x, row, j, y, kind):
    """What this thread's lane of y times cosines, sines or slopes adds up to, as `row_products`.

    The last of five parts is what does not fill four chains.
    """
    n, lanes, zero = record[READ.frequency_row], lanes_of(x), cast(0, x)
    whole, total, pair = n // (4 * lanes) * (4 * lanes), zero, zero
    for part in range(5):
        single()
        is_rest = part == 4
        own = total if is_rest else zero
        begin, end = whole if is_rest else part * lanes, n if is_rest else whole
        for e in range(begin + lane_of(x), end, lanes if is_rest else 4 * lanes):
            cosine, sine = turn_at(record, x, j, e)
            factor = cosine if kind == COSINES else sine
            if kind == SLOPES:
                factor = slope_at(record, x, row, j, e, cosine, sine)
            own = fma(factor, y[e], own)
        if is_rest:
            total = own
        elif part % 2 == 1:
            total = pair + own if part == 1 else total + (pair + own)
        else:
            pair = own
    return total


@twin(periodic.periodic_forward)
def periodic_forward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = the plain columns of x, then the embedding of each other;
    overwrites.
    """
    wide, S, m = record[READ.frequency_row], record[READ.sums], record[READ.n_columns]
    zero, is_pbld = cast(0, scratch[0]), record[READ.b] != 0
    x, out = slot(record, READ.x, zero), slot(record, FORWARD.out, zero)
    v, c = slot(record, READ.v, zero), slot(record, FORWARD.c, zero)
    items = (hi - lo) * m * S
    for base in range(first_rows(0, zero), items, rows_apart(zero)):
        item = row_of(base, zero)
        inside = item < items
        item = item if inside else 0
        row, j, s = lo + item // (m * S), item // S % m, item % S
        value, at = value_of(record, row, j, zero), (s * m + j) * wide
        total = lane_total(record, value, row, j, advance(v, at), COSINES) if inside else zero
        there = advance(out, row * record[FORWARD.out_stride] + first_of(record, j))
        answer = c[s * record[FORWARD.column_row] + j] + over_lanes(total, zero)
        if not is_pbld:
            sines = advance(v, at + S * m * wide)
            total = lane_total(record, value, row, j, sines, SINES) if inside else zero
            answer = answer + over_lanes(total, zero)
            answer = zero if answer < zero else answer
        if inside and lane_of(zero) == 0:
            if is_pbld:
                there[1 + s] = answer
                there[0] = value
            else:
                there[s] = answer
    plain, n_plain = slot(record, FORWARD.plain, lo), record[READ.n_plain]
    for row in range(first_row(lo), hi, groups()):
        here = advance(out, row * record[FORWARD.out_stride])
        copy_plain(here, advance(x, row * record[READ.x_stride]), plain, n_plain)
        clear_columns(here, record[FORWARD.width], record[FORWARD.padded])


@twin(periodic.periodic_backward)
def periodic_backward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of dx (B, I) from dout (B, O); overwrites."""
    wide, m, zero = record[READ.frequency_row], record[READ.n_columns], cast(0, scratch[0])
    dx, w, columns = (
        slot(record, DX.dx, zero),
        slot(record, READ.w, zero),
        slot(record, READ.columns, lo),
    )
    items = (hi - lo) * m
    for base in range(first_rows(0, zero), items, rows_apart(zero)):
        item = row_of(base, zero)
        inside = item < items
        item = item if inside else 0
        row, j = lo + item // m, item % m
        value, own = value_of(record, row, j, zero), advance(w, j * wide)
        total = lane_total(record, value, row, j, own, SLOPES) if inside else zero
        total = cast(TWO_PI, zero) * over_lanes(total, zero)
        if inside and lane_of(zero) == 0:
            if record[READ.b] != 0:
                dout, _ = rows_read(record, zero, row)
                total = total + dout[first_of(record, j)]
            dx[row * record[DX.dx_stride] + columns[j]] = total
    plain, n_plain = slot(record, DX.plain, lo), record[READ.n_plain]
    for row in range(first_row(lo), hi, groups()):
        here, (dout, _) = advance(dx, row * record[DX.dx_stride]), rows_read(record, zero, row)
        copy_back(here, dout, plain, n_plain, n_plain + m, record[DX.padded])


def sum_slopes(record, frame, lo, hi, like):
    """The sums of a chunk for the frequencies, and for the phases, if any."""
    n, rows = record[READ.n_columns] * record[READ.frequency_row], rows_of_chunk(record, frame)
    has_phases, turn, zero = record[SUMS.db] != 0, cast(TWO_PI, like), cast(0, like)
    dw = slot(record, SUMS.dw, like)
    db = slot(record, SUMS.db if has_phases else SUMS.dw, like)
    start, chunks = chunks_between(lo, hi, rows)
    for at in range(start * n + first(), (start + chunks) * n, everyone()):
        chunk, j, e = (
            at // n,
            at % n // record[READ.frequency_row],
            at % record[READ.frequency_row],
        )
        top, end = rows_of_part(lo, hi, chunk, rows)
        is_new = lo <= chunk * rows
        total, phase = zero if is_new else dw[at], zero if is_new else db[at]
        for row in range(top, end):
            x = value_of(record, row, j, like)
            cosine, sine = turn_at(record, x, j, e)
            slope = slope_at(record, x, row, j, e, cosine, sine)
            total, phase = fma(slope, turn * x, total), phase + slope
        dw[at] = total
        if has_phases:
            db[at] = phase


def sum_cosines(record, frame, lo, hi, like):
    """The sums of a chunk for the weights of cosines, and of sines, if any."""
    wide, S, m = record[READ.frequency_row], record[READ.sums], record[READ.n_columns]
    n, rows, is_pbld = S * m * wide, rows_of_chunk(record, frame), record[READ.b] != 0
    each, zero, dv = n if is_pbld else 2 * n, cast(0, like), slot(record, SUMS.dv, like)
    start, chunks = chunks_between(lo, hi, rows)
    for item in range(start * n + first(), (start + chunks) * n, everyone()):
        chunk, at = item // n, item % n
        s, j, e = at // (m * wide), at // wide % m, at % wide
        here = advance(dv, chunk * each + at)
        there = here if is_pbld else advance(here, n)
        top, end = rows_of_part(lo, hi, chunk, rows)
        is_new = lo <= chunk * rows
        total, other = zero if is_new else here[0], zero if is_new else there[0]
        for row in range(top, end):
            cosine, sine = turn_at(record, value_of(record, row, j, like), j, e)
            dout, out = rows_read(record, like, row)
            d = slope_of(record, dout, out, first_of(record, j) + (1 if is_pbld else 0) + s)
            total, other = fma(cosine, d, total), fma(sine, d, other)
        if not is_pbld:
            there[0] = other
        here[0] = total


def sum_gradients(record, frame, lo, hi, like):
    """The sums of a chunk for the biases; 0 in the padding."""
    wide, S, m = record[SUMS.column_row], record[READ.sums], record[READ.n_columns]
    n, rows, is_pbld = S * wide, rows_of_chunk(record, frame), record[READ.b] != 0
    zero, dc = cast(0, like), slot(record, SUMS.dc, like)
    start, chunks = chunks_between(lo, hi, rows)
    for at in range(start * n + first(), (start + chunks) * n, everyone()):
        chunk, s, j = at // n, at % n // wide, at % wide
        top, end = rows_of_part(lo, hi, chunk, rows)
        total = zero if lo <= chunk * rows else dc[at]
        for row in range(top, end if j < m else top):
            dout, out = rows_read(record, like, row)
            begin = first_of(record, j) + (1 if is_pbld else 0)
            total = total + slope_of(record, dout, out, begin + s)
        dc[at] = total


@twin(periodic.periodic_sums)
def periodic_sums(record, frame, scratch, lo, hi):
    """Rows [lo, hi): the parameters' gradients of each chunk of samples; overwrites.

    Where lo is within a chunk, its rows so far have been added. There may be no rows, at the
    beginning of a chunk too.
    """
    sum_slopes(record, frame, lo, hi, scratch[0])
    sum_cosines(record, frame, lo, hi, scratch[0])
    sum_gradients(record, frame, lo, hi, scratch[0])
