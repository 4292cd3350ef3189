"""Norms of the columns of a layer's weights: bounds on them, and weight normalisation.

    w[:, o] <- w[:, o] min(1, largest / |w[:, o]|)
    w[:, o]  = v[:, o] g[o] / |v[:, o]|

A column holds the incoming weights of one unit. The first is the max-norm of Srivastava et al.,
"Dropout: a simple way to prevent neural networks from overfitting", JMLR 15, 2014, section 5.1.
The second is Salimans and Kingma, "Weight normalization: a simple reparameterization to accelerate
training of deep neural networks", NIPS 2016, with their equation 3 for the gradients.

A task is the panel that begins at column lo, or units [lo, hi) of the narrow form. Loops over a
panel take BLOCK rows at a time, so the scratch holds BLOCK copies of its columns' sums or factors.
"""

import math

from fusednn.kernels._jit import inline, kernel
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.sums import dot_one, sum_squares
from fusednn.kernels.operands import COUNT, NUMBER, REALS, maybe, op, operands

from .update import panel_width, refresh_transposed

BLOCK = 16
"""Rows per loop: a multiple of every shape's lanes, as the transpose needs. Two such blocks fit
into the scratch."""

PANELS = operands(fan_in=COUNT, columns=COUNT, transposed=maybe(REALS))
BOUND = operands(PANELS, w=REALS, largest=NUMBER)
NORMALISE = operands(PANELS, w=REALS, v=REALS, norms=REALS)
"""`norms` are g, one for each unit, zeros in the padding."""

DIFFERENTIATE = operands(PANELS, v=REALS, dw=REALS, norms=REALS, dnorms=REALS)

UNITS = operands(fan_in=COUNT, w_stride=COUNT)
"""For the narrow form; `fan_in` has the same slot as in PANELS."""

BOUND_UNITS = operands(UNITS, w=REALS, largest=NUMBER)
NORMALISE_UNITS = operands(UNITS, w=REALS, v=REALS, norms=REALS)
DIFFERENTIATE_UNITS = operands(UNITS, v=REALS, dw=REALS, norms=REALS, dnorms=REALS)


@inline
def multiply(out, x, factors, n):
    """out (n) = x factors; overwrites. Inlined with out = x, it needs no test for overlap."""
    for i in range(n):
        out[i] = x[i] * factors[i]


@kernel
def repeat_row(block, width):
    """Copies the first row of block (BLOCK, width) to its other rows; overwrites."""
    for r in range(1, BLOCK):
        row = advance(block, r * width)
        for c in range(width):
            row[c] = block[c]


@kernel
def fold_rows(block, width):
    """Sums the rows of block (BLOCK, width) into its first row; in place."""
    rows = BLOCK // 2
    while rows > 0:
        half = advance(block, rows * width)
        for i in range(rows * width):
            block[i] = block[i] + half[i]
        rows //= 2


@kernel
def sum_products(block, x, y, rows, width):
    """block (width) = the sums of x y (rows, width) over rows; overwrites BLOCK rows."""
    for i in range(BLOCK * width):
        block[i] = cast(0, block[0])
    first = 0
    while first < rows:
        xs, ys = advance(x, first * width), advance(y, first * width)
        for i in range(min(BLOCK, rows - first) * width):
            block[i] = block[i] + xs[i] * ys[i]
        first += BLOCK
    fold_rows(block, width)


@kernel
def panel_at(record, index, j, like):
    """The panel that begins at column j, of the matrix in slot `index`."""
    return advance(slot(record, index, like), j * record[PANELS.fan_in])


@kernel
def padded_rows(record, like):
    """fan_in rounded up to whole vectors; the narrow form holds zeros beyond fan_in."""
    lanes = lanes_of(like)
    return (record[PANELS.fan_in] + lanes - 1) // lanes * lanes


@kernel
def refresh_rows(record, w, i, j, width):
    """Writes rows [i, i + BLOCK) of the panel w at column j into the panels of w^T."""
    if record[PANELS.transposed] == 0:
        return
    rows, columns = min(BLOCK, record[PANELS.fan_in] - i), record[PANELS.columns]
    refresh_transposed(
        slot(record, PANELS.transposed, w[0]), advance(w, i * width), i, j, rows, width, width,
        columns, padded_rows(record, w[0]),
    )  # fmt: skip


@op(BOUND)
def bound_columns(record, frame, scratch, lo, hi):
    """Columns of w (I, O) in the panel at lo, scaled to a norm of at most largest; in place."""
    width, rows = panel_width(record[PANELS.columns], lo, scratch[0]), record[PANELS.fan_in]
    w = panel_at(record, BOUND.w, lo, scratch[0])
    largest = number(record, BOUND.largest, scratch[0])
    sum_products(scratch, w, w, rows, width)
    longer = 0
    for c in range(width):
        norm = cast(math.sqrt(scratch[c]), largest)
        longer += 1 if norm > largest else 0
        scratch[c] = largest / norm if norm > largest else cast(1, largest)
    if longer == 0:
        return 0
    repeat_row(scratch, width)
    i = 0
    while i < rows:
        there = advance(w, i * width)
        multiply(there, there, scratch, min(BLOCK, rows - i) * width)
        refresh_rows(record, w, i, lo, width)
        i += BLOCK
    return 0


