"""The register-tiled product of a block of threads: c = init + a b, and how a grid shares it.

    acc[m, n] = acc[m, n] + sum over k of a[m, k] b[k, n]

Each element is one chain of multiply-adds over k in ascending order, as in the micro-kernel of the
CPU (`intrinsics/tiles.py`), so it has the CPU's bits. No sum over k is split.

A *large* tile is 128 x 128, or 128 x 64 in float64: 256 threads hold four squares of 4 x 4
elements each, or two, that lie 64 rows and 64 columns apart, so that a warp reads shared memory in
whole vectors without conflicts. Eight steps of k are in shared memory while the next eight arrive.
A *small* tile is 64 x 32, of 2 x 4 elements a thread: it fills the grid where a matrix has few
tiles, and reads a and b wherever they lie, also where all of a network is in one block's shared
memory.

`a` has any two strides, so x and x^T need no packing. `b` is a matrix by rows, or panels.
"""

import numpy as np
from fusednn.kernels.cuda.language import (
    barrier,
    blocks,
    commit_copies,
    copy4,
    load4,
    local,
    shared,
    thread,
    threads,
    wait_copies,
)
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance
from fusednn.kernels.intrinsics.scalars import cast, fma, pick
from fusednn.kernels.intrinsics.tiles import VECTORS
from fusednn.kernels.ops.updates.update import panel_width

LARGE = 128
"""Rows of a large tile, and columns in float32."""

HALF = 64
"""Rows or columns between the squares of a thread."""

DEPTH = 8
"""Steps of k that a large tile has in shared memory at once."""

A_ROW = LARGE + 4
"""Elements from one k to the next of a in shared memory: threads that write different k of one
row then write to different banks."""

A_SIZE, B_SIZE = DEPTH * A_ROW, DEPTH * LARGE
STAGE = A_SIZE + B_SIZE
LARGE_THREADS = 256

SMALL_ROWS, SMALL_COLUMNS, SMALL_DEPTH = 64, 32, 32
SMALL_A_ROW = SMALL_ROWS + 2

LARGE_TILES = 64
"""The fewest large tiles that are worth it: about half of the multiprocessors of a large GPU."""


def tile_memory(like):
    """The shared memory of the tiles, large or small: the same in all ops of a program."""
    return shared(4160, like)  # 2 STAGE; small tiles need 3,136


def squares_across(like):
    """Squares of a thread side by side: float64 has half as many registers."""
    return cast(pick((2, 1), like), 0)


def large_columns(like):
    """Columns of a large tile."""
    return HALF * squares_across(like)


