"""Augmentation of samples (H, W, C) of a batch, in training; a series (T, C) is (1, T, C).

    out(p) <- x(A p)          A drawn for each sample: its moves composed, about the centre
    out    <- out + deviation n         n of the standard normal distribution
    out    <- fill in squares           whose centres are any pixels

A maps a place of the moved sample to one of x. Between pixels x is linear along both axes, and
outside it is `fill`, so that it is continuous; whole places give the pixels themselves.

A sample's numbers depend on the key, the stream, the step and its row in the batch alone. Move m
has the words of counter m, square h those of counter n_moves + h; noise has the next stream.
"""

import math

import numpy as np
from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.maths import turn_parts
from fusednn.kernels.operands import (
    COUNT,
    FLOAT64,
    INT64,
    REALS,
    ROWS,
    maybe,
    op,
    operands,
    padded_width_of,
    width_of,
)
from fusednn.kernels.philox import philox, uniform

from .frames import step_settings
from .gather import copy_row
from .pointwise.elementwise import clear_columns
from .pointwise.noise import draw_normals

FLIP, SHIFT, ROTATE, SCALE, STRETCH, CROP = range(6)
MOVES = {
    "flip": FLIP,  # left to right, or not
    "shift": SHIFT,  # the most pixels
    "rotate": ROTATE,  # the most turns
    "scale": SCALE,  # the most by which the factor differs from 1
    "stretch": STRETCH,  # the same along W alone
    "crop": CROP,  # columns of the window
}
"""The codes of moves by their names; what their amounts are."""

AUGMENT = operands(
    out=ROWS,
    x=ROWS,
    key=INT64,  # two words of 32 bits
    moves=INT64,  # codes
    amounts=FLOAT64,  # of the moves
    holes=INT64,  # sides of the squares
    fill=REALS,  # for the elements of a line
    deviations=maybe(REALS),  # likewise
    n_moves=COUNT,
    n_holes=COUNT,
    height=COUNT,
    columns=COUNT,
    channels=COUNT,
    stream=COUNT,
    width=width_of("out"),
    padded=padded_width_of("out"),
)

_HALF = np.uint64(1 << 31)
_WORD = np.uint64(32)


@kernel
def whole(word, n):
    """A word of 32 bits as an integer in [0, n)."""
    return np.int64((word * np.uint64(n)) >> _WORD)


@kernel
def between(word, most):
    """A word of 32 bits as a number in (-most, most)."""
    return most * (2.0 * uniform(word, 0.0) - 1.0)


@kernel
def drawn_move(move, amount, w0, w1, columns):
    """A move's map from places behind it to places before: (xx, xy, yx, yy, x, y)."""
    if move == FLIP:
        return (-1.0 if w0 < _HALF else 1.0), 0.0, 0.0, 1.0, 0.0, 0.0
    if move == SHIFT:
        most = np.int64(amount)
        right, down = whole(w0, 2 * most + 1) - most, whole(w1, 2 * most + 1) - most
        return 1.0, 0.0, 0.0, 1.0, -float(right), -float(down)
    if move == ROTATE:
        cosine, sine = turn_parts(between(w0, amount))
        return cosine, -sine, sine, cosine, 0.0, 0.0
    if move == CROP:
        size = np.int64(amount)
        share = (size - 1) / (columns - 1) if columns > 1 else 1.0
        first, middle = float(whole(w0, columns - size + 1)), 0.5 * (columns - 1)
        return share, 0.0, 0.0, 1.0, first + share * middle - middle, 0.0
    share = 1.0 / (1.0 + between(w0, amount))
    return share, 0.0, 0.0, (share if move == SCALE else 1.0), 0.0, 0.0


@kernel
def drawn_map(moves, amounts, n_moves, columns, row, step, stream, key):
    """The map of all moves from places of the moved sample to those of x, about the centre."""
    k0, k1 = np.uint64(key[0]), np.uint64(key[1])
    xx, xy, yx, yy, x, y = 1.0, 0.0, 0.0, 1.0, 0.0, 0.0
    for m in range(n_moves):
        w0, w1, _, _ = philox(np.uint64(m), row, step, stream, k0, k1)
        a, b, c, d, u, v = drawn_move(moves[m], amounts[m], w0, w1, columns)
        x, y = xx * u + xy * v + x, yx * u + yy * v + y
        xx, xy, yx, yy = xx * a + xy * c, xx * b + xy * d, yx * a + yy * c, yx * b + yy * d
    return xx, xy, yx, yy, x, y


@kernel
def pixel_at(x, blank, row, column, height, columns, channels):
    """The pixel (channels) of x (height, columns, channels), or `blank` outside."""
    if 0 <= row < height and 0 <= column < columns:
        return advance(x, (row * columns + column) * channels)
    return blank


