"""Batch normalisation: a thread has a column of a chunk, of the batch, or of a row."""

import math

from fusednn.kernels import records
from fusednn.kernels.cuda.spreading import (
    GROUP,
    clear_columns,
    everyone,
    first,
    first_column,
    first_row,
    groups,
)
from fusednn.kernels.cuda.sums.columns import NORMAL, PLAIN, SQUARES, column_total
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast, fma
from fusednn.kernels.ops.norms import batch_norm
from fusednn.kernels.ops.norms.batch_norm import (
    BACKWARD,
    BACKWARD_PARTIALS,
    FORWARD,
    PART_ROWS,
    PARTIALS,
    STATISTICS,
    SUMS,
    rows_between,
    rows_of_chunk,
    run_between,
    runs_between,
)
from fusednn.kernels.ops.products.partials import chunks_of_batch


def chunks_between(lo, hi, rows):
    """The first chunk of rows [lo, hi), and the number of chunks, of so many rows each."""
    start = lo // rows
    return start, (hi + rows - 1) // rows - start


def part_of_chunk(record, frame, lo, hi, chunk):
    """The rows of a chunk in [lo, hi), and how many were before them."""
    rows = rows_of_chunk(record, frame)
    top, end = max(lo, chunk * rows), min((chunk + 1) * rows, hi)
    own = chunk * frame[records.CHUNK]
    return top, end, rows_between(record, own, top // record[records.POSITIONS])


def add_deviations(sums, padded, x, stride, rows, before, zero):
    """The mean and the sum of squares about it, of `before` rows, and then of x (rows) too."""
    for row in range(0, rows, PART_ROWS):
        count, here = min(PART_ROWS, rows - row), advance(x, row * stride)
        mean = column_total(here, here, stride, count, zero, zero, PLAIN)
        mean = mean * cast(1.0 / count, zero)
        squares = column_total(here, here, stride, count, mean, zero, SQUARES)
        if before + row > 0:
            share = count / (before + row + count)
            off = mean - sums[0]
            mean = sums[0] + off * cast(share, zero)
            weight = cast((before + row) * share, zero)
            squares = sums[padded] + (squares + off * off * weight)
        sums[0] = mean
        sums[padded] = squares


@twin(batch_norm.batch_partials)
def batch_partials(record, frame, scratch, lo, hi):
    """partials (2, O) of each chunk of x (B, O): means and sums of squares about them; overwrites.

    Where lo is within a chunk, its rows so far have been summed.
    """
    x, zero = slot(record, PARTIALS.x, scratch[0]), cast(0, scratch[0])
    stride, padded = record[PARTIALS.x_stride], record[PARTIALS.padded]
    start, chunks = chunks_between(lo, hi, rows_of_chunk(record, frame))
    for item in range(first(), chunks * padded, everyone()):
        chunk, c = start + item // padded, item % padded
        top, end, before = part_of_chunk(record, frame, lo, hi, chunk)
        sums = advance(slot(record, PARTIALS.partials, zero), chunk * 2 * padded + c)
        for run in range(runs_between(record, top, end)):
            row, rows = run_between(record, top, end, run)
            add_deviations(sums, padded, advance(x, row * stride + c), stride, rows, before, zero)
            before += rows


@twin(batch_norm.batch_statistics)
def batch_statistics(record, frame, scratch, lo, hi):
    """mean and inverse (O,) of the whole batch, overwrites; the running statistics, in place.

    A batch of one row has no unbiased variance, so it leaves running_variance unchanged.
    """
    samples, width = frame[records.SAMPLES], record[STATISTICS.width]
    padded, own = record[STATISTICS.padded], frame[records.CHUNK]
    zero, one = cast(0, scratch[0]), cast(1, scratch[0])
    momentum = number(record, STATISTICS.momentum, zero)
    kept, epsilon = one - momentum, number(record, STATISTICS.epsilon, zero)
    for c in range(first(), padded, everyone()):
        mean, squares, batch = zero, zero, 0
        for top in range(0, samples, own):
            rows = rows_between(record, top, min(top + own, samples))
            share = rows / (batch + rows)
            chunk = advance(slot(record, STATISTICS.partials, zero), top // own * 2 * padded + c)
            off = chunk[0] - mean
            mean = mean + off * cast(share, zero)
            squares = squares + (chunk[padded] + off * off * cast(batch * share, zero))
            batch += rows
        inverse = zero
        if c < width:
            variance = squares * cast(1.0 / batch, zero)
            running = advance(slot(record, STATISTICS.running_mean, zero), c)
            running[0] = kept * running[0] + momentum * one * mean
            if batch > 1:
                unbiased = cast(batch / (batch - 1), zero)
                running = advance(slot(record, STATISTICS.running_variance, zero), c)
                running[0] = kept * running[0] + momentum * unbiased * variance
            inverse = one / cast(math.sqrt(variance + epsilon), zero)
        slot(record, STATISTICS.mean, zero)[c] = mean if c < width else zero
        slot(record, STATISTICS.inverse, zero)[c] = inverse


@twin(batch_norm.batch_norm_forward, over_padding=True)
def batch_norm_forward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = max(floor, xhat scale + shift), from x (B, O); overwrites."""
    x, out = slot(record, FORWARD.x, scratch[0]), slot(record, FORWARD.out, scratch[0])
    mean = slot(record, FORWARD.mean, scratch[0])
    inverse = slot(record, FORWARD.inverse, scratch[0])
    scale, shift = slot(record, FORWARD.scale, scratch[0]), slot(record, FORWARD.shift, scratch[0])
    floor = number(record, FORWARD.floor, scratch[0])
    for row in range(first_row(lo), hi, groups()):
        here = advance(x, row * record[FORWARD.x_stride])
        there = advance(out, row * record[FORWARD.out_stride])
        for c in range(first_column(), record[FORWARD.width], GROUP):
            value = fma((here[c] - mean[c]) * inverse[c], scale[c], shift[c])
            there[c] = floor if value < floor else value
        clear_columns(there, record[FORWARD.width], record[FORWARD.padded])


@twin(batch_norm.batch_norm_partials)
def batch_norm_partials(record, frame, scratch, lo, hi):
    """partials (2, O) of each chunk of dout (B, O): sums of it and of dout xhat; overwrites."""
    x, zero = slot(record, BACKWARD_PARTIALS.x, scratch[0]), cast(0, scratch[0])
    d = slot(record, BACKWARD_PARTIALS.dout, scratch[0])
    stride, padded = record[BACKWARD_PARTIALS.x_stride], record[BACKWARD_PARTIALS.padded]
    start, chunks = chunks_between(lo, hi, rows_of_chunk(record, frame))
    for item in range(first(), chunks * padded, everyone()):
        chunk, c = start + item // padded, item % padded
        top, end, before = part_of_chunk(record, frame, lo, hi, chunk)
        mean = slot(record, BACKWARD_PARTIALS.mean, zero)[c]
        inverse = slot(record, BACKWARD_PARTIALS.inverse, zero)[c]
        sums = advance(slot(record, BACKWARD_PARTIALS.partials, zero), chunk * 2 * padded + c)
        for run in range(runs_between(record, top, end)):
            row, own = run_between(record, top, end, run)
            for part in range(0, own, PART_ROWS):
                rows, at = min(PART_ROWS, own - part), (row + part) * stride + c
                here, there = advance(x, at), advance(d, at)
                total = column_total(there, there, stride, rows, zero, zero, PLAIN)
                along = column_total(there, here, stride, rows, mean, inverse, NORMAL)
                if before + part > 0:
                    total, along = sums[0] + total, sums[padded] + along
                sums[0] = total
                sums[padded] = along
            before += own


@twin(batch_norm.batch_norm_sums)
def batch_norm_sums(record, frame, scratch, lo, hi):
    """dshift and dscale (O,) = sums over the whole batch of dout and of dout xhat; overwrites."""
    width, padded, zero = record[SUMS.width], record[SUMS.padded], cast(0, scratch[0])
    chunks, apart = chunks_of_batch(frame), 2 * padded
    partials = slot(record, SUMS.partials, zero)
    dshift, dscale = slot(record, SUMS.dshift, zero), slot(record, SUMS.dscale, zero)
    for c in range(first(), padded, everyone()):
        shifts, scales = advance(partials, c), advance(partials, padded + c)
        total = column_total(shifts, shifts, apart, chunks, zero, zero, PLAIN)
        dshift[c] = total if c < width else zero
        total = column_total(scales, scales, apart, chunks, zero, zero, PLAIN)
        dscale[c] = total if c < width else zero


@twin(batch_norm.batch_norm_backward)
def batch_norm_backward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of dx (B, O): the gradient by out becomes that by x; in place."""
    x, d = slot(record, BACKWARD.x, scratch[0]), slot(record, BACKWARD.dx, scratch[0])
    mean = slot(record, BACKWARD.mean, scratch[0])
    inverse = slot(record, BACKWARD.inverse, scratch[0])
    scale = slot(record, BACKWARD.scale, scratch[0])
    dshift = slot(record, BACKWARD.dshift, scratch[0])
    dscale = slot(record, BACKWARD.dscale, scratch[0])
    part = cast(1.0 / rows_between(record, 0, frame[records.SAMPLES]), scratch[0])
    for run in range(runs_between(record, lo, hi)):
        top, own = run_between(record, lo, hi, run)
        for row in range(first_row(top), top + own, groups()):
            here = advance(x, row * record[BACKWARD.dx_stride])
            there = advance(d, row * record[BACKWARD.dx_stride])
            for c in range(first_column(), record[BACKWARD.width], GROUP):
                along = fma((here[c] - mean[c]) * inverse[c], dscale[c], dshift[c])
                there[c] = (scale[c] * inverse[c]) * (there[c] - along * part)
            clear_columns(there, record[BACKWARD.width], record[BACKWARD.padded])
