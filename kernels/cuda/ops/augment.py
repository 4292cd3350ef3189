"""Augmentation of samples: a block takes a sample, and a thread four elements of it at a time.

What is drawn for a sample each thread draws anew. A map that leads from pixels to pixels needs no
case of its own: between pixels that are whole nothing is interpolated.
"""

import math

import numpy as np
from fusednn.kernels import records
from fusednn.kernels.cuda.language import barrier, block, blocks, single, thread, threads
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops import augment as ops
from fusednn.kernels.ops.augment import AUGMENT, drawn_map, pixel_at, whole
from fusednn.kernels.ops.frames import step_settings
from fusednn.kernels.ops.pointwise.noise import normal_pair
from fusednn.kernels.philox import philox, uniform


def moved_element(record, x, fill, place, at):
    """Element `at` of a sample (H, W, C) that is moved by the map `place`."""
    xx, xy, yx, yy, dx, dy = place
    height, columns = record[AUGMENT.height], record[AUGMENT.columns]
    channels = record[AUGMENT.channels]
    pixel, c = at // channels, at % channels
    row, column = pixel // columns, pixel % columns
    middle_x, middle_y = 0.5 * (columns - 1), 0.5 * (height - 1)
    right, low = column - middle_x, row - middle_y
    across = xx * right + xy * low + dx + middle_x
    down = yx * right + yy * low + dy + middle_y
    own, blank = advance(x, c), advance(fill, column * channels + c)
    if not (-1.0 < across < columns and -1.0 < down < height):
        return blank[0]
    top, left = np.int64(math.floor(down)), np.int64(math.floor(across))
    lower, further = cast(down - top, blank[0]), cast(across - left, blank[0])
    one = pixel_at(own, blank, top, left, height, columns, channels)[0]
    if lower == 0 and further == 0:
        return one
    two = pixel_at(own, blank, top, left + 1, height, columns, channels)[0]
    above = one + further * (two - one)
    if lower == 0:
        return above
    three = pixel_at(own, blank, top + 1, left, height, columns, channels)[0]
    four = pixel_at(own, blank, top + 1, left + 1, height, columns, channels)[0]
    below = three + further * (four - three)
    return above + lower * (below - above)


def move_and_add_noise(record, out, x, fill, row, step):
    """out (H, W, C) = x moved, plus the noise of the sample; overwrites."""
    key, width = slot(record, AUGMENT.key, record[AUGMENT.width]), record[AUGMENT.width]
    line, n_moves = record[AUGMENT.columns] * record[AUGMENT.channels], record[AUGMENT.n_moves]
    stream, zero = np.uint64(record[AUGMENT.stream]), cast(0, fill[0])
    is_noisy, k0, k1 = record[AUGMENT.deviations] != 0, np.uint64(key[0]), np.uint64(key[1])
    deviations = slot(record, AUGMENT.deviations if is_noisy else AUGMENT.fill, zero)
    moves, amounts = slot(record, AUGMENT.moves, line), slot(record, AUGMENT.amounts, 0.0)
    place = drawn_map(moves, amounts, n_moves, record[AUGMENT.columns], row, step, stream, key)
    quarter = (width + 3) // 4
    for q in range(thread(), quarter, threads()):
        a, b, c, d = zero, zero, zero, zero
        if is_noisy:
            words = philox(np.uint64(q), row, step, stream + np.uint64(1), k0, k1)
            a, b = normal_pair(uniform(words[0], zero), uniform(words[1], zero))
            c, d = normal_pair(uniform(words[2], zero), uniform(words[3], zero))
        for part in range(4):
            single()
            at = part * quarter + q
            if at < width:
                value = x[at] if n_moves == 0 else moved_element(record, x, fill, place, at)
                if is_noisy:
                    drawn = a if part == 0 else (b if part == 1 else (c if part == 2 else d))
                    value = value + deviations[at % line] * drawn
                out[at] = value


def fill_squares(record, out, fill, row, step):
    """Squares of out (H, W, C) = fill (W, C); overwrites."""
    height, columns = record[AUGMENT.height], record[AUGMENT.columns]
    channels, holes = record[AUGMENT.channels], slot(record, AUGMENT.holes, height)
    stream, key = np.uint64(record[AUGMENT.stream]), slot(record, AUGMENT.key, height)
    for h in range(record[AUGMENT.n_holes]):
        counter, size = np.uint64(record[AUGMENT.n_moves] + h), holes[h]
        words = philox(counter, row, step, stream, np.uint64(key[0]), np.uint64(key[1]))
        top, left = whole(words[0], height) - size // 2, whole(words[1], columns) - size // 2
        begin, end = max(left, 0) * channels, min(left + size, columns) * channels
        for line in range(max(top, 0), min(top + size, height)):
            there = advance(out, line * columns * channels)
            for c in range(begin + thread(), end, threads()):
                there[c] = fill[c]


@twin(ops.augment)
def augment(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, H W C) = those of x (B, H W C), each augmented; overwrites."""
    x, out = slot(record, AUGMENT.x, scratch[0]), slot(record, AUGMENT.out, scratch[0])
    fill, zero = slot(record, AUGMENT.fill, scratch[0]), cast(0, scratch[0])
    step = np.uint64(step_settings(frame)[records.STREAM])
    for r in range(lo + block(), hi, blocks()):
        row = np.uint64(frame[records.SHIFT] + r)
        here = advance(out, r * record[AUGMENT.out_stride])
        there = advance(x, r * record[AUGMENT.x_stride])
        move_and_add_noise(record, here, there, fill, row, step)
        for c in range(record[AUGMENT.width] + thread(), record[AUGMENT.padded], threads()):
            here[c] = zero
        barrier()
        fill_squares(record, here, fill, row, step)
