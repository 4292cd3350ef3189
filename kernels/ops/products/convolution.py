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
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.tiles import MICRO_ROWS
from fusednn.kernels.operands import COUNT, INT64, NUMBER, REALS, ROWS, maybe, op, operands
from fusednn.kernels.ops.lengths import count_of
from fusednn.kernels.ops.updates.update import panel_width

from .window_tiles import rows_of_tile, window_tile
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
    steps=INT64,  # from there to the element for each row of w
    fan_in=COUNT,  # rows of w
    lengths=maybe(INT64),  # of the series of each sample, in pixels of out
)


@kernel
def convolve_panel(c, ldc, x, at, w, width, used, b, steps, K, M, floor):
    """c (M x a panel) = max(floor, b + the windows of x times w); overwrites c."""
    m = 0
    while m < M:
        if M >= MICRO_ROWS:  # the last tile begins earlier: it writes some pixels again
            m = min(m, M - MICRO_ROWS)
        rows = rows_of_tile(M - m)
        window_tile(
            rows, advance(c, m * ldc), ldc, x, advance(at, m), w, width, width, used, b, 0, steps,
            K, floor,
        )  # fmt: skip
        m += rows


@kernel
def convolve_samples(record, frame, scratch, w, lo, hi):
    """Samples [lo, hi) of out (pixels, O) = max(floor, b + windows of x times w); overwrites."""
    b = slot(record, FORWARD.b, scratch[0])
    at, steps = slot(record, FORWARD.at, lo), slot(record, FORWARD.steps, lo)
    floor, columns = number(record, FORWARD.floor, scratch[0]), record[FORWARD.columns]
    fan_in = record[FORWARD.fan_in]
    filters = record[FORWARD.filters]
    kept, out_pixel = record[FORWARD.kept], record[FORWARD.out_pixel]
    pitch = out_pixel if kept == 0 else columns
    place = advance(scratch, frame_size(record, floor))
    if record[FORWARD.turned] != 0:
        turn_taps(place, w, record[FORWARD.taps], record[FORWARD.filters], record[READ.channels])
        w, place = place, advance(place, fan_in * columns)
    if kept != 0:
        copy_pixels(place, 0, b, 0, 1, kept, columns - kept)
        b, place = place, advance(place, columns)
    for sample in range(lo, hi):
        x = windows_of(record, frame, scratch, sample)
        out = advance(slot(record, FORWARD.out, scratch[0]), sample * record[FORWARD.out_stride])
        there = out if kept == 0 else place
        pixels = count_of(record, FORWARD.lengths, sample, record[FORWARD.pixels])
        j = 0
        while j < columns:
            width = panel_width(columns, j, scratch[0])
            weights = advance(w, j * fan_in)
            convolve_panel(
                advance(there, j), pitch, x, at, weights, width, filters, advance(b, j), steps,
                fan_in, pixels, floor,
            )  # fmt: skip
            j += width
        if kept != 0:
            copy_pixels(out, out_pixel, place, columns, pixels, kept, record[FORWARD.cleared])
    return 0


@op(FORWARD)
def convolve(record, frame, scratch, lo, hi):
    """`convolve_samples` with the record's weights."""
    w = slot(record, FORWARD.w, scratch[0])
    return convolve_samples(record, frame, scratch, w, lo, hi)
