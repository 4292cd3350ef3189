"""A stable counting sort by blocks that do not wait for each other.

A block takes CODES codes at a time, and goes twice through all entries of the batch, each thread
through a part of its own, the threads in the order of the entries. First a thread counts its
entries of each code, and those of smaller codes; the counts are added up, code by code and thread
by thread; then it writes its entries where they begin.
"""

import numpy as np
from fusednn.kernels.cuda.language import barrier, block, blocks, shared, thread, threads
from fusednn.kernels.cuda.sums.rows import MOST_THREADS

CODES = 32
"""Codes of a block at a time."""

APART = MOST_THREADS + 1
"""Counts from one code to the next, so that those of a thread lie in different banks."""


def count_table():
    """Counts of each code and thread; the last code stands for all smaller ones."""
    return shared(8481, np.int32(0))  # (CODES + 1) APART


def clear_counts(counts):
    """Zeros in this thread's counts."""
    for c in range(CODES + 1):
        counts[c * APART + thread()] = 0


def note_code(counts, code, first):
    """Counts an entry, if its code is one of CODES from `first` on, or a smaller one."""
    if code < first + CODES:
        c = CODES if code < first else code - first
        counts[c * APART + thread()] += 1


def add_counts(counts, starts, first, count):
    """Each count becomes the number of entries before it; writes the starts of the block's codes.

    All threads take part.
    """
    sums = shared(33, np.int32(0))  # CODES + 1
    barrier()
    for c in range(thread(), CODES + 1, threads()):
        total = np.int32(0)
        for other in range(threads()):
            at = c * APART + other
            own = counts[at]
            counts[at] = total
            total = np.int32(total + own)
        sums[c] = total
    barrier()
    for c in range(thread(), CODES + 1, threads()):
        before = sums[CODES]
        for other in range(c):
            before = np.int32(before + sums[other])
        if first + c < count:
            if c < CODES:
                starts[first + c] = before
        elif first + c == count:
            starts[count] = before
        if c < CODES:
            for other in range(threads()):
                counts[c * APART + other] = np.int32(counts[c * APART + other] + before)
    barrier()


def place_of(counts, code, first):
    """Where an entry belongs whose code is one of the block's; the next one follows it."""
    at = (code - first) * APART + thread()
    place = counts[at]
    counts[at] = np.int32(place + 1)
    return place


def has_code(code, first):
    """Whether a code is one of the block's."""
    return code >= first and code < first + CODES


def part_of(n):
    """The first of so many entries that this thread takes, and the one behind its last."""
    size = (n + threads() - 1) // threads()
    return min(n, thread() * size), min(n, (thread() + 1) * size)


def sort_entries(record, frame, go_through, starts, count, like):
    """The entries by their codes: starts (count + 1), and what `go_through` writes; overwrites.

    go_through(record, frame, counts, first, writes, like) counts this thread's entries by
    `note_code`, or writes them at their `place_of`, if the block has their code.
    """
    counts = count_table()
    for first in range(block() * CODES, count, blocks() * CODES):
        clear_counts(counts)
        go_through(record, frame, counts, first, False, like)
        add_counts(counts, starts, first, count)
        go_through(record, frame, counts, first, True, like)
        barrier()