def is_large(m, n, fits, like):
    """Whether an (m, n) product is worth large tiles; `fits` says whether b and c have whole
    vectors.

    One block alone takes small tiles: what it reads may be in shared memory, from which there is
    no asynchronous copy.
    """
    columns = large_columns(like)
    tiles = ((m + LARGE - 1) // LARGE) * ((n + columns - 1) // columns)
    full = 2 * tiles * LARGE * columns <= 3 * m * n
    return fits and full and tiles >= LARGE_TILES and blocks() > 1 and threads() == LARGE_THREADS


def column_of(n, columns, b_row, panels, like):
    """Where column n of b begins, and the distance of its rows.

    `b_row` is the distance of rows of a plain matrix, or the number of rows of the panels.
    """
    if panels:
        full = VECTORS * lanes_of(like)
        first = n // full * full
        return first * b_row + n - first, panel_width(columns, first, like)
    return n, b_row


def large_row():
    """The first of the rows of a large tile that a thread has; a warp has 16 x 32 elements."""
    t = thread()
    return (t // 64 * 4 + t % 32 // 8) * 4


def large_column():
    """The first of its columns."""
    t = thread()
    return (t // 32 % 2 * 8 + t % 8) * 4


def read_rows(source, apart, last):
    """Four elements of a, `apart` from each other: rows 0, 32, 64 and 96 behind the thread's.

    A row beyond `last` is read as the one before.
    """
    second = advance(source, apart if last >= 32 else np.int32(0))
    third = advance(second, apart if last >= 64 else np.int32(0))
    fourth = advance(third, apart if last >= 96 else np.int32(0))
    return source[0], second[0], third[0], fourth[0]


def multiply_step(acc, a, b):
    """Adds one k to a thread's 8 x 8 elements, or 8 x 4, in rows of 8; a and b are its parts of
    shared memory."""
    x, y = local(8, acc[0]), local(8, acc[0])
    x[0], x[1], x[2], x[3] = load4(a, 0)
    x[4], x[5], x[6], x[7] = load4(a, HALF)
    y[0], y[1], y[2], y[3] = load4(b, 0)
    columns = 4 * squares_across(acc[0])
    if columns > 4:
        y[4], y[5], y[6], y[7] = load4(b, HALF)
    for i in range(8):
        for j in range(columns):
            acc[i * 8 + j] = fma(x[i], y[j], acc[i * 8 + j])


def multiply_two(acc, a, b):
    """Adds two k."""
    multiply_step(acc, a, b)
    multiply_step(acc, advance(a, A_ROW), advance(b, LARGE))


def multiply_steps(acc, a, b):
    """Adds all k of a tile: written out, since the compiler leaves a loop of this size a loop."""
    multiply_two(acc, a, b)
    multiply_two(acc, advance(a, 2 * A_ROW), advance(b, 2 * LARGE))
    multiply_two(acc, advance(a, 4 * A_ROW), advance(b, 4 * LARGE))
    multiply_two(acc, advance(a, 6 * A_ROW), advance(b, 6 * LARGE))


def multiply_large(acc, a, a_row, a_depth, m, b, b_row, panels, n, first_row, first_column, depth):
    """Adds a b to the large tile at (first_row, first_column), acc with rows of 8.

    Rows beyond m and columns beyond n get values of others, which nobody may store. All threads
    take part; shared memory is free again when it returns.
    """
    left = tile_memory(acc[0])
    right = advance(left, A_SIZE)
    t = thread()
    # a goes through registers: consecutive threads read consecutive elements, whichever those are
    k, row = t // 32, t % 32
    if a_depth == 1:
        k, row = t % DEPTH, t // DEPTH
    last, apart = np.int32(m - 1 - first_row - row), np.int32(32 * a_row)
    source = advance(a, k * a_depth + min(first_row + row, m - 1) * a_row)
    put = advance(left, k * A_ROW + row)
    # b is copied without registers
    b_k, column = t // 32, t % 32 * 4
    at = first_column + column
    offset, width = column_of(at if at < n else first_column, n, b_row, panels, acc[0])
    weights, target = advance(b, offset + b_k * width), advance(right, b_k * LARGE + column)
    mine_a, mine_b = advance(left, large_row()), advance(right, large_column())
    copies = column < large_columns(acc[0])
    a_step, b_step = np.int32(DEPTH * a_depth), np.int32(DEPTH * width)
    left_over, steps, here = depth % DEPTH, np.int32(depth // DEPTH), np.int32(0)
    if steps > 0:
        if copies:
            copy4(target, 0, weights, 0)
        commit_copies()
        x0, x1, x2, x3 = read_rows(source, apart, last)
        put[0], put[32], put[64], put[96] = x0, x1, x2, x3
        wait_copies(0)
        barrier()
    while steps > 0:
        steps = np.int32(steps - 1)
        source, weights = advance(source, a_step), advance(weights, b_step)
        if steps > 0:
            if copies:
                copy4(advance(target, STAGE - here), 0, weights, 0)
            commit_copies()
            x0, x1, x2, x3 = read_rows(source, apart, last)
        multiply_steps(acc, advance(mine_a, here), advance(mine_b, here))
        here = np.int32(STAGE - here)
        if steps > 0:
            there = advance(put, here)
            there[0], there[32], there[64], there[96] = x0, x1, x2, x3
            wait_copies(0)
        barrier()
    if left_over > 0:
        if copies and b_k < left_over:
            copy4(target, 0, weights, 0)
        commit_copies()
        if k < left_over:
            x0, x1, x2, x3 = read_rows(source, apart, last)
            put[0], put[32], put[64], put[96] = x0, x1, x2, x3
        wait_copies(0)
        barrier()
        for step in range(left_over):
            multiply_step(acc, advance(mine_a, step * A_ROW), advance(mine_b, step * LARGE))
        barrier()


def small_rows():
    """The rows of a small tile: fewer than 64 where a block has fewer than 256 threads."""
    return threads() // 4


def multiply_small(acc, a, a_row, a_depth, m, b, b_row, panels, n, first_row, first_column, depth):
    """Adds a b to the small tile at (first_row, first_column), 2 x 4 elements of acc a thread.

    As `multiply_large`, for every address and any number of threads.
    """
    memory = tile_memory(acc[0])
    left, right = memory, advance(memory, SMALL_DEPTH * SMALL_A_ROW)
    t, rows = thread(), small_rows()
    k, row, k_step, row_step = t // rows, t % rows, 4, rows
    if a_depth == 1:
        k, row, k_step, row_step = t % 32, t // 32, SMALL_DEPTH, threads() // 32
    b_k, column, b_step = t // 32, t % 32, threads() // 32
    offset, width = column_of(min(first_column + column, n - 1), n, b_row, panels, acc[0])
    weights = advance(b, offset)
    mine_a, mine_b = advance(left, t // 8 * 2), advance(right, t % 8 * 4)
    for first in range(0, depth, SMALL_DEPTH):
        size = min(SMALL_DEPTH, depth - first)
        for r in range(row, rows, row_step):
            source = advance(a, min(first_row + r, m - 1) * a_row)
            for q in range(k, size, k_step):
                left[q * SMALL_A_ROW + r] = source[(first + q) * a_depth]
        for q in range(b_k, size, b_step):
            right[q * SMALL_COLUMNS + column] = weights[(first + q) * width]
        barrier()
        for q in range(size):
            x0, x1 = mine_a[q * SMALL_A_ROW], mine_a[q * SMALL_A_ROW + 1]
            y = local(4, acc[0])
            y[0], y[1], y[2], y[3] = load4(mine_b, q * SMALL_COLUMNS)
            for j in range(4):
                acc[j] = fma(x0, y[j], acc[j])
                acc[4 + j] = fma(x1, y[j], acc[4 + j])
        barrier()
