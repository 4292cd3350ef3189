"""Depthwise convolutions of samples with channels last: a filter reads one channel.

    out[p, o] = max(floor, b[o] + sum over taps of x[at p, tap, o // m] w[tap, o])
    dw[tap, o] = sum over p of x[at p, tap, o // m] dz[p, o]

m is the number of filters of a channel. Loads bound it, not products, so it works by vectors of
adjacent channels (`intrinsics/lane_windows.py`). With m > 1 each channel is first copied m times,
to a frame. Weights (taps, 1, O) lie in the panels of a matrix (taps, O).

A *phase* is a set of pixels that the same taps read within the sample, so that it needs no zeros
around: without them a 3 x 3 convolution of 28 x 28 x 64 takes two thirds of the time. The gradient
by the input gathers too: dx[q] is the sum of dz times the taps by which q is read, which with a
stride differ between pixels even inside.
"""

from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.columns import add_row_sums
from fusednn.kernels.intrinsics.lane_windows import (
    edge_lane_five,
    edge_lane_four,
    edge_lane_full,
    edge_lane_one,
    edge_lane_three,
    lane_five,
    lane_four,
    lane_full,
    lane_one,
    lane_three,
)
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.tiles import MICRO_ROWS
from fusednn.kernels.operands import COUNT, INT64, NUMBER, REALS, ROWS, op, operands
from fusednn.kernels.ops.pointwise.elementwise import clear_columns
from fusednn.kernels.ops.updates.update import panel_width

from .windowed import READ, frame_size, sample_at, windows_of

PHASES = operands(
    READ,
    pixels=INT64,  # on the side without windows, phase by phase
    at=INT64,  # for each of them: where its window begins
    taps=INT64,  # phase by phase
    runs=INT64,  # for each of them: elements from the beginning of a window
    phases=INT64,  # for each phase: pixels and taps before it; then the numbers of all
    n_phases=COUNT,
    n_taps=COUNT,  # of w
)
DEPTHWISE = operands(
    PHASES,
    out=ROWS,  # a row for each sample
    out_pixel=COUNT,
    out_pixels=COUNT,  # of a sample
    out_channels=COUNT,
    folds=COUNT,  # adjacent sums that are added up to one element of out
    w=REALS,
    b=REALS,
    floor=NUMBER,
    columns=COUNT,  # of w, padded to whole vectors
)
WEIGHTS = operands(
    PHASES,
    dw=REALS,  # for each chunk, as w
    db=REALS,  # for each chunk, as b
    dz=ROWS,  # a row for each sample
    dz_pixel=COUNT,
    dz_pixels=COUNT,  # of a sample
    columns=COUNT,  # of dz, padded to whole vectors
    turned=COUNT,  # whether x and dz have changed places, as in `convolution_partials`
)


@kernel
def lane_tile(rows, c, ldc, to, x, at, w, ldw, of, width, b, ldi, runs, n_runs, floor):
    """c (rows x a panel) = max(floor, b + lane windows of x times w), one form; overwrites c."""
    if width == lanes_of(floor):
        if rows == MICRO_ROWS:
            edge_lane_full(c, ldc, to, x, at, w, ldw, of, b, ldi, runs, n_runs, floor)
        elif rows == 5:
            edge_lane_five(c, ldc, to, x, at, w, ldw, of, b, ldi, runs, n_runs, floor)
        elif rows == 4:
            edge_lane_four(c, ldc, to, x, at, w, ldw, of, b, ldi, runs, n_runs, floor)
        elif rows == 3:
            edge_lane_three(c, ldc, to, x, at, w, ldw, of, b, ldi, runs, n_runs, floor)
        else:
            edge_lane_one(c, ldc, to, x, at, w, ldw, of, b, ldi, runs, n_runs, floor)
    elif rows == MICRO_ROWS:
        lane_full(c, ldc, to, x, at, w, ldw, of, b, ldi, runs, n_runs, floor)
    elif rows == 5:
        lane_five(c, ldc, to, x, at, w, ldw, of, b, ldi, runs, n_runs, floor)
    elif rows == 4:
        lane_four(c, ldc, to, x, at, w, ldw, of, b, ldi, runs, n_runs, floor)
    elif rows == 3:
        lane_three(c, ldc, to, x, at, w, ldw, of, b, ldi, runs, n_runs, floor)
    else:
        lane_one(c, ldc, to, x, at, w, ldw, of, b, ldi, runs, n_runs, floor)


@kernel
def rows_of_form(left):
    """The rows of the next tile, if so many are left."""
    if left >= MICRO_ROWS and left != MICRO_ROWS + 1:
        return MICRO_ROWS
    if left >= 3:
        return min(left, 5)
    return 1


@kernel
def lane_rows(c, ldc, to, x, at, w, ldw, of, width, b, ldi, runs, n_runs, M, floor):
    """c (M rows x a panel) = max(floor, b + lane windows of x times w); overwrites c."""
    m = 0
    while m < M:
        rows = rows_of_form(M - m)
        if ldi == 0 and M >= MICRO_ROWS:  # c is not read: the last tile writes some rows again
            rows, m = MICRO_ROWS, min(m, M - MICRO_ROWS)
        lane_tile(
            rows, c, ldc, advance(to, m), x, advance(at, m), w, ldw, of, width, b, ldi, runs,
            n_runs, floor,
        )  # fmt: skip
        m += rows


