"""Matrix products with rounded weights: bfloat16 or eight-bit integers.

The panels are those of `gemm` with 32-bit words as elements. A word holds two columns of a row in
bfloat16 (`intrinsics/tiles.py`), or four rows of a column as integers (`intrinsics/integers.py`).
"""

from ._jit import kernel
from .intrinsics.integers import (
    OFFSET,
    integer_edge_full,
    integer_edge_one,
    integer_four,
    integer_full,
    integer_one,
    integer_row,
)
from .intrinsics.lanes import lanes_of
from .intrinsics.pointers import advance
from .intrinsics.rounding import MAGIC, round_row, row_bounds
from .intrinsics.scalars import cast
from .intrinsics.tiles import (
    MICRO_ROWS,
    ROW_PANELS,
    VECTORS,
    half_edge_full,
    half_edge_one,
    half_four,
    half_full,
    half_one,
    half_row,
)

ROW_BLOCK = 64
BLOCK_ELEMENTS = 1 << 16
"""Elements of a block of rows, which is multiplied by all panels before the next block: 256 KB, a
quarter of a second-level cache.

A block has at most 64 rows, and at least those of a register tile.
"""

LEAST_SPAN = 1e-30
"""The least range of a row's values and 0; a row with a smaller range counts as zeros."""


@kernel
def block_of(K):
    """The number of rows, of K elements each, in a block."""
    return max(MICRO_ROWS, min(ROW_BLOCK, BLOCK_ELEMENTS // K // MICRO_ROWS * MICRO_ROWS))


@kernel
def multiply_halves(c, ldc, a, lda, b, init, ldi, M, K, N, floor):
    """c (M x N) = max(floor, init + a (M x K) b), N a multiple of the vector; overwrites c.

    b is in panels of words of two bfloat16.
    """
    lanes = lanes_of(floor)
    width, block = VECTORS * lanes, block_of(K)
    for first in range(0, M, block):
        rows = min(block, M - first)
        at, there = advance(a, first * lda), advance(c, first * ldc)
        start = advance(init, first * ldi)
        j = 0
        if rows == 1:
            while N - j >= ROW_PANELS * width:
                half_row(
                    advance(there, j), ldc, at, lda, 1, advance(b, j // VECTORS * K), lanes,
                    lanes * K, advance(start, j), 0, K, floor,
                )  # fmt: skip
                j += ROW_PANELS * width
        while j < N:
            whole = N - j >= width
            multiply_half_panel(
                advance(there, j), ldc, at, lda, advance(b, j // VECTORS * K), lanes,
                advance(start, j), ldi, rows, K, whole, floor,
            )  # fmt: skip
            j += width if whole else lanes


@kernel
def multiply_half_panel(c, ldc, a, lda, b, ldb, init, ldi, M, K, whole, floor):
    """multiply_halves for one panel, or a half panel if not `whole`; overwrites c."""
    m = 0
    while m < M:
        out, x, start = advance(c, m * ldc), advance(a, m * lda), advance(init, m * ldi)
        if M - m >= MICRO_ROWS:
            if whole:
                half_full(out, ldc, x, lda, 1, b, ldb, 0, start, ldi, K, floor)
            else:
                half_edge_full(out, ldc, x, lda, 1, b, ldb, 0, start, ldi, K, floor)
            m += MICRO_ROWS
        elif whole and M - m >= 4:
            half_four(out, ldc, x, lda, 1, b, ldb, 0, start, ldi, K, floor)
            m += 4
        else:
            if whole:
                half_one(out, ldc, x, lda, 1, b, ldb, 0, start, ldi, K, floor)
            else:
                half_edge_one(out, ldc, x, lda, 1, b, ldb, 0, start, ldi, K, floor)
            m += 1


@kernel
def quantise_row(q, zeros, scales, x, n):
    """q = x rounded to n bytes, with x about (q - zeros[0]) scales[0]; overwrites all three.

    A row with a value that is not finite gets the scale NaN, so all products with it are NaN.
    """
    low, high = row_bounds(x, n)
    span = high - low
    nothing = cast(0, span)
    inverse, scale, zero = nothing, nothing, nothing
    if span - span != nothing:
        scale = cast(float("nan"), span)
    elif span > cast(LEAST_SPAN, span):
        inverse, scale = cast(255, span) / span, span / cast(255, span)
        magic = cast(MAGIC, span)
        zero = (magic - low * inverse) - magic
    round_row(q, x, n, inverse, zero)
    zeros[0] = int(zero) - OFFSET
    scales[0] = scale


@kernel
def multiply_integers(
    c, ldc, x, ldx, q, ldq, zeros, scales, w, sums, factors, bias, M, I, N, floor
):  # fmt: skip
    """c (M x N) = max(floor, x (M x I) w + bias), N a multiple of the vector; overwrites c.

    w is in panels of words of four integers, each integer to be multiplied by the factor of its
    column; sums (N) are those of the integers of each column. Rows of x are rounded into q, zeros
    and scales, which have room for a block of 64 rows.
    """
    lanes = lanes_of(floor)
    width, K = VECTORS * lanes, (I + 3) // 4
    block = block_of(K)
    for first in range(0, M, block):
        rows = min(block, M - first)
        for m in range(rows):
            quantise_row(
                advance(q, m * ldq), advance(zeros, m), advance(scales, m),
                advance(x, (first + m) * ldx), I,
            )  # fmt: skip
        there = advance(c, first * ldc)
        j = 0
        if rows == 1:
            while N - j >= ROW_PANELS * width:
                integer_row(
                    advance(there, j), ldc, q, ldq, advance(w, j * K), width * K, zeros, scales,
                    advance(sums, j), advance(factors, j), advance(bias, j), K, floor,
                )  # fmt: skip
                j += ROW_PANELS * width
        while j < N:
            columns = advance(w, j * K), advance(sums, j), advance(factors, j), advance(bias, j)
            multiply_integer_panel(
                advance(there, j), ldc, q, ldq, zeros, scales, *columns, rows, K, N - j >= width,
                floor,
            )  # fmt: skip
            j += width if N - j >= width else lanes


@kernel
def multiply_integer_panel(
    c, ldc, q, ldq, zeros, scales, w, sums, factors, bias, M, K, whole, floor
):  # fmt: skip
    """multiply_integers for rounded rows and one panel, or a half panel if not `whole`."""
    m = 0
    while m < M:
        out, x, zero, scale = (
            advance(c, m * ldc), advance(q, m * ldq), advance(zeros, m), advance(scales, m)
        )  # fmt: skip
        if M - m >= MICRO_ROWS:
            if whole:
                integer_full(
                    out, ldc, x, ldq, w, 0, zero, scale, sums, factors, bias, K, floor
                )  # fmt: skip
            else:
                integer_edge_full(
                    out, ldc, x, ldq, w, 0, zero, scale, sums, factors, bias, K, floor
                )  # fmt: skip
            m += MICRO_ROWS
        elif whole and M - m >= 4:
            integer_four(out, ldc, x, ldq, w, 0, zero, scale, sums, factors, bias, K, floor)
            m += 4
        else:
            if whole:
                integer_one(out, ldc, x, ldq, w, 0, zero, scale, sums, factors, bias, K, floor)
            else:
                integer_edge_one(
                    out, ldc, x, ldq, w, 0, zero, scale, sums, factors, bias, K, floor
                )  # fmt: skip
            m += 1
