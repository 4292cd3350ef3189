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
    copy,
    copy4,
    load4,
    local,
    shared,
    store4,
    thread,
    thread_again,
    threads,
    wait_copies,
)
from fusednn.kernels.cuda.spreading import divided
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


def is_large(m, n, fits, like, products=1):
    """Whether (m, n) products are worth large tiles; `fits` says whether b and c have whole
    vectors.

    One block alone takes small tiles: what it reads may be in shared memory, from which there is
    no asynchronous copy.
    """
    columns = large_columns(like)
    tiles = ((m + LARGE - 1) // LARGE) * ((n + columns - 1) // columns)
    full = 2 * tiles * LARGE * columns <= 3 * m * n
    enough = products * tiles >= LARGE_TILES
    return fits and full and enough and blocks() > 1 and threads() == LARGE_THREADS


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
    t = thread_again()
    return (t // 64 * 4 + t % 32 // 8) * 4


def large_column():
    """The first of its columns."""
    t = thread_again()
    return (t // 32 % 2 * 8 + t % 8) * 4


def copy_rows(put, source, second, third, fourth):
    """Begins to copy four elements of a: rows 0, 32, 64 and 96 behind the thread's, by how far
    they are from its own."""
    copy(put, 0, source, 0)
    copy(put, 32, advance(source, second), 0)
    copy(put, 64, advance(source, third), 0)
    copy(put, 96, advance(source, fourth), 0)


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
    t = thread_again()
    # consecutive threads read consecutive elements of a, whichever those are
    k, row = t // 32, t % 32
    if a_depth == 1:
        k, row = t % DEPTH, t // DEPTH
    source = advance(a, k * a_depth + min(first_row + row, m - 1) * a_row)
    # a row beyond the last is read as that one
    last = np.uint32(max(m - 1 - first_row - row, 0))
    second = np.uint32(min(last, np.uint32(32)) * a_row)
    third = np.uint32(min(last, np.uint32(64)) * a_row)
    fourth = np.uint32(min(last, np.uint32(96)) * a_row)
    put = advance(left, k * A_ROW + row)
    b_k, column = t // 32, t % 32 * 4
    at = first_column + column
    offset, width = column_of(at if at < n else first_column, n, b_row, panels, acc[0])
    weights, target = advance(b, offset + b_k * width), advance(right, b_k * LARGE + column)
    mine_a, mine_b = advance(left, large_row()), advance(right, large_column())
    copies = column < large_columns(acc[0])
    # the first steps are those that fill no tile, so that the loop need not remember them
    begin = depth % DEPTH
    if begin > 0:
        if copies and b_k < begin:
            copy4(target, 0, weights, 0)
        if k < begin:
            copy_rows(put, source, second, third, fourth)
        commit_copies()
        wait_copies(0)
        barrier()
        for step in range(begin):
            multiply_step(acc, advance(mine_a, step * A_ROW), advance(mine_b, step * LARGE))
        barrier()
        source, weights = advance(source, begin * a_depth), advance(weights, begin * width)
    a_step, b_step = np.uint32(DEPTH * a_depth), np.uint32(DEPTH * width)
    steps, here = np.int32(depth // DEPTH), np.int32(0)
    if steps > 0:
        if copies:
            copy4(target, 0, weights, 0)
        copy_rows(put, source, second, third, fourth)
        commit_copies()
        wait_copies(0)
        barrier()
    while steps > 0:
        steps = np.int32(steps - 1)
        source, weights = advance(source, a_step), advance(weights, b_step)
        if steps > 0:
            there = np.int32(STAGE - here)
            if copies:
                copy4(advance(target, there), 0, weights, 0)
            copy_rows(advance(put, there), source, second, third, fourth)
            commit_copies()
        multiply_steps(acc, advance(mine_a, here), advance(mine_b, here))
        here = np.int32(STAGE - here)
        wait_copies(0)
        barrier()


def small_rows():
    """The rows of a small tile: fewer than 64 where a block has fewer than 256 threads."""
    return threads() // 4


def small_tiles(m, n):
    """Small tiles of an (m, n) matrix in blocks of LARGE_THREADS, for the host."""
    return -(-m // SMALL_ROWS) * -(-n // SMALL_COLUMNS)


def right_of(left):
    """Where b is in the memory of a small tile, behind a."""
    return advance(left, SMALL_DEPTH * SMALL_A_ROW)


def multiply_loaded(acc, left, right, size):
    """Adds `size` steps of k that are in shared memory to a thread's 2 x 4 elements."""
    mine_a, mine_b = advance(left, thread() // 8 * 2), advance(right, thread() % 8 * 4)
    for q in range(size):
        x0, x1 = mine_a[q * SMALL_A_ROW], mine_a[q * SMALL_A_ROW + 1]
        y = local(4, acc[0])
        y[0], y[1], y[2], y[3] = load4(mine_b, q * SMALL_COLUMNS)
        for j in range(4):
            acc[j] = fma(x0, y[j], acc[j])
            acc[4 + j] = fma(x1, y[j], acc[4 + j])


def multiply_small(acc, a, a_row, a_depth, m, b, b_row, panels, n, first_row, first_column, depth):
    """Adds a b to the small tile at (first_row, first_column), 2 x 4 elements of acc a thread.

    As `multiply_large`, for every address and any number of threads.
    """
    left = tile_memory(acc[0])
    right = right_of(left)
    t, rows = thread(), small_rows()
    k, row = divided(t, rows)
    k_step, row_step = 4, rows
    if a_depth == 1:
        k, row, k_step, row_step = t % 32, t // 32, SMALL_DEPTH, threads() // 32
    b_k, column, b_step = t // 32, t % 32, threads() // 32
    offset, width = column_of(min(first_column + column, n - 1), n, b_row, panels, acc[0])
    weights = advance(b, offset)
    inside = first_row + t // 8 * 2 < m and first_column + t % 8 * 4 < n
    for first in range(0, depth, SMALL_DEPTH):
        size = min(SMALL_DEPTH, depth - first)
        r = row
        while r < rows:
            source, q = advance(a, min(first_row + r, m - 1) * a_row), k
            while q < size:
                left[q * SMALL_A_ROW + r] = source[(first + q) * a_depth]
                q += k_step
            r += row_step
        q = b_k
        while q < size:
            right[q * SMALL_COLUMNS + column] = weights[(first + q) * width]
            q += b_step
        barrier()
        multiply_loaded(acc, left, right, size if inside else 0)
        barrier()


def clear(acc, n):
    """acc (n) <- 0, where acc is in registers."""
    zero = cast(0, acc[0])
    for q in range(n):
        acc[q] = zero


def put_sums(tile, acc):
    """Writes a thread's 2 x 4 elements to a small tile (SMALL_ROWS, SMALL_COLUMNS) of the block;
    overwrites."""
    mine = advance(tile, thread() // 8 * 2 * SMALL_COLUMNS + thread() % 8 * 4)
    store4(mine, 0, acc[0], acc[1], acc[2], acc[3])
    store4(mine, SMALL_COLUMNS, acc[4], acc[5], acc[6], acc[7])
