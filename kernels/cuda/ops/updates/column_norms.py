"""Norms of the columns of weights in panels: as `kernels/ops/updates/column_norms.py`.

A sum over a column is BLOCK chains, rows 0, BLOCK, 2 BLOCK, ... in the first, which are added in
halves. A block of threads takes a panel.
"""

import math

from fusednn.kernels.cuda.language import barrier, shared, thread, threads
from fusednn.kernels.cuda.ops.updates.tiles import transposed_place
from fusednn.kernels.cuda.twins import BLOCK as TASK
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.pointers import number, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops.updates import column_norms
from fusednn.kernels.ops.updates.column_norms import (
    BLOCK,
    BOUND,
    DIFFERENTIATE,
    NORMALISE,
    PANELS,
    panel_at,
)
from fusednn.kernels.ops.updates.update import panel_width


def sum_products(sums, x, y, rows, width):
    """sums (width) = the sums of x y (rows, width) over rows; overwrites BLOCK rows of sums."""
    for chain in range(thread(), BLOCK * width, threads()):
        total = cast(0, x[0])
        for at in range(chain, rows * width, BLOCK * width):
            total = total + x[at] * y[at]
        sums[chain] = total
    barrier()
    half = BLOCK // 2
    while half > 0:
        for at in range(thread(), half * width, threads()):
            sums[at] = sums[at] + sums[half * width + at]
        barrier()
        half //= 2


def write_weight(record, w, at, column, width, value):
    """Writes a panel's element `at`, and the copy of it in the panels of w^T."""
    w[at] = value
    if record[PANELS.transposed] != 0:
        copy = slot(record, PANELS.transposed, value)
        fan_in, columns = record[PANELS.fan_in], record[PANELS.columns]
        row, c = at // width, at % width
        place, _ = transposed_place(fan_in, columns, row, column + c, value)
        copy[place] = value


@twin(column_norms.bound_columns, spread=TASK)
def bound_columns(record, frame, scratch, lo, hi):
    """Columns of w (I, O) in the panel at lo, scaled to a norm of at most largest; in place."""
    width, rows = panel_width(record[PANELS.columns], lo, scratch[0]), record[PANELS.fan_in]
    w, sums = panel_at(record, BOUND.w, lo, scratch[0]), shared(512, scratch[0])
    largest = number(record, BOUND.largest, scratch[0])
    sum_products(sums, w, w, rows, width)
    one, longer = cast(1, largest), 0
    for c in range(width):
        longer += 1 if cast(math.sqrt(sums[c]), largest) > largest else 0
    if longer > 0:
        for at in range(thread(), rows * width, threads()):
            norm = cast(math.sqrt(sums[at % width]), largest)
            factor = largest / norm if norm > largest else one
            write_weight(record, w, at, lo, width, w[at] * factor)
    barrier()


@twin(column_norms.normalise_columns, spread=TASK)
def normalise_columns(record, frame, scratch, lo, hi):
    """Columns of w (I, O) = v (I, O) norms (O) / |v| in the panel at lo; overwrites."""
    width, rows = panel_width(record[PANELS.columns], lo, scratch[0]), record[PANELS.fan_in]
    w = panel_at(record, NORMALISE.w, lo, scratch[0])
    v, sums = panel_at(record, NORMALISE.v, lo, scratch[0]), shared(512, scratch[0])
    norms, zero = slot(record, NORMALISE.norms, scratch[0]), cast(0, scratch[0])
    sum_products(sums, v, v, rows, width)
    for at in range(thread(), rows * width, threads()):
        square, norm = sums[at % width], norms[lo + at % width]
        factor = zero if square == zero else norm / cast(math.sqrt(square), zero)
        write_weight(record, w, at, lo, width, v[at] * factor)
    barrier()


@twin(column_norms.differentiate_columns, spread=TASK)
def differentiate_columns(record, frame, scratch, lo, hi):
    """In the panel at lo, the gradient dw (I, O) by w becomes that by v; overwrites dnorms (O)."""
    width, rows = panel_width(record[PANELS.columns], lo, scratch[0]), record[PANELS.fan_in]
    v = panel_at(record, DIFFERENTIATE.v, lo, scratch[0])
    dw = panel_at(record, DIFFERENTIATE.dw, lo, scratch[0])
    norms = slot(record, DIFFERENTIATE.norms, scratch[0])
    dnorms = slot(record, DIFFERENTIATE.dnorms, scratch[0])
    products, squares = shared(512, scratch[0]), shared(512, scratch[0])
    sum_products(products, dw, v, rows, width)
    sum_products(squares, v, v, rows, width)
    zero = cast(0, scratch[0])
    for at in range(thread(), rows * width, threads()):
        c = at % width
        square = squares[c]
        inverse = zero if square == zero else cast(1, zero) / cast(math.sqrt(square), zero)
        along, factor = products[c] * inverse, norms[lo + c] * inverse
        if at < width:
            dnorms[lo + c] = along
        dw[at] = factor * dw[at] - factor * along * inverse * v[at]
    barrier()
