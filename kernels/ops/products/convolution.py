"""Convolution of samples with channels last, in a plan.

    out[p] = max(floor, b + sum over taps of x[at p, tap] w[tap])

The product is cross-correlation, as in all libraries. A sample is multiplied where it lies, or in
a frame of zeros (`windowed.py`), by register tiles whose rows are windows of it
(`intrinsics/windows.py`). Weights (taps, I, O) lie in the panels of a matrix (taps I, O). The
gradient by the input of a transposed convolution is the same sum with each tap of w transposed.

A group of the channels is a convolution of its own. Its outputs fill no whole vectors, so they go
through the scratch.
"""

from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.tiles import MICRO_ROWS
from fusednn.kernels.intrinsics.windows import (
    edge_window_four,
    edge_window_full,
    edge_window_one,
    window_four,
    window_full,
    window_one,
)
from fusednn.kernels.operands import COUNT, INT64, NUMBER, REALS, ROWS, op, operands
from fusednn.kernels.ops.updates.update import panel_width

from .windowed import READ, copy_pixels, frame_size, turn_taps, windows_of

FORWARD = operands(
    READ,
    out=ROWS,  # a row for each sample
    out_pixel=COUNT,
    w=REALS,
    b=REALS,
    floor=NUMBER,
    pixels=COUNT,  # of a sample of out
    columns=COUNT,  # of out, padded to whole vectors
    kept=COUNT,  # of these, where out has others behind them; else 0
    cleared=COUNT,  # columns behind those, which become zero
    taps=COUNT,
    filters=COUNT,  # O, without padding
    turned=COUNT,  # whether w is (taps O, I): each tap is transposed first
    at=INT64,  # for each pixel of out: where its window begins
    runs=INT64,  # from there to each run of contiguous elements
    n_runs=COUNT,
    length=COUNT,
)


@kernel
def convolve_panel(c, ldc, x, at, w, width, b, runs, n_runs, length, M, floor):
    """c (M x a panel) = max(floor, b + the windows of x times w); overwrites c."""
    is_edge = width == lanes_of(floor)
    m = 0
    while m < M:
        if M >= MICRO_ROWS:  # the last tile begins earlier: it writes some pixels again
            m = min(m, M - MICRO_ROWS)
            there, first = advance(c, m * ldc), advance(at, m)
            if is_edge:
                edge_window_full(
                    there, ldc, x, first, 1, w, width, b, 0, runs, n_runs, length, floor
                )
            else:
                window_full(there, ldc, x, first, 1, w, width, b, 0, runs, n_runs, length, floor)
            m += MICRO_ROWS
        elif M - m >= 4:
            there, first = advance(c, m * ldc), advance(at, m)
            if is_edge:
                edge_window_four(
                    there, ldc, x, first, 1, w, width, b, 0, runs, n_runs, length, floor
                )
            else:
                window_four(there, ldc, x, first, 1, w, width, b, 0, runs, n_runs, length, floor)
            m += 4
        else:
            there, first = advance(c, m * ldc), advance(at, m)
            if is_edge:
                edge_window_one(
                    there, ldc, x, first, 1, w, width, b, 0, runs, n_runs, length, floor
                )
            else:
                window_one(there, ldc, x, first, 1, w, width, b, 0, runs, n_runs, length, floor)
            m += 1


@op(FORWARD)
def convolve(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of out (pixels, O) = max(floor, b + windows of x times w); overwrites."""
    w, b = slot(record, FORWARD.w, scratch[0]), slot(record, FORWARD.b, scratch[0])
    at, runs = slot(record, FORWARD.at, lo), slot(record, FORWARD.runs, lo)
    floor, columns = number(record, FORWARD.floor, scratch[0]), record[FORWARD.columns]
    n_runs, length = record[FORWARD.n_runs], record[FORWARD.length]
    kept, out_pixel = record[FORWARD.kept], record[FORWARD.out_pixel]
    pitch, pixels = out_pixel if kept == 0 else columns, record[FORWARD.pixels]
    place = advance(scratch, frame_size(record, floor))
    if record[FORWARD.turned] != 0:
        turn_taps(place, w, record[FORWARD.taps], record[FORWARD.filters], record[READ.channels])
        w, place = place, advance(place, n_runs * length * columns)
    if kept != 0:
        copy_pixels(place, 0, b, 0, 1, kept, columns - kept)
        b, place = place, advance(place, columns)
    for sample in range(lo, hi):
        x = windows_of(record, frame, scratch, sample)
        out = advance(slot(record, FORWARD.out, scratch[0]), sample * record[FORWARD.out_stride])
        there = out if kept == 0 else place
        j = 0
        while j < columns:
            width = panel_width(columns, j, scratch[0])
            weights = advance(w, j * n_runs * length)
            convolve_panel(
                advance(there, j), pitch, x, at, weights, width, advance(b, j), runs, n_runs,
                length, pixels, floor,
            )  # fmt: skip
            j += width
        if kept != 0:
            copy_pixels(out, out_pixel, place, columns, pixels, kept, record[FORWARD.cleared])
    return 0
