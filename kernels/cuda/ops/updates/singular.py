"""Weights over an estimate of their largest singular value: one block has all of a matrix.

A block's threads take columns, or lanes of rows, in turn; each sum has the CPU's order.
"""

import math

from fusednn.kernels.cuda.language import barrier, shared, thread, threads
from fusednn.kernels.cuda.ops.updates.column_norms import sum_squares, write_weight
from fusednn.kernels.cuda.sums.lanes import fold_lanes
from fusednn.kernels.cuda.sums.rows import (
    PRODUCTS,
    lane_of,
    lane_total,
    over_lanes,
    row_of,
    rows_at_once,
)
from fusednn.kernels.cuda.twins import BLOCK, twin
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast, fma
from fusednn.kernels.ops.updates import singular
from fusednn.kernels.ops.updates.column_norms import PANELS, padded_rows
from fusednn.kernels.ops.updates.singular import DIFFERENTIATE, MATRIX, SCALE


def is_zero(w, n):
    """Whether the squares of n elements are all 0, in every thread."""
    found, count = shared(256, 0), 0
    for i in range(thread(), n, threads()):
        value = cast(w[i], 0.0)
        count += 0 if value * value == 0.0 else 1
    found[thread()] = count
    barrier()
    count = 0
    for t in range(threads()):
        count += found[t]
    return count == 0


def sum_rows(out, w, x, record):
    """out (C,) = the sums of w x over rows; overwrites."""
    rows, widths = record[PANELS.fan_in], slot(record, MATRIX.widths, 0)
    panel, begin = 0, 0
    for c in range(thread(), record[MATRIX.long], threads()):
        while c >= begin + widths[panel]:
            begin += widths[panel]
            panel += 1
        column, total = advance(w, begin * rows + c - begin), cast(0, x[0])
        for r in range(rows):
            total = total + x[r] * column[r * widths[panel]]
        out[c] = total
    barrier()


def sum_columns(out, w, x, record):
    """out (R,) = the sums of w x over columns; overwrites."""
    rows, widths = record[PANELS.fan_in], slot(record, MATRIX.widths, 0)
    for base in range(0, rows, rows_at_once(x[0])):
        r, total = row_of(base, x[0]), cast(0, x[0])
        inside = r < rows
        panel, there = w, x
        for p in range(record[MATRIX.panels]):
            own, width = cast(0, x[0]), widths[p]
            if inside:
                own = lane_total(advance(panel, r * width), there, own, width, PRODUCTS)
            total = total + over_lanes(own, x[0])
            panel, there = advance(panel, rows * width), advance(there, width)
        if inside and lane_of(x[0]) == 0:
            out[r] = total
    barrier()


def make_unit(x, n):
    """Divides x (n) by its norm, and returns that; in place."""
    norm = math.sqrt(sum_squares(x, n))
    factor = cast(1.0 / norm, x[0])
    for i in range(thread(), n, threads()):
        x[i] = x[i] * factor
    barrier()
    return norm


@twin(singular.scale_by_singular, spread=BLOCK)
def scale_by_singular(record, frame, scratch, lo, hi):
    """An iteration of across and along, then out = w over its singular value; overwrites. A w of
    zeros leaves the vectors unchanged.
    """
    like = scratch[0]
    w, out = slot(record, SCALE.w, like), slot(record, MATRIX.out, like)
    across, along = slot(record, MATRIX.across, like), slot(record, MATRIX.along, like)
    rows, long, count = padded_rows(record, like), record[MATRIX.long], record[MATRIX.count]
    norm = 1.0
    if not is_zero(w, count):
        # half an iteration each: a loop, so that the code is there once
        for half in range(2):
            if (half == 0) == (record[SCALE.units_are_rows] != 0):
                sum_columns(across, w, along, record)
                norm = make_unit(across, rows)
            else:
                sum_rows(along, w, across, record)
                norm = make_unit(along, long)
    inverse = cast(1.0 / norm, like)
    if thread() == 0:
        slot(record, MATRIX.inverse, like)[0] = inverse
    widths, panel, begin = slot(record, MATRIX.widths, 0), 0, 0
    for i in range(thread(), count, threads()):
        while i >= (begin + widths[panel]) * record[PANELS.fan_in]:
            begin += widths[panel]
            panel += 1
        own = begin * record[PANELS.fan_in]
        there = advance(out, own)
        write_weight(record, there, i - own, begin, widths[panel], w[i] * inverse)


def row_products(x, y, n):
    """The sum of x y as `row_products` of the CPU, in every thread: each has one of the chains."""
    sums, lanes, zero = shared(64, x[0]), lanes_of(x[0]), cast(0, x[0])
    whole = n // (4 * lanes) * (4 * lanes)
    for chain in range(thread(), 4 * lanes, threads()):
        total = zero
        for at in range(chain, whole, 4 * lanes):
            total = fma(x[at], y[at], total)
        sums[chain] = total
    barrier()
    if thread() == 0:
        for lane in range(lanes):
            total = sums[lane] + sums[lane + lanes]
            total = total + (sums[lane + 2 * lanes] + sums[lane + 3 * lanes])
            for at in range(whole + lane, n, lanes):
                total = fma(x[at], y[at], total)
            sums[lane] = total
        fold_lanes(sums, lanes)
    barrier()
    return sums[0]


@twin(singular.differentiate_singular, spread=BLOCK)
def differentiate_singular(record, frame, scratch, lo, hi):
    """The gradient dw by the weights in use becomes that by w; in place."""
    like, widths = scratch[0], slot(record, MATRIX.widths, 0)
    dw, out = slot(record, DIFFERENTIATE.dw, like), slot(record, MATRIX.out, like)
    across, along = slot(record, MATRIX.across, like), slot(record, MATRIX.along, like)
    inverse, rows = slot(record, MATRIX.inverse, like)[0], record[PANELS.fan_in]
    radial = row_products(dw, out, record[MATRIX.count])
    panel, begin = 0, 0
    for i in range(thread(), record[MATRIX.count], threads()):
        while i >= (begin + widths[panel]) * rows:
            begin += widths[panel]
            panel += 1
        own = i - begin * rows
        share = radial * across[own // widths[panel]]
        dw[i] = inverse * (dw[i] - share * along[begin + own % widths[panel]])
