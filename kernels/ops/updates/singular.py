"""Weights over an estimate of their largest singular value (spectral normalisation).

    u <- w^T v / |w^T v|        v <- w u / |w u|        out = w / (v^T w u)

Miyato, Kataoka, Koyama and Yoshida, "Spectral normalization for generative adversarial networks",
ICLR 2018. One such iteration of the power method follows each update of w, which changes little.
With u and v held constant, the gradient by w is (dout - (dout . out) v u^T) / (v^T w u).

In memory w is one matrix of R rows, in panels `[R][width]` side by side; `across` (R,) and `along`
(C,) are v and u, or u and v where units are rows.
"""

import math

from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.sums import row_products, sum_squares
from fusednn.kernels.operands import COUNT, INT64, REALS, op, operands

from .column_norms import BLOCK, PANELS, padded_rows, refresh_rows

MATRIX = operands(
    PANELS,
    out=REALS,  # the weights in use
    across=REALS,
    along=REALS,
    inverse=REALS,  # 1 over the singular value
    widths=INT64,  # of the panels
    panels=COUNT,
    count=COUNT,  # elements of all panels
    long=COUNT,  # elements of `along`
)
SCALE = operands(MATRIX, w=REALS, units_are_rows=COUNT)
DIFFERENTIATE = operands(MATRIX, dw=REALS)


@kernel
def sum_rows(out, w, x, record):
    """out (C,) = the sums of w x over rows; overwrites."""
    rows, widths = record[PANELS.fan_in], slot(record, MATRIX.widths, 0)
    for p in range(record[MATRIX.panels]):
        width = widths[p]
        for c in range(width):
            out[c] = cast(0, out[0])
        for r in range(rows):
            own, there = x[r], advance(w, r * width)
            for c in range(width):
                out[c] = out[c] + own * there[c]
        out, w = advance(out, width), advance(w, rows * width)


@kernel
def sum_columns(out, w, x, record):
    """out (R,) = the sums of w x over columns; overwrites."""
    rows, widths = record[PANELS.fan_in], slot(record, MATRIX.widths, 0)
    for r in range(rows):
        out[r] = cast(0, out[0])
    for p in range(record[MATRIX.panels]):
        width = widths[p]
        for r in range(rows):
            out[r] = out[r] + row_products(advance(w, r * width), x, width)
        x, w = advance(x, width), advance(w, rows * width)


@kernel
def make_unit(x, n):
    """Divides x (n) by its norm, and returns that; in place."""
    norm = math.sqrt(sum_squares(x, n))
    factor = cast(1.0 / norm, x[0])
    for i in range(n):
        x[i] = x[i] * factor
    return norm


@kernel
def refresh_panels(record, w):
    """Writes all panels of w into those of w^T, if there are some."""
    rows, widths, j = record[PANELS.fan_in], slot(record, MATRIX.widths, 0), 0
    for p in range(record[MATRIX.panels]):
        i = 0
        while i < rows:
            refresh_rows(record, w, i, j, widths[p])
            i += BLOCK
        j, w = j + widths[p], advance(w, rows * widths[p])


@op(SCALE)
def scale_by_singular(record, frame, scratch, lo, hi):
    """An iteration of across and along, then out = w over its singular value; overwrites. A w of
    zeros leaves the vectors unchanged.
    """
    like = scratch[0]
    w, out = slot(record, SCALE.w, like), slot(record, MATRIX.out, like)
    across, along = slot(record, MATRIX.across, like), slot(record, MATRIX.along, like)
    rows, long, count = padded_rows(record, like), record[MATRIX.long], record[MATRIX.count]
    singular = 1.0
    if sum_squares(w, count) == 0.0:
        pass
    elif record[SCALE.units_are_rows] != 0:
        sum_columns(across, w, along, record)
        make_unit(across, rows)
        sum_rows(along, w, across, record)
        singular = make_unit(along, long)
    else:
        sum_rows(along, w, across, record)
        make_unit(along, long)
        sum_columns(across, w, along, record)
        singular = make_unit(across, rows)
    inverse = cast(1.0 / singular, like)
    slot(record, MATRIX.inverse, like)[0] = inverse
    for i in range(count):
        out[i] = w[i] * inverse
    refresh_panels(record, out)
    return 0


@op(DIFFERENTIATE)
def differentiate_singular(record, frame, scratch, lo, hi):
    """The gradient dw by the weights in use becomes that by w; in place."""
    like, widths = scratch[0], slot(record, MATRIX.widths, 0)
    dw, out = slot(record, DIFFERENTIATE.dw, like), slot(record, MATRIX.out, like)
    across, along = slot(record, MATRIX.across, like), slot(record, MATRIX.along, like)
    inverse = slot(record, MATRIX.inverse, like)[0]
    radial = row_products(dw, out, record[MATRIX.count])
    for p in range(record[MATRIX.panels]):
        width = widths[p]
        for r in range(record[PANELS.fan_in]):
            share = radial * across[r]
            for c in range(width):
                dw[c] = inverse * (dw[c] - share * along[c])
            dw = advance(dw, width)
        along = advance(along, width)
    return 0
