"""Rotary positions: pairs of columns of each head are turned by angles that grow with the step.

    [a, b] <- [a cos - b sin, b cos + a sin]

with a the first half of a head's columns and b the second. The product of a query and a key then
depends on the distance of their steps. Su et al., "RoFormer", arXiv:2104.09864. The way back turns
by the opposite angles.
"""

from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.operands import COUNT, REALS, ROWS, op, operands

ROTATE = operands(
    out=ROWS,
    turns=REALS,  # (T, 2 half): of each step the cosines, then the sines
    heads=COUNT,  # that are turned; columns behind them stay
    half=COUNT,  # of a head's columns
)


@kernel
def turn(a, b, cosines, sines, n):
    """a, b <- a cos - b sin, b cos + a sin; n elements."""
    for i in range(n):
        first, second = a[i], b[i]
        a[i] = first * cosines[i] - second * sines[i]
        b[i] = second * cosines[i] + first * sines[i]


@op(ROTATE)
def rotate(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B T, columns): the first heads turned by their step; in place."""
    half, turns = record[ROTATE.half], slot(record, ROTATE.turns, scratch[0])
    for row in range(lo, hi):
        here = advance(slot(record, ROTATE.out, scratch[0]), row * record[ROTATE.out_stride])
        cosines = advance(turns, row % record[records.POSITIONS] * 2 * half)
        for head in range(record[ROTATE.heads]):
            a = advance(here, 2 * head * half)
            turn(a, advance(a, half), cosines, advance(cosines, half), half)
    return 0
