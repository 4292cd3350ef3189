"""Sums of columns over rows in the CPU's order.

As `intrinsics/columns.py`, four chains, then pairs: a chain has rows 0, 4, 8, ...; what fills no
four goes to the first. Or more chains of each column in shared memory, which fold by halves.
"""

from fusednn.kernels.cuda.language import barrier, thread, threads
from fusednn.kernels.intrinsics.scalars import cast, fma

PLAIN, SQUARES, NORMAL = range(3)


def add_term(total, d, x, at, mean, inverse, kind):
    """total with element `at` of x, its squared distance from the mean, or d times xhat."""
    if kind == PLAIN:
        return total + x[at]
    off = x[at] - mean
    if kind == SQUARES:
        return fma(off, off, total)
    return fma(d[at], off * inverse, total)


def column_total(d, x, stride, rows, mean, inverse, kind):
    """The sum over rows, `stride` elements apart, of what `add_term` has for each."""
    whole, zero = rows // 4 * 4, cast(0, mean)
    first, second, third, fourth = zero, zero, zero, zero
    for row in range(0, whole, 4):
        at = row * stride
        first = add_term(first, d, x, at, mean, inverse, kind)
        second = add_term(second, d, x, at + stride, mean, inverse, kind)
        third = add_term(third, d, x, at + 2 * stride, mean, inverse, kind)
        fourth = add_term(fourth, d, x, at + 3 * stride, mean, inverse, kind)
    for row in range(whole, rows):
        first = add_term(first, d, x, row * stride, mean, inverse, kind)
    return (first + second) + (third + fourth)


def fold_chains(held, width, chains, largest):
    """held (width) = the sum of the chains of each column, by halves, or their largest.

    The chains, a power of two, lie `width` apart; overwrites them. All threads take part.
    """
    half = chains // 2
    while half > 0:
        for i in range(thread(), half * width, threads()):
            a, b = held[i], held[half * width + i]
            if largest:
                held[i] = b if b > a else a
            else:
                held[i] = a + b
        barrier()
        half //= 2
