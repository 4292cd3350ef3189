"""Matrix products on panels of weights and on plain matrices, from the micro-kernel's forms.

A matrix of N columns is kept as panels `[ceil(N / NR)][depth][NR]`; the last panel is one vector
wide where no more is needed. Padding columns hold zeros.
"""

from ._jit import kernel
from .intrinsics.lanes import lanes_of
from .intrinsics.pointers import advance
from .intrinsics.tiles import (
    MICRO_ROWS,
    NARROW,
    ROW_PANELS,
    VECTORS,
    ahead_to_read,
    column_full,
    column_one,
    edge_four,
    edge_full,
    edge_one,
    edge_two,
    narrow_full,
    narrow_one,
    tile_four,
    tile_full,
    tile_one,
    tile_row,
    tile_two,
)

K_BLOCK_VECTORS = 128
ROW_BLOCK = 64
"""Rows of a block of a. On AVX-512 a block has 8 KB of each row (the last one up to 12 KB): half
of a second-level cache of 1 MB.

Measured against wider and flatter blocks: benchmarks/NOTES.md.
"""


FAR_VECTORS = 16384
"""A matrix of more vectors, 1 MB on AVX-512, does not stay in the second-level cache."""


@kernel
def multiply_panel(c, ldc, a, rsa, csa, b, ldb, init, ldi, M, K, floor):
    """c (M x NR) = max(floor, init + a (M x K) b (K x NR)); overwrites c."""
    m = M
    while m >= MICRO_ROWS:
        tile_full(c, ldc, a, rsa, csa, b, ldb, 0, init, ldi, K, floor)
        a, c, init = (
            advance(a, MICRO_ROWS * rsa),
            advance(c, MICRO_ROWS * ldc),
            advance(init, MICRO_ROWS * ldi),
        )
        m -= MICRO_ROWS
    if m >= 4:
        tile_four(c, ldc, a, rsa, csa, b, ldb, 0, init, ldi, K, floor)
        a, c, init = advance(a, 4 * rsa), advance(c, 4 * ldc), advance(init, 4 * ldi)
        m -= 4
    if m >= 2:
        tile_two(c, ldc, a, rsa, csa, b, ldb, 0, init, ldi, K, floor)
        a, c, init = advance(a, 2 * rsa), advance(c, 2 * ldc), advance(init, 2 * ldi)
        m -= 2
    if m >= 1:
        tile_one(c, ldc, a, rsa, csa, b, ldb, 0, init, ldi, K, floor)


@kernel
def multiply_far(c, ldc, a, rsa, csa, b, ldb, init, ldi, M, K, floor, following):
    """multiply_panel that prefetches the panel at `following`, some lines with each tile."""
    pace = MICRO_ROWS * ldb // M + 1
    while M >= MICRO_ROWS:
        ahead_to_read(c, ldc, a, rsa, csa, b, ldb, 0, init, ldi, K, floor, following, pace)
        a, c, init = (
            advance(a, MICRO_ROWS * rsa),
            advance(c, MICRO_ROWS * ldc),
            advance(init, MICRO_ROWS * ldi),
        )
        following = advance(following, K * pace)
        M -= MICRO_ROWS
    multiply_panel(c, ldc, a, rsa, csa, b, ldb, init, ldi, M, K, floor)


@kernel
def multiply_edge(c, ldc, a, rsa, csa, b, ldb, init, ldi, M, K, floor):
    """multiply_panel for a panel one vector wide; overwrites c."""
    m = M
    while m >= MICRO_ROWS:
        edge_full(c, ldc, a, rsa, csa, b, ldb, 0, init, ldi, K, floor)
        a, c, init = (
            advance(a, MICRO_ROWS * rsa),
            advance(c, MICRO_ROWS * ldc),
            advance(init, MICRO_ROWS * ldi),
        )
        m -= MICRO_ROWS
    if m >= 4:
        edge_four(c, ldc, a, rsa, csa, b, ldb, 0, init, ldi, K, floor)
        a, c, init = advance(a, 4 * rsa), advance(c, 4 * ldc), advance(init, 4 * ldi)
        m -= 4
    if m >= 2:
        edge_two(c, ldc, a, rsa, csa, b, ldb, 0, init, ldi, K, floor)
        a, c, init = advance(a, 2 * rsa), advance(c, 2 * ldc), advance(init, 2 * ldi)
        m -= 2
    if m >= 1:
        edge_one(c, ldc, a, rsa, csa, b, ldb, 0, init, ldi, K, floor)


