"""The gradient of a convolution by its input, from the copy of w^T that the update writes.

    dx[at p, tap] = sum over p of dz[p] w[tap]^T

Panels of w^T have a column for each tap and channel. Where a tap's channels are whole vectors,
they are products of their own, added up where the tap lies (`convolve_backward`). Else the product
with all of w^T goes to the scratch, and its runs are added from there (`convolve_columns`). Either
way dx may be in a frame, which takes what lies in the padding.
"""

from fusednn.kernels._jit import kernel
from fusednn.kernels.gemm import multiply_edge, multiply_panel
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.spans import add_span, spread_spans
from fusednn.kernels.intrinsics.tiles import VECTORS
from fusednn.kernels.operands import COUNT, INT64, REALS, ROWS, maybe, op, operands
from fusednn.kernels.ops.lengths import count_of
from fusednn.kernels.ops.pointwise.elementwise import clear_columns
from fusednn.kernels.ops.updates.update import panel_width

from .windowed import aligned

COLUMNS_ELEMENTS = 1 << 12
"""About the elements of a product with all of w^T that stays near; at least a row of pixels."""

BACKWARD = operands(
    dx=ROWS,  # a row for each sample
    dx_pixel=COUNT,
    height=COUNT,  # of a sample of dx
    width=COUNT,
    channels=COUNT,  # of dx
    is_framed=COUNT,
    frame_height=COUNT,
    frame_width=COUNT,
    top=COUNT,  # rows and columns of the frame before dx
    left=COUNT,
    dz=ROWS,  # a row for each sample
    dz_pixel=COUNT,
    fan_out=COUNT,  # channels of dz
    w_transposed=REALS,
    padded_out=COUNT,  # rows of its panels
    padded_in=COUNT,  # columns
    at=INT64,  # elements of dx or its frame from a pixel's first tap to each tap, or each run
    n_at=COUNT,
    length=COUNT,  # elements of a run
    zeros=REALS,  # a vector
    n_rows=COUNT,  # rows of pixels of dz
    n_columns=COUNT,  # pixels of such a row
    row_step=COUNT,  # elements of dx or its frame from one row of dz to the next
    step=COUNT,  # and from one of its pixels to the next
    lengths=maybe(INT64),  # of the series of each sample, in pixels of dz
)


@kernel
def scatter_taps(record, target, dz, count):
    """target += dz (rows of `count` pixels, O) w^T where their taps lie; accumulates."""
    C, O, depth = (
        record[BACKWARD.channels],
        record[BACKWARD.fan_out],
        record[BACKWARD.padded_out],
    )
    w, at = slot(record, BACKWARD.w_transposed, dz[0]), slot(record, BACKWARD.at, C)
    pixel = record[BACKWARD.dz_pixel]
    step, lowest, lanes = record[BACKWARD.step], cast(-float("inf"), dz[0]), lanes_of(dz[0])
    full = VECTORS * lanes
    c = 0
    while c < C:
        # a tap's channels begin within a panel where they are no multiple of its width
        is_full = C % full == 0
        for row in range(record[BACKWARD.n_rows]):
            a = advance(dz, row * count * pixel)
            for tap in range(record[BACKWARD.n_at]):
                there = advance(target, row * record[BACKWARD.row_step] + at[tap] + c)
                column = tap * C + c
                first = column // full * full
                across = panel_width(record[BACKWARD.padded_in], first, dz[0])
                b = advance(w, first * depth + column - first)
                if is_full:
                    multiply_panel(
                        there, step, a, pixel, 1, b, across, there, step, count, O, lowest
                    )
                else:
                    multiply_edge(
                        there, step, a, pixel, 1, b, across, there, step, count, O, lowest
                    )
        c += full if is_full else lanes


