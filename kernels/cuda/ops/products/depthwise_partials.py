"""The gradients of depthwise convolutions for each chunk: as `kernels/ops/products/depthwise.py`.

A thread has a weight, and neighbours those of adjacent channels. Samples are read where they lie,
also where the CPU repeats their channels in a frame.
"""

import numpy as np
from fusednn.kernels.cuda.language import barrier, single
from fusednn.kernels.cuda.ops.products.chunks import (
    chunks_between,
    first_sample,
    last_sample,
    sums_at,
)
from fusednn.kernels.cuda.ops.products.convolution_partials import sample_place
from fusednn.kernels.cuda.spreading import everyone, first
from fusednn.kernels.cuda.sums.columns import PLAIN, column_total
from fusednn.kernels.cuda.tiles.product import column_of
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast, fma
from fusednn.kernels.ops.products import depthwise
from fusednn.kernels.ops.products.depthwise import PHASES, WEIGHTS
from fusednn.kernels.ops.products.windowed import READ


def add_pixels(record, total, x, dz, run, first_pixel, last_pixel, inside):
    """total with one phase's pixels of a column of dz times those that a tap reads of x."""
    pixels, at = slot(record, PHASES.pixels, 0), slot(record, PHASES.at, 0)
    pitch, framed = record[WEIGHTS.dz_pixel], record[READ.is_framed] != 0
    pixel, x_pixel = np.int32(record[READ.frame_pixel]), record[READ.x_pixel]
    for p in range(first_pixel, last_pixel):
        place, value = at[p] + run, cast(0, total)
        if framed:
            place = np.int32(place) // pixel * x_pixel
        if inside:
            value = x[place]
        total = fma(value, dz[pixels[p] * pitch], total)
    return total


def sum_weight(record, frame, tap, c, sample, last, like):
    """The gradient of one weight of samples [sample, last)."""
    taps, runs = slot(record, PHASES.taps, 0), slot(record, PHASES.runs, 0)
    phases, total = slot(record, PHASES.phases, 0), cast(0, like)
    channel, inside = c, True
    if record[READ.is_framed] != 0:
        channel = np.int32(c) // np.int32(record[READ.repeats])
        inside = channel < record[READ.channels]
    for row in range(sample, last):
        x = advance(slot(record, WEIGHTS.x, like), sample_place(record, frame, row) + channel)
        dz = advance(slot(record, WEIGHTS.dz, like), row * record[WEIGHTS.dz_stride] + c)
        for phase in range(record[PHASES.n_phases]):
            single()
            for q in range(phases[2 * phase + 1], phases[2 * phase + 3]):
                single()
                if taps[q] == tap:
                    begin, end = phases[2 * phase], phases[2 * phase + 2]
                    total = add_pixels(record, total, x, dz, runs[q], begin, end, inside)
    return total


def sum_weights(record, frame, lo, hi, like):
    """dw of each chunk of samples [lo, hi); overwrites."""
    taps, columns = record[PHASES.n_taps], record[WEIGHTS.columns]
    size = taps * columns
    for at in range(first(), chunks_between(frame, lo, hi) * size, everyone()):
        single()
        chunk = np.int32(at) // np.int32(size)
        weight = np.int32(at - chunk * size)
        tap = weight // np.int32(columns)
        c = np.int32(weight - tap * columns)
        sample, last = first_sample(frame, lo, chunk), last_sample(frame, lo, hi, chunk)
        offset, width = column_of(c, columns, taps, True, like)
        dw = sums_at(record, WEIGHTS.dw, size, frame, lo, chunk, like)
        dw[offset + tap * width] = sum_weight(record, frame, tap, c, sample, last, like)


def sum_biases(record, frame, lo, hi, like):
    """db of each chunk of samples [lo, hi); overwrites."""
    columns = record[WEIGHTS.columns]
    for at in range(first(), chunks_between(frame, lo, hi) * columns, everyone()):
        single()
        chunk = np.int32(at) // np.int32(columns)
        c, total = at - chunk * columns, cast(0, like)
        for row in range(first_sample(frame, lo, chunk), last_sample(frame, lo, hi, chunk)):
            single()
            source, apart = slot(record, WEIGHTS.dz, like), record[WEIGHTS.dz_pixel]
            start, pixels = row * record[WEIGHTS.dz_stride], record[WEIGHTS.dz_pixels]
            if record[WEIGHTS.turned] != 0:
                source, apart = slot(record, WEIGHTS.x, like), record[READ.x_pixel]
                start = sample_place(record, frame, row)
                pixels = record[READ.height] * record[READ.width]
            x = advance(source, start + c)
            total = total + column_total(x, x, apart, pixels, total, total, PLAIN)
        sums_at(record, WEIGHTS.db, columns, frame, lo, chunk, like)[c] = total


@twin(depthwise.depthwise_partials)
def depthwise_partials(record, frame, scratch, lo, hi):
    """dw (taps, O) and db (O,) of each chunk of samples [lo, hi), which are whole chunks;
    overwrites.
    """
    zero = cast(0, scratch[0])
    sum_weights(record, frame, lo, hi, zero)
    barrier()  # what follows reads the record again
    sum_biases(record, frame, lo, hi, zero)
