"""Lengths of the columns of a layer's weights: a bound on them, and weight normalisation.

    w[:, o] <- w[:, o] min(1, largest / |w[:, o]|)
    w[:, o]  = v[:, o] g[o] / |v[:, o]|

A column is what leads to one unit. The first is the max-norm of Srivastava et al., "Dropout: a
simple way to prevent neural networks from overfitting", JMLR 15, 2014, section 5.1. The second is
Salimans and Kingma, "Weight normalization: a simple reparameterization to accelerate training of
deep neural networks", NIPS 2016, with their equation 3 for the gradients.

A task is the panel that begins at column lo, or units [lo, hi) of `few`'s vectors. Of a panel,
BLOCK rows are one loop: sums and factors of its columns stand BLOCK times in the scratch.
"""

import math

from fusednn.kernels._jit import inline, kernel
from fusednn.kernels.intrinsics.layout import dot_one, lanes_of, sum_squares
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast

from .dense import COLUMNS, ROWS_IN, TRANSPOSED, panel_width, refresh_transposed
from .few import W_STRIDE

BLOCK = 16
"""Rows: whole squares of the transpose on every shape, and two blocks fit into the scratch."""

# more operands of all, in the form of the weights; TRANSPOSED may be 0
W = 1
V = 2
DW = 3
LENGTHS = 4  # g, one for each unit, zeros in the padding
DLENGTHS = 5
LARGEST = 9


@inline
def multiply(out, x, factors, n):
    """out (n) = x factors; overwrites. In place no two addresses need to be compared."""
    for i in range(n):
        out[i] = x[i] * factors[i]


@kernel
def repeat_row(block, width):
    """The first row of block (BLOCK, width) in all its rows; overwrites."""
    for r in range(1, BLOCK):
        row = advance(block, r * width)
        for c in range(width):
            row[c] = block[c]


@kernel
def fold_rows(block, width):
    """The sum of the rows of block (BLOCK, width) in its first row; in place."""
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
    return advance(slot(record, index, like), j * record[ROWS_IN])


@kernel
def padded_rows(record, like):
    """ROWS_IN in whole vectors; in `few`'s form what is beyond it is zero."""
    lanes = lanes_of(like)
    return (record[ROWS_IN] + lanes - 1) // lanes * lanes


@kernel
def refresh_rows(record, w, i, j, width):
    """Writes rows [i, i + BLOCK) of W's panel w at column j into the panels of w^T."""
    if record[TRANSPOSED] == 0:
        return
    refresh_transposed(
        slot(record, TRANSPOSED, w[0]), advance(w, i * width), i, j,
        min(BLOCK, record[ROWS_IN] - i), width, width, record[COLUMNS], padded_rows(record, w[0]),
    )  # fmt: skip


@kernel
def bound_columns(record, frame, scratch, lo, hi):
    """Columns of W (I, O) in the panel at lo, scaled to a length of at most LARGEST; in place."""
    width, rows = panel_width(record[COLUMNS], lo, scratch[0]), record[ROWS_IN]
    w, largest = panel_at(record, W, lo, scratch[0]), number(record, LARGEST, scratch[0])
    sum_products(scratch, w, w, rows, width)
    longer = 0
    for c in range(width):
        length = cast(math.sqrt(scratch[c]), largest)
        longer += 1 if length > largest else 0
        scratch[c] = largest / length if length > largest else cast(1, largest)
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


@kernel
def normalise_columns(record, frame, scratch, lo, hi):
    """Columns of W (I, O) = V (I, O) LENGTHS (O) / |V|, in the panel at lo; overwrites."""
    width, rows = panel_width(record[COLUMNS], lo, scratch[0]), record[ROWS_IN]
    w, v = panel_at(record, W, lo, scratch[0]), panel_at(record, V, lo, scratch[0])
    lengths = advance(slot(record, LENGTHS, scratch[0]), lo)
    sum_products(scratch, v, v, rows, width)
    zero = cast(0, scratch[0])
    for c in range(width):
        square, length = scratch[c], lengths[c]
        scratch[c] = zero if square == zero else length / cast(math.sqrt(square), zero)
    repeat_row(scratch, width)
    i = 0
    while i < rows:
        at, n = i * width, min(BLOCK, rows - i) * width
        multiply(advance(w, at), advance(v, at), scratch, n)
        refresh_rows(record, w, i, lo, width)
        i += BLOCK
    return 0


