"""Sums in the CPU's order: a chain for each lane of its vectors, then the lanes.

A thread, or several, have the lanes: `intrinsics/sums.py` has the same on vectors.
"""

from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.scalars import cast, fma


def lane_sum(w, lane, n, absolute):
    """The float64 sum of one lane's squares, or absolute values, of n elements."""
    total, lanes = 0.0, lanes_of(w[0])
    for at in range(lane, n, lanes):
        value = cast(w[at], 0.0)
        if absolute:
            total += -value if value < 0.0 else value
        else:
            total += value * value
    return total


def add_lanes(sums, lanes):
    """The sum of the lanes, one after the other."""
    total = sums[0]
    for lane in range(1, lanes):
        total += sums[lane]
    return total


def fold_lanes(sums, lanes):
    """The sum of the lanes, halves first; changes sums."""
    half = lanes // 2
    while half > 0:
        for lane in range(half):
            sums[lane] = sums[lane] + sums[lane + half]
        half //= 2
    return sums[0]


def multiply_rest(x, w, first, last):
    """The sum of x w over [first, last): the elements that fill no vector."""
    total = cast(0, x[0])
    for k in range(first, last):
        total = fma(x[k], w[k], total)
    return total
