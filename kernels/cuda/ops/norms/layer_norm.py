"""Layer normalisation and RMSNorm: a thread has a lane of a row."""

import math

from fusednn.kernels import records
from fusednn.kernels.cuda.spreading import everyone, first
from fusednn.kernels.cuda.sums.rows import (
    PRODUCTS,
    SQUARES,
    SUM,
    first_rows,
    lane_of,
    lane_total,
    over_lanes,
    row_of,
    rows_apart,
)
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops.norms import layer_norm
from fusednn.kernels.ops.norms.layer_norm import BACKWARD, FORWARD, SUMS


@twin(layer_norm.layer_norm_forward, over_padding=True)
def layer_norm_forward(record, frame, scratch, lo, hi):
    """Rows [lo, hi): normal (B, O) <- xhat, in place; out (B, O) and inverse (B,), overwrites."""
    width, padded = record[FORWARD.width], record[FORWARD.padded]
    scale, shifted = slot(record, FORWARD.scale, scratch[0]), record[FORWARD.shift] != 0
    shift = slot(record, FORWARD.shift if shifted else FORWARD.scale, scratch[0])
    one, n, zero = cast(1, scratch[0]), cast(width, scratch[0]), cast(0, scratch[0])
    epsilon, lanes = number(record, FORWARD.epsilon, scratch[0]), lanes_of(scratch[0])
    lane = lane_of(scratch[0])
    for base in range(first_rows(lo, zero), hi, rows_apart(zero)):
        row = row_of(base, zero)
        inside = row < hi
        row = row if inside else lo
        x = advance(slot(record, FORWARD.normal, zero), row * record[FORWARD.normal_stride])
        out = advance(slot(record, FORWARD.out, zero), row * record[FORWARD.out_stride])
        mean = zero
        if record[FORWARD.centered] != 0:
            total = lane_total(x, x, zero, width, SUM) if inside else zero
            mean = over_lanes(total, zero) / n
        total = lane_total(x, x, mean, width, SQUARES) if inside else zero
        variance = over_lanes(total, zero) / n
        factor = one / cast(math.sqrt(variance + epsilon), zero)
        if inside:
            if lane == 0:
                slot(record, FORWARD.inverse, zero)[row] = factor
            for c in range(lane, width, lanes):
                normal = (x[c] - mean) * factor
                x[c] = normal
                value = normal * scale[c]
                out[c] = value + shift[c] if shifted else value
            for c in range(width + lane, padded, lanes):
                x[c] = zero
                out[c] = zero


def mean_terms(centered, dx, x, d, scale, width, inside, like):
    """dx = d scale of this thread's columns, then the means of dx and of dx x of the row."""
    n, zero = cast(width, like), cast(0, like)
    if inside:
        for c in range(lane_of(like), width, lanes_of(like)):
            dx[c] = d[c] * scale[c]
    mean = zero
    if centered:
        mean = over_lanes(lane_total(dx, dx, zero, width, SUM) if inside else zero, like) / n
    total = lane_total(dx, x, zero, width, PRODUCTS) if inside else zero
    return mean, over_lanes(total, like) / n


@twin(layer_norm.layer_norm_backward)
def layer_norm_backward(record, frame, scratch, lo, hi):
    """Rows [lo, hi): dx (B, O), overwrites; products (B, O) <- dout xhat, in place."""
    width, padded, zero = record[BACKWARD.width], record[BACKWARD.padded], cast(0, scratch[0])
    scale, lanes = slot(record, BACKWARD.scale, scratch[0]), lanes_of(scratch[0])
    lane = lane_of(scratch[0])
    for base in range(first_rows(lo, zero), hi, rows_apart(zero)):
        row = row_of(base, zero)
        inside = row < hi
        row = row if inside else lo
        x = advance(slot(record, BACKWARD.products, zero), row * record[BACKWARD.products_stride])
        d = advance(slot(record, BACKWARD.dout, zero), row * record[BACKWARD.dout_stride])
        dx = advance(slot(record, BACKWARD.dx, zero), row * record[BACKWARD.dx_stride])
        centered = record[BACKWARD.centered] != 0
        mean, product = mean_terms(centered, dx, x, d, scale, width, inside, zero)
        if inside:
            factor = slot(record, BACKWARD.inverse, zero)[row]
            for c in range(lane, width, lanes):
                normal = x[c]
                dx[c] = (dx[c] - mean - normal * product) * factor
                x[c] = d[c] * normal
            for c in range(width + lane, padded, lanes):
                x[c] = zero
                dx[c] = zero


def sum_chunks(record, frame, lo, hi, like):
    """dscale and dshift (O,) of each chunk of rows: chains over its rows [lo, hi); accumulates.

    Those that begin with the chunk begin with 0. A thread has a column of a chunk.
    """
    padded, rows = record[SUMS.padded], frame[records.CHUNK] * record[records.POSITIONS]
    start = lo // rows
    for item in range(first(), (max(lo, hi - 1) // rows + 1 - start) * padded, everyone()):
        chunk, c = start + item // padded, item % padded
        scale, shift = cast(0, like), cast(0, like)
        at = chunk * padded + c
        if lo > chunk * rows:
            scale = slot(record, SUMS.dscale, like)[at]
            if record[SUMS.dshift] != 0:
                shift = slot(record, SUMS.dshift, like)[at]
        if c < record[SUMS.width]:
            x, d = slot(record, SUMS.normal, like), slot(record, SUMS.dout, like)
            for row in range(max(lo, chunk * rows), min(hi, (chunk + 1) * rows)):
                slope = d[row * record[SUMS.dout_stride] + c]
                scale = scale + slope * x[row * record[SUMS.normal_stride] + c]
                shift = shift + slope
        slot(record, SUMS.dscale, like)[at] = scale
        if record[SUMS.dshift] != 0:
            slot(record, SUMS.dshift, like)[at] = shift


@twin(layer_norm.layer_norm_sums)
def layer_norm_sums(record, frame, scratch, lo, hi):
    """Rows [lo, hi): dx (B, O); dscale and dshift (O,) of each chunk of samples; overwrites.

    Where lo is within a chunk, its rows so far have been added.
    """
    width, zero, lanes = record[SUMS.width], cast(0, scratch[0]), lanes_of(scratch[0])
    sum_chunks(record, frame, lo, hi, zero)
    for base in range(first_rows(lo, zero), hi, rows_apart(zero)):
        row = row_of(base, zero)
        inside = row < hi
        row = row if inside else lo
        x = advance(slot(record, SUMS.normal, zero), row * record[SUMS.normal_stride])
        d = advance(slot(record, SUMS.dout, zero), row * record[SUMS.dout_stride])
        dx = advance(slot(record, SUMS.dx, zero), row * record[SUMS.dx_stride])
        centered, scale = record[SUMS.centered] != 0, slot(record, SUMS.scale, zero)
        mean, product = mean_terms(centered, dx, x, d, scale, width, inside, zero)
        if inside:
            factor = slot(record, SUMS.inverse, zero)[row]
            for c in range(lane_of(zero), width, lanes):
                dx[c] = (dx[c] - mean - x[c] * product) * factor
            for c in range(width + lane_of(zero), record[SUMS.padded], lanes):
                dx[c] = zero
