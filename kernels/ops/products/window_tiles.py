"""Register tiles over windows, by the columns that are in use and the rows that are left.

    c[r] = max(floor, init[r] + the elements of a for row r, times b)

They are those of `intrinsics/windows.py`: full panels, panels one vector wide, and half of one.
"""

from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.tiles import MICRO_ROWS
from fusednn.kernels.intrinsics.windows import (
    edge_window_four,
    edge_window_full,
    edge_window_one,
    half_window_four,
    half_window_full,
    half_window_one,
    window_four,
    window_full,
    window_one,
)

HALVED_LANES = 8
"""The fewest lanes of a vector that is halved."""


@kernel
def is_half(used, like):
    """Whether so many columns of a panel fit into half a vector."""
    return lanes_of(like) >= HALVED_LANES and 2 * used <= lanes_of(like)


@kernel
def window_tile(rows, c, ldc, a, at, b, ldb, width, used, init, ldi, steps, K, floor):
    """c (rows x width), one form of MICRO_ROWS, 4 or 1 rows; overwrites c."""
    if width != lanes_of(floor):
        if rows == MICRO_ROWS:
            window_full(c, ldc, a, at, b, ldb, init, ldi, steps, K, floor)
        elif rows == 4:
            window_four(c, ldc, a, at, b, ldb, init, ldi, steps, K, floor)
        else:
            window_one(c, ldc, a, at, b, ldb, init, ldi, steps, K, floor)
    elif is_half(used, floor):
        if rows == MICRO_ROWS:
            half_window_full(c, ldc, a, at, b, ldb, init, ldi, steps, K, floor)
        elif rows == 4:
            half_window_four(c, ldc, a, at, b, ldb, init, ldi, steps, K, floor)
        else:
            half_window_one(c, ldc, a, at, b, ldb, init, ldi, steps, K, floor)
    else:
        if rows == MICRO_ROWS:
            edge_window_full(c, ldc, a, at, b, ldb, init, ldi, steps, K, floor)
        elif rows == 4:
            edge_window_four(c, ldc, a, at, b, ldb, init, ldi, steps, K, floor)
        else:
            edge_window_one(c, ldc, a, at, b, ldb, init, ldi, steps, K, floor)


@kernel
def rows_of_tile(left):
    """The rows of the next tile, where so many are left."""
    if left >= MICRO_ROWS:
        return MICRO_ROWS
    return 4 if left >= 4 else 1
