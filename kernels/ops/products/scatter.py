"""Products of pixels that are added up where windows lie: the transpose of a convolution.

    out[at p, tap] = b + sum over p and taps of x[p] w[tap]

It is the gradient of a convolution by its input, without b and with each tap of w transposed, and
a transposed convolution itself. A frame in the scratch takes what lies in the padding.
"""

from fusednn.kernels._jit import kernel
from fusednn.kernels.gemm import multiply_edge, multiply_panel
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.operands import COUNT, INT64, REALS, ROWS, maybe, op, operands
from fusednn.kernels.ops.gather import copy_row
from fusednn.kernels.ops.lengths import count_of
from fusednn.kernels.ops.pointwise.elementwise import clear_columns
from fusednn.kernels.ops.updates.update import panel_width

from .windowed import copy_pixels, turn_taps

SCATTER = operands(
    out=ROWS,  # a row for each sample
    out_pixel=COUNT,
    height=COUNT,  # of a sample of out
    width=COUNT,
    columns=COUNT,  # of out, padded to whole vectors
    kept=COUNT,  # of these, where out has others behind them; else 0
    cleared=COUNT,  # columns behind those, which become zero
    filters=COUNT,  # of out, without padding
    is_framed=COUNT,
    frame_height=COUNT,
    frame_width=COUNT,
    top=COUNT,  # rows and columns of the frame before out
    left=COUNT,
    x=ROWS,  # a row for each sample
    x_pixel=COUNT,
    channels=COUNT,  # of x
    w=REALS,
    b=maybe(REALS),
    turned=COUNT,  # whether w is (taps O, I): each tap is transposed first
    taps=COUNT,
    tap_at=INT64,  # the pixel of out or its frame for each tap of the first pixel of x
    n_rows=COUNT,  # rows of pixels of x
    length=COUNT,  # pixels of such a row
    row_step=COUNT,  # pixels of out or its frame from one row of x to the next
    step=COUNT,  # and from one of its pixels to the next
    lengths=maybe(INT64),  # of the series of each sample, in pixels of x
)


@kernel
def scatter_pixels(record, target, pitch, x, w, length):
    """target, pixels of `pitch` elements, += x[p] w[tap] at each tap of p; accumulates.

    Rows of x have `length` pixels.
    """
    I, taps, columns = record[SCATTER.channels], record[SCATTER.taps], record[SCATTER.columns]
    x_pixel = record[SCATTER.x_pixel]
    step, tap_at = record[SCATTER.step] * pitch, slot(record, SCATTER.tap_at, pitch)
    lowest = cast(-float("inf"), x[0])
    j = 0
    while j < columns:
        width = panel_width(columns, j, x[0])
        for row in range(record[SCATTER.n_rows]):
            a, first = advance(x, row * length * x_pixel), row * record[SCATTER.row_step]
            for tap in range(taps):
                c = advance(target, (first + tap_at[tap]) * pitch + j)
                b = advance(w, j * taps * I + tap * I * width)
                if width == lanes_of(x[0]):
                    multiply_edge(c, step, a, x_pixel, 1, b, width, c, step, length, I, lowest)
                else:
                    multiply_panel(c, step, a, x_pixel, 1, b, width, c, step, length, I, lowest)
        j += width


@kernel
def fill_pixels(record, target, pitch, pixels, scratch):
    """target (pixels, pitch) = b, or zeros without b; overwrites."""
    if record[SCATTER.b] == 0:
        clear_columns(target, 0, pixels * pitch)
        return
    b, filled = slot(record, SCATTER.b, scratch[0]), record[SCATTER.filters]
    for pixel in range(pixels):
        there = advance(target, pixel * pitch)
        copy_row(there, b, filled)
        clear_columns(there, filled, pitch)


@kernel
def scatter_samples(record, frame, scratch, w, lo, hi):
    """Samples [lo, hi) of out (height, width, O) = b + x[p] w[tap], added up; overwrites."""
    columns, pitch = record[SCATTER.columns], record[SCATTER.out_pixel]
    height, width = record[SCATTER.height], record[SCATTER.width]
    line = record[SCATTER.frame_width] * columns
    framed = record[SCATTER.frame_height] * record[SCATTER.frame_width]
    if record[SCATTER.turned] != 0:
        place = advance(scratch, framed * columns if record[SCATTER.is_framed] != 0 else 0)
        turn_taps(
            place, w, record[SCATTER.taps], record[SCATTER.filters], record[SCATTER.channels]
        )
        w = place
    kept = record[SCATTER.kept] if record[SCATTER.kept] != 0 else columns
    for sample in range(lo, hi):
        x = advance(slot(record, SCATTER.x, scratch[0]), sample * record[SCATTER.x_stride])
        out = advance(slot(record, SCATTER.out, scratch[0]), sample * record[SCATTER.out_stride])
        length = count_of(record, SCATTER.lengths, sample, record[SCATTER.length])
        if record[SCATTER.is_framed] == 0:
            fill_pixels(record, out, pitch, height * width, scratch)
            scatter_pixels(record, out, pitch, x, w, length)
            continue
        fill_pixels(record, scratch, columns, framed, scratch)
        scatter_pixels(record, scratch, columns, x, w, length)
        for row in range(height):
            first = (row + record[SCATTER.top]) * line + record[SCATTER.left] * columns
            copy_pixels(
                advance(out, row * width * pitch), pitch, advance(scratch, first), columns, width,
                kept, record[SCATTER.cleared],
            )  # fmt: skip
    return 0


@op(SCATTER)
def scatter(record, frame, scratch, lo, hi):
    """`scatter_samples` with the record's weights."""
    w = slot(record, SCATTER.w, scratch[0])
    return scatter_samples(record, frame, scratch, w, lo, hi)