@kernel
def differentiate_columns(record, frame, scratch, lo, hi):
    """DW (I, O) from the gradient of W to that of V, in place; DLENGTHS (O), overwrites."""
    width, rows = panel_width(record[COLUMNS], lo, scratch[0]), record[ROWS_IN]
    v, dw = panel_at(record, V, lo, scratch[0]), panel_at(record, DW, lo, scratch[0])
    lengths = advance(slot(record, LENGTHS, scratch[0]), lo)
    dlengths = advance(slot(record, DLENGTHS, scratch[0]), lo)
    factors, shares = scratch, advance(scratch, BLOCK * width)
    sum_products(factors, dw, v, rows, width)
    sum_products(shares, v, v, rows, width)
    zero = cast(0, scratch[0])
    for c in range(width):
        along, square, factor = factors[c], shares[c], lengths[c]
        inverse = zero if square == zero else cast(1, zero) / cast(math.sqrt(square), zero)
        along, factor = along * inverse, factor * inverse
        dlengths[c], factors[c], shares[c] = along, factor, factor * along * inverse
    repeat_row(factors, width)
    repeat_row(shares, width)
    i = 0
    while i < rows:
        g, x = advance(dw, i * width), advance(v, i * width)
        for q in range(min(BLOCK, rows - i) * width):
            g[q] = factors[q] * g[q] - shares[q] * x[q]
        i += BLOCK
    return 0


@kernel
def bound_vectors(record, frame, scratch, lo, hi):
    """bound_columns for units [lo, hi) of `few`'s form; in place."""
    largest = number(record, LARGEST, 0.0)
    for unit in range(lo, hi):
        w = advance(slot(record, W, scratch[0]), unit * record[W_STRIDE])
        length = math.sqrt(sum_squares(w, padded_rows(record, scratch[0])))
        if length > largest:
            factor = cast(largest / length, scratch[0])
            for i in range(record[ROWS_IN]):
                w[i] = w[i] * factor
    return 0


@kernel
def normalise_vectors(record, frame, scratch, lo, hi):
    """normalise_columns for units [lo, hi) of `few`'s form; overwrites."""
    lengths = slot(record, LENGTHS, scratch[0])
    for unit in range(lo, hi):
        w = advance(slot(record, W, scratch[0]), unit * record[W_STRIDE])
        v = advance(slot(record, V, scratch[0]), unit * record[W_STRIDE])
        square = sum_squares(v, padded_rows(record, scratch[0]))
        quotient = 0.0 if square == 0.0 else cast(lengths[unit], 0.0) / math.sqrt(square)
        factor = cast(quotient, scratch[0])
        for i in range(record[ROWS_IN]):
            w[i] = v[i] * factor
    return 0


@kernel
def differentiate_vectors(record, frame, scratch, lo, hi):
    """differentiate_columns for units [lo, hi) of `few`'s form; DW in place."""
    lengths, zero = slot(record, LENGTHS, scratch[0]), cast(0, scratch[0])
    dlengths, rows = slot(record, DLENGTHS, scratch[0]), record[ROWS_IN]
    for unit in range(lo, hi):
        v = advance(slot(record, V, scratch[0]), unit * record[W_STRIDE])
        dw = advance(slot(record, DW, scratch[0]), unit * record[W_STRIDE])
        square = sum_squares(v, padded_rows(record, zero))
        inverse = 0.0 if square == 0.0 else 1.0 / math.sqrt(square)
        dot_one(scratch, 0, dw, 0, v, rows, zero)
        along = cast(scratch[0], 0.0) * inverse
        ratio = cast(lengths[unit], 0.0) * inverse
        dlengths[unit] = cast(along, zero)
        factor, share = cast(ratio, zero), cast(ratio * along * inverse, zero)
        for i in range(rows):
            dw[i] = factor * dw[i] - share * v[i]
    return 0
