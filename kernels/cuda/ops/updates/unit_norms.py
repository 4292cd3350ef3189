"""Norms of the weights of units in the narrow form: as the ops on vectors of
`kernels/ops/updates/column_norms.py`.
"""

import math

from fusednn.kernels.cuda.lane_sums import fold_lanes, lane_sum, multiply_rest, over_lanes
from fusednn.kernels.cuda.language import barrier, shared, thread, threads
from fusednn.kernels.cuda.twins import BLOCK, twin
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast, fma
from fusednn.kernels.ops.updates import column_norms
from fusednn.kernels.ops.updates.column_norms import (
    BOUND_UNITS,
    DIFFERENTIATE_UNITS,
    NORMALISE_UNITS,
    UNITS,
    padded_rows,
)


def sum_squares(w, n):
    """The float64 sum of squares of n elements, whole vectors, in every thread."""
    sums, lanes = shared(256, 0.0), lanes_of(w[0])
    barrier()
    for lane in range(thread(), lanes, threads()):
        sums[lane] = lane_sum(w, lane, n, False)
    barrier()
    return over_lanes(sums, lanes)


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


@twin(column_norms.bound_vectors, spread=BLOCK)
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


@twin(column_norms.normalise_vectors, spread=BLOCK)
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


@twin(column_norms.differentiate_vectors, spread=BLOCK)
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