@kernel
def fold_pixels(record, out, sums):
    """out (pixels, C) = the sums of `folds` adjacent elements of sums (pixels, C folds)."""
    C, folds, pitch = (
        record[DEPTHWISE.out_channels],
        record[DEPTHWISE.folds],
        record[DEPTHWISE.out_pixel],
    )
    for pixel in range(record[DEPTHWISE.out_pixels]):
        there = advance(out, pixel * pitch)
        here = advance(sums, pixel * record[DEPTHWISE.columns])
        for c in range(C):
            total = here[c * folds]
            for again in range(1, folds):
                total = total + here[c * folds + again]
            there[c] = total
        clear_columns(there, C, pitch)


@kernel
def depthwise_samples(record, frame, scratch, w, lo, hi):
    """Samples [lo, hi) of out (pixels, O) = max(floor, b + windows of x times w); overwrites."""
    pixels, at = slot(record, DEPTHWISE.pixels, lo), slot(record, DEPTHWISE.at, lo)
    taps, runs = slot(record, DEPTHWISE.taps, lo), slot(record, DEPTHWISE.runs, lo)
    phases = slot(record, DEPTHWISE.phases, lo)
    b = slot(record, DEPTHWISE.b, scratch[0])
    floor, columns = number(record, DEPTHWISE.floor, scratch[0]), record[DEPTHWISE.columns]
    folded, pitch = record[DEPTHWISE.folds] != 1, record[DEPTHWISE.out_pixel]
    sums = advance(scratch, frame_size(record, floor))
    for sample in range(lo, hi):
        x = windows_of(record, frame, scratch, sample)
        out = advance(
            slot(record, DEPTHWISE.out, scratch[0]), sample * record[DEPTHWISE.out_stride]
        )
        there, ldc = (sums, columns) if folded else (out, pitch)
        j = 0
        while j < columns:
            width = panel_width(columns, j, scratch[0])
            weights = advance(w, j * record[DEPTHWISE.n_taps])
            for phase in range(record[DEPTHWISE.n_phases]):
                pixel, tap = phases[2 * phase], phases[2 * phase + 1]
                lane_rows(
                    advance(there, j), ldc, advance(pixels, pixel), advance(x, j),
                    advance(at, pixel), weights, width, advance(taps, tap), width, advance(b, j),
                    0, advance(runs, tap), phases[2 * phase + 3] - tap,
                    phases[2 * phase + 2] - pixel, floor,
                )  # fmt: skip
            j += width
        if folded:
            fold_pixels(record, out, sums)
    return 0


@op(DEPTHWISE)
def depthwise(record, frame, scratch, lo, hi):
    """`depthwise_samples` with the record's weights."""
    w = slot(record, DEPTHWISE.w, scratch[0])
    return depthwise_samples(record, frame, scratch, w, lo, hi)


@op(WEIGHTS)
def depthwise_partials(record, frame, scratch, lo, hi):
    """dw (taps, O) and db (O,) of each chunk of samples [lo, hi); overwrites.

    Chunks are those of `convolution_partials`.
    """
    n_taps, columns = record[WEIGHTS.n_taps], record[WEIGHTS.columns]
    pitch, lowest = record[WEIGHTS.dz_pixel], cast(-float("inf"), scratch[0])
    pixels, at = slot(record, WEIGHTS.pixels, lo), slot(record, WEIGHTS.at, lo)
    taps, runs = slot(record, WEIGHTS.taps, lo), slot(record, WEIGHTS.runs, lo)
    phases = slot(record, WEIGHTS.phases, lo)
    samples = frame[records.CHUNK]
    for chunk in range(lo // samples, (hi + samples - 1) // samples):
        first, last = max(lo, chunk * samples), min((chunk + 1) * samples, hi)
        dw = advance(slot(record, WEIGHTS.dw, scratch[0]), chunk * n_taps * columns)
        db = advance(slot(record, WEIGHTS.db, scratch[0]), chunk * columns)
        if first % samples == 0:
            clear_columns(dw, 0, n_taps * columns)
            clear_columns(db, 0, columns)
        for sample in range(first, last):
            x = windows_of(record, frame, scratch, sample)
            dz = advance(slot(record, WEIGHTS.dz, scratch[0]), sample * record[WEIGHTS.dz_stride])
            if record[WEIGHTS.turned] == 0:
                add_row_sums(db, dz, pitch, record[WEIGHTS.dz_pixels], columns)
            else:
                count = record[READ.height] * record[READ.width]
                whole = sample_at(record, frame, scratch, sample)
                add_row_sums(db, whole, record[READ.x_pixel], count, columns)
            j = 0
            while j < columns:
                width = panel_width(columns, j, scratch[0])
                there = advance(dw, j * n_taps)
                for phase in range(record[WEIGHTS.n_phases]):
                    pixel, tap = phases[2 * phase], phases[2 * phase + 1]
                    lane_rows(
                        there, width, advance(taps, tap), advance(x, j), advance(runs, tap),
                        advance(dz, j), pitch, advance(pixels, pixel), width, there, width,
                        advance(at, pixel), phases[2 * phase + 2] - pixel,
                        phases[2 * phase + 3] - tap, lowest,
                    )  # fmt: skip
                j += width
    return 0
