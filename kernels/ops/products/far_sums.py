"""x^T dz over rows that lie beyond the second-level cache: the next rows are fetched meanwhile.

A row of dz is as long as all gates, of which a panel reads two cache lines: no hardware fetches
these ahead.
"""

from fusednn.kernels._jit import kernel
from fusednn.kernels.gemm import multiply_edge, multiply_panel
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.tiles import MICRO_ROWS as TILE
from fusednn.kernels.intrinsics.tiles import VECTORS, ahead_runs

FAR_ROWS = 128
"""Rows that are multiplied before the next, where an array has no runs of its own."""


@kernel
def add_far(
    g, x, dz, start, x_row, dz_row, start_row, rows, width, length, count, x_jump, dz_jump,
    fetches_x, fetches_dz,
):  # fmt: skip
    """g (rows x width) = start + the sum over runs of x (length, rows)^T dz (length, width).

    Overwrites g. The `count` runs begin `x_jump` and `dz_jump` elements apart. Fetches the columns
    of x and dz, or one of them, in as many runs behind: each register tile one vector of each row.
    """
    lanes = lanes_of(g[0])
    part, last = 0 if fetches_dz else VECTORS, VECTORS
    if fetches_x:
        last += (rows + lanes - 1) // lanes
    lowest = cast(-float("inf"), g[0])
    r = 0
    while rows - r >= TILE and width > lanes:
        here, pace, jump = dz, dz_row, dz_jump
        if part >= VECTORS:
            here, pace, jump = x, x_row, x_jump
        line = (part if part < VECTORS else part - VECTORS) * lanes
        ahead = advance(here, count * jump + line if part < last else 0)
        ahead_runs(
            advance(g, r * width), width, advance(x, r), 1, x_row, dz, dz_row, 0,
            advance(start, r * start_row), start_row, length, lowest, ahead, pace, count, x_jump,
            dz_jump, jump,
        )  # fmt: skip
        r += TILE
        part += 1
    g, x, start, rows = (
        advance(g, r * width),
        advance(x, r),
        advance(start, r * start_row),
        rows - r,
    )
    if rows == 0:
        return
    for _ in range(count):
        if width == lanes:
            multiply_edge(
                g, width, x, 1, x_row, dz, dz_row, start, start_row, rows, length, lowest
            )
        else:
            multiply_panel(
                g, width, x, 1, x_row, dz, dz_row, start, start_row, rows, length, lowest
            )
        x, dz, start, start_row = advance(x, x_jump), advance(dz, dz_jump), g, width


@kernel
def sum_far(g, x, dz, start, start_row, x_row, dz_row, rows, width, count):
    """g (rows x width) = start + x (count, rows)^T dz (count, width); overwrites."""
    for first in range(0, count, FAR_ROWS):
        add_far(
            g, advance(x, first * x_row), advance(dz, first * dz_row), start, x_row, dz_row,
            start_row, rows, width, min(FAR_ROWS, count - first), 1, FAR_ROWS * x_row,
            FAR_ROWS * dz_row, True, True,
        )  # fmt: skip
        start, start_row = g, width
