"""Matrix products on panels of weights and on plain matrices, from the micro-kernel's forms.

A matrix of N columns is kept as panels `[ceil(N / NR)][depth][NR]`; the last panel is one vector
wide where no more is needed. Padding columns hold zeros.
"""

from ._jit import kernel
from .intrinsics.layout import lanes_of
from .intrinsics.pointers import advance
from .intrinsics.tiles import (
    NARROW,
    PANEL_BYTES,
    ROW_PANELS,
    ROWS,
    VECTOR_BYTES,
    VECTORS,
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

ROWS_BYTES = 384 * 1024
"""Bytes of the rows of a that all panels walk over before the next rows are taken."""

K_BLOCK_BYTES = 65536
"""Bytes of a panel that one pass over the rows multiplies: 512 rows of it on AVX-512."""


@kernel
def multiply_panel(c, ldc, a, rsa, csa, b, ldb, init, ldi, M, K, floor):
    """c (M x NR) = max(floor, init + a (M x K) b (K x NR)); overwrites c."""
    m = M
    while m >= ROWS:
        tile_full(c, ldc, a, rsa, csa, b, ldb, 0, init, ldi, K, floor)
        a, c, init = advance(a, ROWS * rsa), advance(c, ROWS * ldc), advance(init, ROWS * ldi)
        m -= ROWS
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
def multiply_edge(c, ldc, a, rsa, csa, b, ldb, init, ldi, M, K, floor):
    """multiply_panel for a panel one vector wide."""
    m = M
    while m >= ROWS:
        edge_full(c, ldc, a, rsa, csa, b, ldb, 0, init, ldi, K, floor)
        a, c, init = advance(a, ROWS * rsa), advance(c, ROWS * ldc), advance(init, ROWS * ldi)
        m -= ROWS
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
def multiply_rows(c, ldc, a, lda, b, depth, init, ldi, M, K, N, floor, lowest):
    """multiply_panels for as many rows as the second-level cache holds."""
    lanes = lanes_of(floor)
    width = VECTORS * lanes
    j = 0
    if M == 1:
        while N - j >= ROW_PANELS * width:
            tile_row(
                advance(c, j), ldc, a, lda, 1, advance(b, j * depth), width, width * depth,
                advance(init, j), ldi, K, floor,
            )  # fmt: skip
            j += ROW_PANELS * width
    block = K_BLOCK_BYTES // PANEL_BYTES
    while j < N:
        w = width if N - j >= width else lanes
        k = 0
        while k < K:
            ks = min(block, K - k)
            if 2 * (K - k) <= 3 * block:
                ks = K - k
            at, weights = advance(a, k), advance(b, j * depth + k * w)
            there = advance(c, j)
            low = floor if k + ks == K else lowest
            start, step = (advance(init, j), ldi) if k == 0 else (there, ldc)
            if w == width:
                multiply_panel(there, ldc, at, lda, 1, weights, w, start, step, M, ks, low)
            else:
                multiply_edge(there, ldc, at, lda, 1, weights, w, start, step, M, ks, low)
            k += ks
        j += w


@kernel
def multiply_panels(c, ldc, a, lda, b, depth, init, ldi, M, K, N, floor, lowest):
    """c (M x N) = max(floor, init + a (M x K) b), N a multiple of the vector; overwrites c.

    b is in panels of `depth` >= K rows; `lowest` is minus infinity, the floor of every block of
    K but the last. Every panel walks over all rows of a, so they are taken in blocks.
    """
    tiles = ROWS_BYTES * lanes_of(floor) // (K * VECTOR_BYTES * ROWS)
    block = max(ROWS, tiles * ROWS)
    for m in range(0, M, block):
        multiply_rows(
            advance(c, m * ldc), ldc, advance(a, m * lda), lda, b, depth, advance(init, m * ldi),
            ldi, min(block, M - m), K, N, floor, lowest,
        )  # fmt: skip


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
            if M - m >= ROWS:
                if narrow:
                    narrow_full(there, ldc, at, rsa, csa, weights, ldb, 0, start, ldi, K, floor)
                else:
                    column_full(there, ldc, at, rsa, csa, weights, ldb, 0, start, ldi, K, floor)
                m += ROWS
            else:
                if narrow:
                    narrow_one(there, ldc, at, rsa, csa, weights, ldb, 0, start, ldi, K, floor)
                else:
                    column_one(there, ldc, at, rsa, csa, weights, ldb, 0, start, ldi, K, floor)
                m += 1
        j += NARROW if narrow else 1