@kernel
def multiply_transposed(record, product, dz, w, pixels):
    """product (pixels, padded_in) = dz (pixels, O) w^T; overwrites."""
    zeros = slot(record, BACKWARD.zeros, dz[0])
    columns, O, depth = (
        record[BACKWARD.padded_in],
        record[BACKWARD.fan_out],
        record[BACKWARD.padded_out],
    )
    pixel, lowest = record[BACKWARD.dz_pixel], cast(-float("inf"), dz[0])
    j = 0
    while j < columns:
        width = panel_width(columns, j, dz[0])
        c, b = advance(product, j), advance(w, j * depth)
        if width == lanes_of(dz[0]):
            multiply_edge(c, columns, dz, pixel, 1, b, width, zeros, 0, pixels, O, lowest)
        else:
            multiply_panel(c, columns, dz, pixel, 1, b, width, zeros, 0, pixels, O, lowest)
        j += width


@kernel
def scatter_columns(record, target, dz, w, count, product):
    """target += dz (rows of `count` pixels, O) w^T where their taps lie; accumulates.

    Pixels of a row are far apart in time: runs of adjacent ones overlap, and a load of what was
    just stored in two parts waits.
    """
    columns, at = record[BACKWARD.padded_in], slot(record, BACKWARD.at, 0)
    n_at, length, n_rows = record[BACKWARD.n_at], record[BACKWARD.length], record[BACKWARD.n_rows]
    near = COLUMNS_ELEMENTS // (columns * count)
    most = max(1, min(n_rows, near))
    for first in range(0, n_rows, most):
        rows = min(most, n_rows - first)
        here = advance(dz, first * count * record[BACKWARD.dz_pixel])
        multiply_transposed(record, product, here, w, rows * count)
        for x in range(count):
            for row in range(rows):
                there = (first + row) * record[BACKWARD.row_step] + x * record[BACKWARD.step]
                values = advance(product, (row * count + x) * columns)
                for run in range(n_at):
                    add_span(
                        advance(target, there + at[run]), advance(values, run * length), length
                    )


@kernel
def leave_frame(record, dx, target):
    """dx (height, width, C) = the part of its frame within the padding; overwrites."""
    C, width, pixel = record[BACKWARD.channels], record[BACKWARD.width], record[BACKWARD.dx_pixel]
    line = record[BACKWARD.frame_width] * C
    for row in range(record[BACKWARD.height]):
        first = (row + record[BACKWARD.top]) * line + record[BACKWARD.left] * C
        spread_spans(advance(dx, row * width * pixel), pixel, advance(target, first), C, width, C)


@op(BACKWARD)
def convolve_backward(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of dx (height, width, C) from dz (pixels, O); overwrites."""
    is_framed = record[BACKWARD.is_framed] != 0
    size = record[BACKWARD.height] * record[BACKWARD.width] * record[BACKWARD.dx_pixel]
    if is_framed:
        framed = record[BACKWARD.frame_height] * record[BACKWARD.frame_width]
        size = framed * record[BACKWARD.channels]
    for sample in range(lo, hi):
        dx = advance(slot(record, BACKWARD.dx, scratch[0]), sample * record[BACKWARD.dx_stride])
        dz = advance(slot(record, BACKWARD.dz, scratch[0]), sample * record[BACKWARD.dz_stride])
        target = scratch if is_framed else dx
        clear_columns(target, 0, size)
        count = count_of(record, BACKWARD.lengths, sample, record[BACKWARD.n_columns])
        scatter_taps(record, target, dz, count)
        if is_framed:
            leave_frame(record, dx, target)
    return 0


@op(BACKWARD)
def convolve_columns(record, frame, scratch, lo, hi):
    """The same by way of the product with all of w^T, in the scratch behind the frame."""
    framed = record[BACKWARD.frame_height] * record[BACKWARD.frame_width]
    size = aligned(framed * record[BACKWARD.channels], scratch[0]) + lanes_of(scratch[0])
    for sample in range(lo, hi):
        dx = advance(slot(record, BACKWARD.dx, scratch[0]), sample * record[BACKWARD.dx_stride])
        dz = advance(slot(record, BACKWARD.dz, scratch[0]), sample * record[BACKWARD.dz_stride])
        clear_columns(scratch, 0, size)
        count = count_of(record, BACKWARD.lengths, sample, record[BACKWARD.n_columns])
        w = slot(record, BACKWARD.w_transposed, dz[0])
        scatter_columns(record, scratch, dz, w, count, advance(scratch, size))
        leave_frame(record, dx, scratch)
    return 0
