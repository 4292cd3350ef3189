"""How the threads of all blocks share elements or rows; right for any number of both.

A row is the work of `GROUP` threads, which take its columns in turn: their accesses are adjacent,
and a row of a narrow layer leaves none idle. Rows are numbered without divisions.
"""

import numpy as np
from fusednn.kernels import records
from fusednn.kernels.intrinsics.pointers import slot
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


def is_inside(record, row):
    """Whether a row is not behind the end of its series."""
    if record[records.LENGTHS] == 0:
        return True
    positions = record[records.POSITIONS]
    return row % positions < slot(record, records.LENGTHS, row)[row // positions]


def clear_columns(x, first, last):
    """x <- 0, elements [first, last) of a row of a group."""
    zero = cast(0, x[0])
    for c in range(first + first_column(), last, GROUP):
        x[c] = zero


def divided(number, by):
    """The quotient and the remainder of two numbers that 32 bits hold.

    A division of 64 bits is a call of a function, for which registers must be kept free.
    """
    quotient = np.int64(np.uint32(number) // np.uint32(by))
    return quotient, number - quotient * by
