"""A sample whose windows are multiplied: where it lies, or copied to a frame of zeros.

A frame is in the worker's scratch. Samples need one where there is padding, and where the numbers
of a tap are not contiguous: few channels in padded rows, or one group of the channels.
"""

from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.operands import COUNT, INT64, ROWS, maybe, operands
from fusednn.kernels.ops.frames import sample_of
from fusednn.kernels.ops.gather import copy_row
from fusednn.kernels.ops.pointwise.elementwise import clear_columns
from fusednn.kernels.ops.updates.update import panel_width

READ = operands(
    x=ROWS,  # a row for each sample
    order=maybe(INT64),
    is_data=COUNT,  # whether x is the data, whose samples `order` chooses
    is_framed=COUNT,
    height=COUNT,  # of a sample of x
    width=COUNT,
    channel=COUNT,  # the first that is read
    channels=COUNT,  # that are read
    repeats=COUNT,  # of each channel in the frame, side by side
    x_pixel=COUNT,  # elements from one pixel of x to the next
    frame_height=COUNT,
    frame_width=COUNT,
    frame_pixel=COUNT,  # elements from one pixel of the frame to the next
    top=COUNT,  # rows and columns of zeros before x in its frame
    left=COUNT,
    first_line=COUNT,  # rows of the frame that are read
    last_line=COUNT,
)
"""Where windows are read: in x itself, or in its frame."""


@kernel
def aligned(count, like):
    """A count of elements rounded up to whole vectors."""
    lanes = lanes_of(like)
    return (count + lanes - 1) // lanes * lanes


@kernel
def copy_pixels(out, out_pixel, x, x_pixel, pixels, kept, cleared):
    """`kept` elements of each pixel of out = x, the `cleared` ones after them = 0; overwrites."""
    for pixel in range(pixels):
        there = advance(out, pixel * out_pixel)
        copy_row(there, advance(x, pixel * x_pixel), kept)
        clear_columns(there, kept, kept + cleared)


@kernel
def repeat_pixels(out, out_pixel, x, x_pixel, pixels, C, repeats):
    """out (pixels, C repeats) = x (pixels, C), each element `repeats` times; overwrites."""
    for pixel in range(pixels):
        there, here = advance(out, pixel * out_pixel), advance(x, pixel * x_pixel)
        for c in range(C):
            for again in range(repeats):
                there[c * repeats + again] = here[c]
        clear_columns(there, C * repeats, out_pixel)


@kernel
def fill_frame(record, target, x):
    """target (frame_height, frame_width, frame_pixel) = x (height, width, C) and zeros.

    Only in the rows that are read.
    """
    C, pixel, x_pixel = record[READ.channels], record[READ.frame_pixel], record[READ.x_pixel]
    line, width = record[READ.frame_width] * pixel, record[READ.width]
    first = record[READ.left] * pixel
    for row in range(record[READ.first_line], record[READ.last_line]):
        there, y = advance(target, row * line), row - record[READ.top]
        if y < 0 or y >= record[READ.height]:
            clear_columns(there, 0, line)
            continue
        clear_columns(there, 0, first)
        here, inside = advance(x, y * width * x_pixel), advance(there, first)
        if record[READ.repeats] != 1:
            repeat_pixels(inside, pixel, here, x_pixel, width, C, record[READ.repeats])
        elif x_pixel == C and pixel == C:
            copy_row(inside, here, width * C)
        else:
            copy_pixels(inside, pixel, here, x_pixel, width, C, pixel - C)
        clear_columns(there, first + width * pixel, line)


@kernel
def sample_at(record, frame, scratch, row):
    """The sample at a row of the buffers, where it lies."""
    sample = sample_of(record, frame, row, READ.order) if record[READ.is_data] != 0 else row
    first = sample * record[READ.x_stride] + record[READ.channel]
    return advance(slot(record, READ.x, scratch[0]), first)


@kernel
def windows_of(record, frame, scratch, row):
    """The sample at a row of the buffers as its windows are read: x, or its frame in scratch."""
    x = sample_at(record, frame, scratch, row)
    if record[READ.is_framed] == 0:
        return x
    fill_frame(record, scratch, x)
    return scratch


@kernel
def frame_size(record, like):
    """Elements of the frame, rounded up to whole vectors; 0 without one."""
    if record[READ.is_framed] == 0:
        return 0
    pixels = record[READ.frame_height] * record[READ.frame_width]
    return aligned(pixels * record[READ.frame_pixel], like)


@kernel
def turn_taps(turned, w, taps, I, O):
    """turned, the panels of (taps O, I) = w, the panels of (taps I, O), each tap transposed.

    Overwrites; the padding columns become zero.
    """
    wide, columns = aligned(I, w[0]), aligned(O, w[0])
    clear_columns(turned, 0, taps * O * wide)
    o = 0
    while o < columns:
        width = panel_width(columns, o, w[0])
        i = 0
        while i < wide:
            across = panel_width(wide, i, w[0])
            for tap in range(taps):
                source = advance(w, o * taps * I + (tap * I + i) * width)
                target = advance(turned, i * taps * O + (tap * O + o) * across)
                for r in range(min(across, I - i)):
                    row = advance(source, r * width)
                    for q in range(min(width, O - o)):
                        target[q * across + r] = row[q]
            i += across
        o += width
