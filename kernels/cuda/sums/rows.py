"""Sums of rows in the order of the CPU's vectors: a thread has a lane, a group of them a row.

As `intrinsics/sums.py`: each lane has four chains, which are added in pairs, then the vectors that
do not fill four; then the lanes are added, halves first. All threads of a block take part.
"""

from fusednn.kernels.cuda.language import barrier, block, blocks, shared, thread, threads
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.scalars import cast, fma

MOST_THREADS = 256
SUM, SQUARES, PRODUCTS = range(3)


def rows_at_once(like):
    """The rows that a block sums at once."""
    return threads() // lanes_of(like)


def rows_apart(like):
    """From the rows of a block to its next."""
    return blocks() * rows_at_once(like)


def first_rows(lo, like):
    """The first of the rows of this block; its threads stay together."""
    return lo + block() * rows_at_once(like)


def row_of(base, like):
    """The row of a thread among those of its block from `base` on."""
    return base + thread() // lanes_of(like)


def lane_of(like):
    """The lane of a thread."""
    return thread() % lanes_of(like)


def add_term(total, x, y, at, center, kind):
    """total with element `at` of x, its squared distance from `center`, or its product with y."""
    if kind == SUM:
        return total + x[at]
    if kind == SQUARES:
        off = x[at] - center
        return fma(off, off, total)
    return fma(x[at], y[at], total)


def lane_total(x, y, center, n, kind):
    """What this thread's lane of n elements adds up to."""
    lanes, zero = lanes_of(center), cast(0, center)
    whole = n // (4 * lanes) * (4 * lanes)
    a, b, c, d = zero, zero, zero, zero
    for at in range(lane_of(center), whole, 4 * lanes):
        a = add_term(a, x, y, at, center, kind)
        b = add_term(b, x, y, at + lanes, center, kind)
        c = add_term(c, x, y, at + 2 * lanes, center, kind)
        d = add_term(d, x, y, at + 3 * lanes, center, kind)
    total = (a + b) + (c + d)
    for at in range(whole + lane_of(center), n, lanes):
        total = add_term(total, x, y, at, center, kind)
    return total


def over_lanes(total, like):
    """The sum of the totals of the lanes of a row, for all its threads."""
    sums, t = shared(256, like), thread()  # MOST_THREADS
    lane, half = lane_of(like), lanes_of(like) // 2
    sums[t] = total
    barrier()
    while half > 0:
        if lane < half:
            sums[t] = sums[t] + sums[t + half]
        barrier()
        half //= 2
    total = sums[t - lane]
    barrier()
    return total
