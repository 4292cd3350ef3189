"""Batch normalisation of each column in a plan: statistics, forward and backward.

    xhat = (x - mean(x)) / sqrt(var(x) + epsilon)       out = xhat scale + shift
    dx   = scale (d - mean(d) - xhat mean(d xhat)) / sqrt(var(x) + epsilon)

with means over the batch. Ioffe and Szegedy, "Batch normalization", ICML 2015. Sums are partials
(`partials.py`). Means and sums of squared deviations of chunks are combined as in Chan, Golub and
LeVeque, "Algorithms for computing the sample variance", 1983.
"""

import math

from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.columns import (
    differentiate_rows,
    normalise_rows,
    sum_columns,
    sum_normal_columns,
    sum_squared_columns,
)
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.operands import (
    COUNT,
    INT64,
    NUMBER,
    REALS,
    ROWS,
    maybe,
    op,
    operands,
    padded_width_of,
    width_of,
)
from fusednn.kernels.ops.pointwise.elementwise import clear_columns
from fusednn.kernels.ops.products.partials import chunks_of_batch

LENGTHS = operands(lengths=maybe(INT64))  # of the series of each sample
PARTIALS = operands(LENGTHS, partials=REALS, x=ROWS, padded=padded_width_of("x"))
"""`partials` are 2 x padded for each chunk of the rows of samples of the buffers."""

PART_ROWS = 64
"""Rows that are summed one after the other before they join a chunk's sums, which keeps these
accurate: a chunk of images may have 10,000 rows."""

NEAR_ROWS = 16
"""Rows whose columns are mapped one vector after the other: they stay in the first-level cache."""

STATISTICS = operands(
    LENGTHS,
    mean=REALS,
    inverse=REALS,
    partials=REALS,
    running_mean=REALS,
    running_variance=REALS,
    width=COUNT,
    padded=COUNT,
    epsilon=NUMBER,
    momentum=NUMBER,
)
FORWARD = operands(
    out=ROWS,
    x=ROWS,
    mean=REALS,
    inverse=REALS,
    scale=REALS,
    shift=REALS,
    floor=NUMBER,
    width=width_of("out"),
    padded=padded_width_of("out"),
)
BACKWARD_PARTIALS = operands(
    LENGTHS,
    partials=REALS,
    dout=ROWS,
    x=ROWS,
    mean=REALS,
    inverse=REALS,
    padded=padded_width_of("dout"),
)
SUMS = operands(dscale=REALS, dshift=REALS, partials=REALS, width=COUNT, padded=COUNT)
BACKWARD = operands(
    LENGTHS,
    dx=ROWS,  # dout before
    x=ROWS,
    mean=REALS,
    inverse=REALS,
    scale=REALS,
    dscale=REALS,
    dshift=REALS,
    width=width_of("dx"),
    padded=padded_width_of("dx"),
)


@kernel
def multiply_columns(x, factor, n):
    """x <- x factor, n elements."""
    for c in range(n):
        x[c] = x[c] * factor


@kernel
def rows_of_chunk(record, frame):
    """The rows of a chunk of samples."""
    return frame[records.CHUNK] * record[records.POSITIONS]


@kernel
def rows_between(record, first, last):
    """The rows that samples [first, last) have."""
    if record[LENGTHS.lengths] == 0:
        return (last - first) * record[records.POSITIONS]
    lengths, total = slot(record, LENGTHS.lengths, first), 0
    for sample in range(first, last):
        total += lengths[sample]
    return total


@kernel
def runs_between(record, lo, hi):
    """The runs of rows [lo, hi) that are summed: one, or the series of each sample."""
    return 1 if record[LENGTHS.lengths] == 0 else (hi - lo) // record[records.POSITIONS]


@kernel
def run_between(record, lo, hi, run):
    """The first row of a run, and the number of its rows."""
    if record[LENGTHS.lengths] == 0:
        return lo, hi - lo
    sample = lo // record[records.POSITIONS] + run
    return sample * record[records.POSITIONS], slot(record, LENGTHS.lengths, lo)[sample]


@kernel
def deviations_of(mean, squares, x, stride, rows, n):
    """mean (n,) of x (rows, n), and the sums of squares about it; overwrites."""
    sum_columns(mean, x, stride, rows, n)
    multiply_columns(mean, cast(1.0 / rows, mean[0]), n)
    sum_squared_columns(squares, x, mean, stride, rows, n)


