"""Dropout and noise: a thread draws the four words of a counter, and applies them."""

import numpy as np
from fusednn.kernels import records
from fusednn.kernels.cuda.spreading import GROUP, first_column, first_row, groups
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops.frames import step_settings, varied
from fusednn.kernels.ops.pointwise import noise
from fusednn.kernels.ops.pointwise.noise import DROPOUT, NOISE, normal_pair, row_of_sample
from fusednn.kernels.philox import philox, uniform


def words_of(record, key, layer, step, sample, row, quarter, q):
    """The four random words of columns q, quarter + q, ... of a row of a sample."""
    counter = row * np.uint64(quarter) + np.uint64(q)
    return philox(counter, sample, step, layer, np.uint64(key[0]), np.uint64(key[1]))


@twin(noise.dropout, over_padding=True)
def dropout(record, frame, scratch, lo, hi, derivative):
    """Rows [lo, hi) of out (B, O) and slopes (B, O) times one mask, then out plus low where an
    output was dropped and plus high elsewhere; in place.
    """
    out, slopes = slot(record, DROPOUT.out, scratch[0]), slot(record, DROPOUT.slopes, scratch[0])
    constants = slot(record, DROPOUT.derivative_constants, scratch[0])
    key, width, stride = (
        slot(record, DROPOUT.key, lo),
        record[DROPOUT.width],
        record[DROPOUT.out_stride],
    )
    step = np.uint64(step_settings(frame)[records.STREAM])
    layer, dropped = np.uint64(record[DROPOUT.layer]), np.uint64(record[DROPOUT.dropped])
    factor = number(record, DROPOUT.factor, scratch[0])
    low, high = number(record, DROPOUT.low, scratch[0]), number(record, DROPOUT.high, scratch[0])
    if record[DROPOUT.varied] != 0:
        own = varied(frame, record[DROPOUT.varied])
        dropped, factor = np.uint64(own[0]), cast(own[1], scratch[0])
        low, high = cast(own[2], scratch[0]), cast(own[3], scratch[0])
    moved, is_kept, zero = low != 0 or high != 0, record[DROPOUT.has_slopes] != 0, cast(0, factor)
    quarter = (width + 3) // 4
    for r in range(first_row(lo), hi, groups()):
        sample, row = row_of_sample(record, frame, r)
        if record[DROPOUT.by_channel] != 0:
            row = np.uint64(0)
        here, slope = advance(out, r * stride), advance(slopes, r * stride)
        for q in range(first_column(), quarter, GROUP):
            w0, w1, w2, w3 = words_of(record, key, layer, step, sample, row, quarter, q)
            for part in range(4):
                w = w0 if part == 0 else (w1 if part == 1 else (w2 if part == 2 else w3))
                c = part * quarter + q
                if c < width:
                    mask = zero if w < dropped else factor
                    if is_kept:
                        slope[c] = slope[c] * mask
                    else:
                        slope[c] = mask
                        if derivative is not None:
                            derivative(advance(slope, c), advance(here, c), 1, constants)
                    here[c] = here[c] * mask
                    if moved:  # else 0 would be added, which changes -0
                        here[c] = here[c] + (high if mask > 0 else low)
        if not is_kept:
            for c in range(width + first_column(), stride, GROUP):
                slope[c] = zero
                if derivative is not None:
                    derivative(advance(slope, c), advance(here, c), 1, constants)


@twin(noise.gaussian_noise, over_padding=True)
def gaussian_noise(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, width) += deviation n, n standard normal; accumulates."""
    out, key = slot(record, NOISE.out, scratch[0]), slot(record, NOISE.key, lo)
    width, stride = record[NOISE.width], record[NOISE.out_stride]
    layer = np.uint64(record[NOISE.layer])
    step = np.uint64(step_settings(frame)[records.STREAM])
    deviation = number(record, NOISE.deviation, scratch[0])
    if record[NOISE.varied] != 0:
        deviation = cast(varied(frame, record[NOISE.varied])[0], scratch[0])
    quarter, zero = (width + 3) // 4, cast(0, scratch[0])
    for r in range(first_row(lo), hi, groups()):
        sample, row = row_of_sample(record, frame, r)
        here = advance(out, r * stride)
        for q in range(first_column(), quarter, GROUP):
            w0, w1, w2, w3 = words_of(record, key, layer, step, sample, row, quarter, q)
            a, b = normal_pair(uniform(w0, zero), uniform(w1, zero))
            c, d = normal_pair(uniform(w2, zero), uniform(w3, zero))
            for part in range(4):
                drawn = a if part == 0 else (b if part == 1 else (c if part == 2 else d))
                at = part * quarter + q
                if at < width:
                    here[at] = here[at] + deviation * drawn