@kernel
def multiply_block(c, ldc, a, lda, b, depth, k, init, ldi, M, K, N, floor):
    """multiply_panels for rows [k, k + K) of each panel; overwrites c."""
    lanes = lanes_of(floor)
    width = VECTORS * lanes
    far = depth * N > FAR_VECTORS * lanes  # prefetching what is in the cache would cost 1 %
    j = 0
    if M == 1:
        while N - j >= ROW_PANELS * width:
            tile_row(
                advance(c, j), ldc, a, lda, 1, advance(b, j * depth + k * width), width,
                width * depth, advance(init, j), ldi, K, floor,
            )  # fmt: skip
            j += ROW_PANELS * width
    while j < N:
        there, start = advance(c, j), advance(init, j)
        if N - j >= width:
            weights = advance(b, j * depth + k * width)
            if far:
                following = advance(weights, width * depth)
                multiply_far(
                    there, ldc, a, lda, 1, weights, width, start, ldi, M, K, floor, following
                )
            else:
                multiply_panel(there, ldc, a, lda, 1, weights, width, start, ldi, M, K, floor)
            j += width
        else:
            weights = advance(b, j * depth + k * lanes)
            multiply_edge(there, ldc, a, lda, 1, weights, lanes, start, ldi, M, K, floor)
            j += lanes


@kernel
def multiply_panels(c, ldc, a, lda, b, depth, init, ldi, M, K, N, floor, lowest):
    """c (M x N) = max(floor, init + a (M x K) b), N a multiple of the vector; overwrites c.

    b is in panels of `depth` >= K rows; `lowest` is minus infinity, the floor of every block of
    K but the last. All panels are multiplied by one block of a, which stays in the cache, before
    the next.
    """
    block = K_BLOCK_VECTORS * lanes_of(floor)
    for m in range(0, M, ROW_BLOCK):
        rows = min(ROW_BLOCK, M - m)
        there, start, step = advance(c, m * ldc), advance(init, m * ldi), ldi
        k = 0
        while k < K:
            # A remainder of at most half a block is joined to the block before it.
            ks = K - k if 2 * (K - k) <= 3 * block else block
            at, low = advance(a, m * lda + k), floor if k + ks == K else lowest
            multiply_block(there, ldc, at, lda, b, depth, k, start, step, rows, ks, N, low)
            start, step = there, ldc
            k += ks


@kernel
def multiply_plain(c, ldc, a, rsa, csa, b, ldb, init, ldi, M, K, N, floor):
    """c (M x N) = max(floor, init + a (M x K) b (K x N)), all row-major; overwrites c."""
    if K == 0:  # a tile takes at least one row of b
        for m in range(M):
            for n in range(N):
                start = init[m * ldi + n]
                c[m * ldc + n] = floor if start < floor else start
        return
    lanes = lanes_of(floor)
    width = VECTORS * lanes
    j = 0
    if M == 1:
        while N - j >= ROW_PANELS * width:
            tile_row(
                advance(c, j), ldc, a, rsa, csa, advance(b, j), ldb, width,
                advance(init, j), ldi, K, floor,
            )  # fmt: skip
            j += ROW_PANELS * width
    while N - j >= width:
        multiply_panel(
            advance(c, j), ldc, a, rsa, csa, advance(b, j), ldb, advance(init, j), ldi, M, K, floor
        )
        j += width
    if N - j >= lanes:
        multiply_edge(
            advance(c, j), ldc, a, rsa, csa, advance(b, j), ldb, advance(init, j), ldi, M, K, floor
        )
        j += lanes
    while j < N:
        narrow = N - j >= NARROW
        m = 0
        while m < M:
            there, at = advance(c, m * ldc + j), advance(a, m * rsa)
            weights, start = advance(b, j), advance(init, m * ldi + j)
            if M - m >= MICRO_ROWS:
                if narrow:
                    narrow_full(there, ldc, at, rsa, csa, weights, ldb, 0, start, ldi, K, floor)
                else:
                    column_full(there, ldc, at, rsa, csa, weights, ldb, 0, start, ldi, K, floor)
                m += MICRO_ROWS
            else:
                if narrow:
                    narrow_one(there, ldc, at, rsa, csa, weights, ldb, 0, start, ldi, K, floor)
                else:
                    column_one(there, ldc, at, rsa, csa, weights, ldb, 0, start, ldi, K, floor)
                m += 1
        j += NARROW if narrow else 1