@op(PARTIALS)
def batch_partials(record, frame, scratch, lo, hi):
    """partials (2, O) of each chunk of x (B, O): means and sums of squares about them; overwrites.

    Chunks of rows [lo, hi); the batch's last one may have fewer rows. Where lo is within a chunk,
    its rows so far have been summed.
    """
    x, partials = slot(record, PARTIALS.x, scratch[0]), slot(record, PARTIALS.partials, scratch[0])
    stride, padded = record[PARTIALS.x_stride], record[PARTIALS.padded]
    chunk_rows = rows_of_chunk(record, frame)
    for chunk in range(lo // chunk_rows, (hi + chunk_rows - 1) // chunk_rows):
        first, last = max(lo, chunk * chunk_rows), min((chunk + 1) * chunk_rows, hi)
        before = rows_between(
            record, chunk * frame[records.CHUNK], first // record[records.POSITIONS]
        )
        sums = advance(partials, chunk * 2 * padded)
        for run in range(runs_between(record, first, last)):
            row, rows = run_between(record, first, last, run)
            add_deviations(sums, scratch, advance(x, row * stride), stride, rows, before, padded)
            before += rows
    return 0


@kernel
def add_deviations(sums, part, x, stride, rows, before, n):
    """sums (2, n): means and squares about them, of `before` rows, and then of x (rows, n) too."""
    for row in range(0, rows, PART_ROWS):
        count, here = min(PART_ROWS, rows - row), advance(x, row * stride)
        if before + row == 0:
            deviations_of(sums, advance(sums, n), here, stride, count, n)
            continue
        deviations_of(part, advance(part, n), here, stride, count, n)
        share = count / (before + row + count)
        combine_chunk(
            sums, advance(sums, n), part, advance(part, n),
            cast(share, x[0]), cast((before + row) * share, x[0]), n,
        )  # fmt: skip


@kernel
def combine_chunk(mean, squares, chunk_mean, chunk_squares, share, weight, n):
    """mean and squares (n,) of the rows so far, with those of one chunk more; in place.

    `share` is the chunk's part of the rows, `weight` that times the rows so far.
    """
    for c in range(n):
        off = chunk_mean[c] - mean[c]
        mean[c] = mean[c] + off * share
        squares[c] = squares[c] + (chunk_squares[c] + off * off * weight)


@kernel
def move_running(running, new, factor, momentum, n):
    """running <- (1 - momentum) running + momentum factor new, n elements."""
    kept, taken = cast(1, momentum) - momentum, momentum * factor
    for c in range(n):
        running[c] = kept * running[c] + taken * new[c]


@kernel
def add_columns_to(total, x, n):
    """total += x, n elements."""
    for c in range(n):
        total[c] = total[c] + x[c]


@op(STATISTICS)
def batch_statistics(record, frame, scratch, lo, hi):
    """mean and inverse (O,) of the whole batch, overwrites; the running statistics, in place.

    A batch of one row has no unbiased variance, so it leaves running_variance unchanged.
    """
    samples, width = frame[records.SAMPLES], record[STATISTICS.width]
    padded = record[STATISTICS.padded]
    partials = slot(record, STATISTICS.partials, scratch[0])
    mean = slot(record, STATISTICS.mean, scratch[0])
    inverse = slot(record, STATISTICS.inverse, scratch[0])
    clear_columns(mean, 0, padded)
    clear_columns(inverse, 0, padded)
    batch, own = 0, frame[records.CHUNK]
    for first in range(0, samples, own):
        rows = rows_between(record, first, min(first + own, samples))
        share = rows / (batch + rows)
        chunk = advance(partials, first // own * 2 * padded)
        combine_chunk(
            mean, inverse, chunk, advance(chunk, padded),
            cast(share, scratch[0]), cast(batch * share, scratch[0]), padded,
        )  # fmt: skip
        batch += rows
    multiply_columns(inverse, cast(1.0 / batch, scratch[0]), width)
    momentum, one = number(record, STATISTICS.momentum, scratch[0]), cast(1, scratch[0])
    move_running(slot(record, STATISTICS.running_mean, scratch[0]), mean, one, momentum, width)
    if batch > 1:
        unbiased = cast(batch / (batch - 1), scratch[0])
        move_running(
            slot(record, STATISTICS.running_variance, scratch[0]),
            inverse,
            unbiased,
            momentum,
            width,
        )
    epsilon = number(record, STATISTICS.epsilon, scratch[0])
    for c in range(width):
        inverse[c] = one / cast(math.sqrt(inverse[c] + epsilon), one)
    clear_columns(mean, width, padded)
    clear_columns(inverse, width, padded)
    return 0


@kernel
def clear_padding(x, stride, rows, width, padded):
    """x (rows, padded) = 0 from column `width` on; overwrites."""
    if width < padded:
        for row in range(rows):
            clear_columns(advance(x, row * stride), width, padded)


@op(FORWARD)
def batch_norm_forward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = max(floor, xhat scale + shift), from x (B, O); overwrites."""
    stride, out_stride = record[FORWARD.x_stride], record[FORWARD.out_stride]
    x, out = slot(record, FORWARD.x, scratch[0]), slot(record, FORWARD.out, scratch[0])
    mean = slot(record, FORWARD.mean, scratch[0])
    inverse = slot(record, FORWARD.inverse, scratch[0])
    scale, shift = slot(record, FORWARD.scale, scratch[0]), slot(record, FORWARD.shift, scratch[0])
    floor = number(record, FORWARD.floor, scratch[0])
    for row in range(lo, hi, NEAR_ROWS):
        rows = min(NEAR_ROWS, hi - row)
        normalise_rows(
            advance(out, row * out_stride), advance(x, row * stride), mean, inverse, scale, shift,
            floor, out_stride, stride, rows, record[FORWARD.padded],
        )  # fmt: skip
        clear_padding(
            advance(out, row * out_stride), out_stride, rows, record[FORWARD.width],
            record[FORWARD.padded],
        )  # fmt: skip
    return 0


@op(BACKWARD_PARTIALS)
def batch_norm_partials(record, frame, scratch, lo, hi):
    """partials (2, O) of each chunk of dout (B, O): sums of it and of dout xhat; overwrites."""
    x = slot(record, BACKWARD_PARTIALS.x, scratch[0])
    mean = slot(record, BACKWARD_PARTIALS.mean, scratch[0])
    inverse = slot(record, BACKWARD_PARTIALS.inverse, scratch[0])
    d = slot(record, BACKWARD_PARTIALS.dout, scratch[0])
    partials = slot(record, BACKWARD_PARTIALS.partials, scratch[0])
    stride = record[BACKWARD_PARTIALS.x_stride]
    padded, chunk_rows = record[BACKWARD_PARTIALS.padded], rows_of_chunk(record, frame)
    for chunk in range(lo // chunk_rows, (hi + chunk_rows - 1) // chunk_rows):
        first, last = max(lo, chunk * chunk_rows), min((chunk + 1) * chunk_rows, hi)
        before = rows_between(
            record, chunk * frame[records.CHUNK], first // record[records.POSITIONS]
        )
        sums = advance(partials, chunk * 2 * padded)
        for run in range(runs_between(record, first, last)):
            start, own = run_between(record, first, last, run)
            for row in range(0, own, PART_ROWS):
                rows, at = min(PART_ROWS, own - row), (start + row) * stride
                here, there = advance(x, at), advance(d, at)
                part = sums if before + row == 0 else scratch
                sum_columns(part, there, stride, rows, padded)
                sum_normal_columns(
                    advance(part, padded), there, here, mean, inverse, stride, rows, padded
                )
                if before + row > 0:
                    add_columns_to(sums, part, 2 * padded)
            before += own
    return 0


@op(SUMS)
def batch_norm_sums(record, frame, scratch, lo, hi):
    """dshift and dscale (O,) = sums over the whole batch of dout and of dout xhat; overwrites."""
    width, padded = record[SUMS.width], record[SUMS.padded]
    chunks = chunks_of_batch(frame)
    partials = slot(record, SUMS.partials, scratch[0])
    dshift, dscale = slot(record, SUMS.dshift, scratch[0]), slot(record, SUMS.dscale, scratch[0])
    sum_columns(dshift, partials, 2 * padded, chunks, padded)
    sum_columns(dscale, advance(partials, padded), 2 * padded, chunks, padded)
    clear_columns(dshift, width, padded)
    clear_columns(dscale, width, padded)
    return 0


@op(BACKWARD)
def batch_norm_backward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of dx (B, O): the gradient by out becomes that by x; in place."""
    stride, padded = record[BACKWARD.dx_stride], record[BACKWARD.padded]
    x, d = slot(record, BACKWARD.x, scratch[0]), slot(record, BACKWARD.dx, scratch[0])
    mean = slot(record, BACKWARD.mean, scratch[0])
    inverse = slot(record, BACKWARD.inverse, scratch[0])
    scale = slot(record, BACKWARD.scale, scratch[0])
    dshift = slot(record, BACKWARD.dshift, scratch[0])
    dscale = slot(record, BACKWARD.dscale, scratch[0])
    part = cast(1.0 / rows_between(record, 0, frame[records.SAMPLES]), scratch[0])
    for run in range(runs_between(record, lo, hi)):
        first, own = run_between(record, lo, hi, run)
        for row in range(first, first + own, NEAR_ROWS):
            rows, there = min(NEAR_ROWS, first + own - row), advance(d, row * stride)
            differentiate_rows(
                there, there, advance(x, row * stride), mean, inverse, scale, dshift, dscale,
                part, stride, stride, rows, padded,
            )  # fmt: skip
            clear_padding(there, stride, rows, record[BACKWARD.width], padded)
    return 0
