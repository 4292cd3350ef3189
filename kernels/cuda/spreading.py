"""How the threads of all blocks share elements or rows; right for any number of both.

A row is the work of `GROUP` threads, which take its columns in turn: their accesses are adjacent,
and a row of a narrow layer leaves none idle. Rows are numbered without divisions.
"""

from fusednn.kernels.intrinsics.scalars import cast

from .language import block, blocks, thread, threads

GROUP = 16
"""Threads of a row: the columns of one vector of float32."""


def first():
    """The number of this thread among all."""
    return block() * threads() + thread()


def everyone():
    """The threads of all blocks."""
    return blocks() * threads()


def first_row(lo):
    """The first of the rows of this thread's group."""
    return lo + first() // GROUP


def groups():
    """From one row of a group to the next."""
    return everyone() // GROUP


def first_column():
    """The first of the columns of this thread; GROUP leads to the next."""
    return thread() % GROUP


def clear_columns(x, first, last):
    """x <- 0, elements [first, last) of a row of a group."""
    zero = cast(0, x[0])
    for c in range(first + first_column(), last, GROUP):
        x[c] = zero