@op(NORMALISE)
def normalise_columns(record, frame, scratch, lo, hi):
    """Columns of w (I, O) = v (I, O) norms (O) / |v| in the panel at lo; overwrites."""
    width, rows = panel_width(record[PANELS.columns], lo, scratch[0]), record[PANELS.fan_in]
    w = panel_at(record, NORMALISE.w, lo, scratch[0])
    v = panel_at(record, NORMALISE.v, lo, scratch[0])
    norms = advance(slot(record, NORMALISE.norms, scratch[0]), lo)
    sum_products(scratch, v, v, rows, width)
    zero = cast(0, scratch[0])
    for c in range(width):
        square, norm = scratch[c], norms[c]
        scratch[c] = zero if square == zero else norm / cast(math.sqrt(square), zero)
    repeat_row(scratch, width)
    i = 0
    while i < rows:
        at, n = i * width, min(BLOCK, rows - i) * width
        multiply(advance(w, at), advance(v, at), scratch, n)
        refresh_rows(record, w, i, lo, width)
        i += BLOCK
    return 0


@op(DIFFERENTIATE)
def differentiate_columns(record, frame, scratch, lo, hi):
    """In the panel at lo, the gradient dw (I, O) by w becomes that by v; overwrites dnorms (O)."""
    width, rows = panel_width(record[PANELS.columns], lo, scratch[0]), record[PANELS.fan_in]
    v = panel_at(record, DIFFERENTIATE.v, lo, scratch[0])
    dw = panel_at(record, DIFFERENTIATE.dw, lo, scratch[0])
    norms = advance(slot(record, DIFFERENTIATE.norms, scratch[0]), lo)
    dnorms = advance(slot(record, DIFFERENTIATE.dnorms, scratch[0]), lo)
    factors, shares = scratch, advance(scratch, BLOCK * width)
    sum_products(factors, dw, v, rows, width)
    sum_products(shares, v, v, rows, width)
    zero = cast(0, scratch[0])
    for c in range(width):
        along, square, factor = factors[c], shares[c], norms[c]
        inverse = zero if square == zero else cast(1, zero) / cast(math.sqrt(square), zero)
        along, factor = along * inverse, factor * inverse
        dnorms[c], factors[c], shares[c] = along, factor, factor * along * inverse
    repeat_row(factors, width)
    repeat_row(shares, width)
    i = 0
    while i < rows:
        g, x = advance(dw, i * width), advance(v, i * width)
        for q in range(min(BLOCK, rows - i) * width):
            g[q] = factors[q] * g[q] - shares[q] * x[q]
        i += BLOCK
    return 0


@op(BOUND_UNITS)
def bound_vectors(record, frame, scratch, lo, hi):
    """bound_columns for units [lo, hi) of the narrow form; in place."""
    largest = number(record, BOUND_UNITS.largest, 0.0)
    for unit in range(lo, hi):
        w = advance(slot(record, BOUND_UNITS.w, scratch[0]), unit * record[UNITS.w_stride])
        norm = math.sqrt(sum_squares(w, padded_rows(record, scratch[0])))
        if norm > largest:
            factor = cast(largest / norm, scratch[0])
            for i in range(record[UNITS.fan_in]):
                w[i] = w[i] * factor
    return 0


@op(NORMALISE_UNITS)
def normalise_vectors(record, frame, scratch, lo, hi):
    """normalise_columns for units [lo, hi) of the narrow form; overwrites."""
    norms = slot(record, NORMALISE_UNITS.norms, scratch[0])
    for unit in range(lo, hi):
        w = advance(slot(record, NORMALISE_UNITS.w, scratch[0]), unit * record[UNITS.w_stride])
        v = advance(slot(record, NORMALISE_UNITS.v, scratch[0]), unit * record[UNITS.w_stride])
        square = sum_squares(v, padded_rows(record, scratch[0]))
        quotient = 0.0 if square == 0.0 else cast(norms[unit], 0.0) / math.sqrt(square)
        factor = cast(quotient, scratch[0])
        for i in range(record[UNITS.fan_in]):
            w[i] = v[i] * factor
    return 0


@op(DIFFERENTIATE_UNITS)
def differentiate_vectors(record, frame, scratch, lo, hi):
    """differentiate_columns for units [lo, hi) of the narrow form; dw in place."""
    norms, zero = slot(record, DIFFERENTIATE_UNITS.norms, scratch[0]), cast(0, scratch[0])
    dnorms, rows = slot(record, DIFFERENTIATE_UNITS.dnorms, scratch[0]), record[UNITS.fan_in]
    for unit in range(lo, hi):
        v = advance(slot(record, DIFFERENTIATE_UNITS.v, scratch[0]), unit * record[UNITS.w_stride])
        dw = advance(
            slot(record, DIFFERENTIATE_UNITS.dw, scratch[0]), unit * record[UNITS.w_stride]
        )
        square = sum_squares(v, padded_rows(record, zero))
        inverse = 0.0 if square == 0.0 else 1.0 / math.sqrt(square)
        dot_one(scratch, 0, dw, 0, v, rows, zero)
        along = cast(scratch[0], 0.0) * inverse
        ratio = cast(norms[unit], 0.0) * inverse
        dnorms[unit] = cast(along, zero)
        factor, share = cast(ratio, zero), cast(ratio * along * inverse, zero)
        for i in range(rows):
            dw[i] = factor * dw[i] - share * v[i]
    return 0