@kernel
def interpolate(out, x, blank, down, across, height, columns, channels):
    """out (channels) = x (height, columns, channels) at a place; overwrites."""
    top, left = np.int64(math.floor(down)), np.int64(math.floor(across))
    lower, right = cast(down - top, blank[0]), cast(across - left, blank[0])
    one = pixel_at(x, blank, top, left, height, columns, channels)
    two = pixel_at(x, blank, top, left + 1, height, columns, channels)
    if lower == 0 and right == 0:
        copy_row(out, one, channels)
        return
    if lower == 0:  # always in a series
        for c in range(channels):
            out[c] = one[c] + right * (two[c] - one[c])
        return
    three = pixel_at(x, blank, top + 1, left, height, columns, channels)
    four = pixel_at(x, blank, top + 1, left + 1, height, columns, channels)
    for c in range(channels):
        above = one[c] + right * (two[c] - one[c])
        below = three[c] + right * (four[c] - three[c])
        out[c] = above + lower * (below - above)


@kernel
def move_sample(out, x, fill, place, height, columns, channels):
    """out (height, columns, channels) = x of this shape through the map `place`; overwrites."""
    xx, xy, yx, yy, dx, dy = place
    middle_x, middle_y = 0.5 * (columns - 1), 0.5 * (height - 1)
    for row in range(height):
        for column in range(columns):
            right, low = column - middle_x, row - middle_y
            across = xx * right + xy * low + dx + middle_x
            down = yx * right + yy * low + dy + middle_y
            here = advance(out, (row * columns + column) * channels)
            blank = advance(fill, column * channels)
            if -1.0 < across < columns and -1.0 < down < height:
                interpolate(here, x, blank, down, across, height, columns, channels)
            else:
                copy_row(here, blank, channels)


@kernel
def is_whole(place):
    """Whether a map leads from pixels to pixels in columns of their own."""
    xx, xy, yx, yy, x, y = place
    return (
        abs(xx) == 1.0
        and xy == 0.0
        and yx == 0.0
        and yy == 1.0
        and math.floor(x) == x
        and math.floor(y) == y
    )


@kernel
def copy_sample(out, x, fill, place, height, columns, channels):
    """The same for a map that `is_whole`, in a third of the time; overwrites."""
    xx, _, _, _, dx, dy = place
    step, down = np.int64(xx), np.int64(dy)
    first = np.int64(dx) + (columns - 1 if step < 0 else 0)
    for row in range(height):
        here = advance(out, row * columns * channels)
        if not 0 <= row + down < height:
            copy_row(here, fill, columns * channels)
            continue
        there = advance(x, (row + down) * columns * channels)
        for column in range(columns):
            source = first + step * column
            pixel = advance(here, column * channels)
            if 0 <= source < columns:
                copy_row(pixel, advance(there, source * channels), channels)
            else:
                copy_row(pixel, advance(fill, column * channels), channels)


@kernel
def fill_square(out, fill, size, w0, w1, height, columns, channels):
    """A square of out (height, columns, channels) = fill (columns, channels); overwrites."""
    top, left = whole(w0, height) - size // 2, whole(w1, columns) - size // 2
    first, last = max(left, 0), min(left + size, columns)
    for row in range(max(top, 0), min(top + size, height)):
        here = advance(out, (row * columns + first) * channels)
        copy_row(here, advance(fill, first * channels), (last - first) * channels)


@kernel
def add_noise(out, noise, deviations, width, line):
    """out (width) += noise (width) times deviations (line) of each line; accumulates."""
    for at in range(0, width, line):
        here, normal = advance(out, at), advance(noise, at)
        for c in range(line):
            here[c] = here[c] + deviations[c] * normal[c]


@op(AUGMENT)
def augment(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, H W C) = those of x (B, H W C), each augmented; overwrites."""
    x, out = slot(record, AUGMENT.x, scratch[0]), slot(record, AUGMENT.out, scratch[0])
    fill = slot(record, AUGMENT.fill, scratch[0])
    moves, amounts = slot(record, AUGMENT.moves, lo), slot(record, AUGMENT.amounts, 0.0)
    holes, key = slot(record, AUGMENT.holes, lo), slot(record, AUGMENT.key, lo)
    n_moves, width = record[AUGMENT.n_moves], record[AUGMENT.width]
    height, columns = record[AUGMENT.height], record[AUGMENT.columns]
    channels = record[AUGMENT.channels]
    stream = np.uint64(record[AUGMENT.stream])
    step = np.uint64(step_settings(frame)[records.STREAM])
    for r in range(lo, hi):
        row = np.uint64(frame[records.SHIFT] + r)
        here = advance(out, r * record[AUGMENT.out_stride])
        there = advance(x, r * record[AUGMENT.x_stride])
        if n_moves == 0:
            copy_row(here, there, width)
        else:
            place = drawn_map(moves, amounts, n_moves, columns, row, step, stream, key)
            if is_whole(place):
                copy_sample(here, there, fill, place, height, columns, channels)
            else:
                move_sample(here, there, fill, place, height, columns, channels)
        if record[AUGMENT.deviations] != 0:
            deviations = slot(record, AUGMENT.deviations, scratch[0])
            draw_normals(scratch, width, row, np.uint64(0), step, stream + np.uint64(1), key)
            add_noise(here, scratch, deviations, width, columns * channels)
        for h in range(record[AUGMENT.n_holes]):
            counter = np.uint64(n_moves + h)
            w0, w1, _, _ = philox(counter, row, step, stream, np.uint64(key[0]), np.uint64(key[1]))
            fill_square(here, fill, holes[h], w0, w1, height, columns, channels)
        clear_columns(here, width, record[AUGMENT.padded])
    return 0
