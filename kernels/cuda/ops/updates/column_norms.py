"""Norms of the columns of a layer's weights: as `kernels/ops/updates/column_norms.py`.

A block of threads takes a panel, or units of the narrow form. A sum over a column of a panel is
BLOCK chains, rows 0, BLOCK, 2 BLOCK, ... in the first, which are added in halves; one over a unit
is a chain for each lane of the CPU's vectors.
"""

import math

from fusednn.kernels.cuda.language import barrier, shared, thread, threads
from fusednn.kernels.cuda.ops.updates.tiles import transposed_place
from fusednn.kernels.cuda.sums.columns import fold_chains
from fusednn.kernels.cuda.sums.lanes import add_lanes, fold_lanes, lane_sum, multiply_rest
from fusednn.kernels.cuda.twins import BLOCK as TASK
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast, fma
from fusednn.kernels.ops.updates import column_norms
from fusednn.kernels.ops.updates.column_norms import (
    BLOCK,
    BOUND,
    BOUND_UNITS,
    DIFFERENTIATE,
    DIFFERENTIATE_UNITS,
    NORMALISE,
    NORMALISE_UNITS,
    PANELS,
    UNITS,
    padded_rows,
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
    fold_chains(sums, width, BLOCK, False)


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


def sum_squares(w, n):
    """The float64 sum of squares of n elements, whole vectors, in every thread."""
    sums, lanes = shared(256, 0.0), lanes_of(w[0])
    barrier()
    for lane in range(thread(), lanes, threads()):
        sums[lane] = lane_sum(w, lane, n, False)
    barrier()
    return add_lanes(sums, lanes)


def dot(x, y, n):
    """The dot product as `dot_one` of the CPU, in every thread."""
    sums, lanes, zero = shared(32, x[0]), lanes_of(x[0]), cast(0, x[0])
    whole = n // lanes * lanes
    barrier()
    for lane in range(thread(), lanes, threads()):
        total = zero
        for k in range(lane, whole, lanes):
            total = fma(x[k], y[k], total)
        sums[lane] = total
    barrier()
    if thread() == 0:
        sums[0] = zero + (fold_lanes(sums, lanes) + multiply_rest(x, y, whole, n))
    barrier()
    return sums[0]


@twin(column_norms.bound_vectors, spread=TASK)
def bound_vectors(record, frame, scratch, lo, hi):
    """bound_columns for units [lo, hi) of the narrow form; in place."""
    largest = number(record, BOUND_UNITS.largest, 0.0)
    for unit in range(lo, hi):
        w = advance(slot(record, BOUND_UNITS.w, scratch[0]), unit * record[UNITS.w_stride])
        norm = math.sqrt(sum_squares(w, padded_rows(record, scratch[0])))
        if norm > largest:
            factor = cast(largest / norm, scratch[0])
            for i in range(thread(), record[UNITS.fan_in], threads()):
                w[i] = w[i] * factor


@twin(column_norms.normalise_vectors, spread=TASK)
def normalise_vectors(record, frame, scratch, lo, hi):
    """normalise_columns for units [lo, hi) of the narrow form; overwrites."""
    norms = slot(record, NORMALISE_UNITS.norms, scratch[0])
    for unit in range(lo, hi):
        w = advance(slot(record, NORMALISE_UNITS.w, scratch[0]), unit * record[UNITS.w_stride])
        v = advance(slot(record, NORMALISE_UNITS.v, scratch[0]), unit * record[UNITS.w_stride])
        square = sum_squares(v, padded_rows(record, scratch[0]))
        quotient = 0.0 if square == 0.0 else cast(norms[unit], 0.0) / math.sqrt(square)
        factor = cast(quotient, scratch[0])
        for i in range(thread(), record[UNITS.fan_in], threads()):
            w[i] = v[i] * factor


@twin(column_norms.differentiate_vectors, spread=TASK)
def differentiate_vectors(record, frame, scratch, lo, hi):
    """differentiate_columns for units [lo, hi) of the narrow form; dw in place."""
    norms, zero = slot(record, DIFFERENTIATE_UNITS.norms, scratch[0]), cast(0, scratch[0])
    dnorms, rows = slot(record, DIFFERENTIATE_UNITS.dnorms, zero), record[UNITS.fan_in]
    stride = record[UNITS.w_stride]
    for unit in range(lo, hi):
        v = advance(slot(record, DIFFERENTIATE_UNITS.v, zero), unit * stride)
        dw = advance(slot(record, DIFFERENTIATE_UNITS.dw, zero), unit * stride)
        square = sum_squares(v, padded_rows(record, zero))
        inverse = 0.0 if square == 0.0 else 1.0 / math.sqrt(square)
        along = cast(dot(dw, v, rows), 0.0) * inverse
        ratio = cast(norms[unit], 0.0) * inverse
        factor, share = cast(ratio, zero), cast(ratio * along * inverse, zero)
        if thread() == 0:
            dnorms[unit] = cast(along, zero)
        for i in range(thread(), rows, threads()):
            dw[i] = factor * dw[i] - share * v[i]
