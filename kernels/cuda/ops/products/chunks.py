"""Chunks of the samples of a task, and where their sums lie."""

import numpy as np
from fusednn.kernels import records
from fusednn.kernels.intrinsics.pointers import advance, slot


def sums_at(record, operand, size, frame, lo, chunk, like):
    """The sums of a chunk, counted from the first of a task; each has `size` elements."""
    return advance(slot(record, operand, like), (lo // frame[records.CHUNK] + chunk) * size)


def chunks_between(frame, lo, hi):
    """The chunks of samples [lo, hi)."""
    return np.int32((hi - lo + frame[records.CHUNK] - 1) // frame[records.CHUNK])


def first_sample(frame, lo, chunk):
    """The first sample of a chunk, counted from the first of a task."""
    return np.int32(lo + chunk * frame[records.CHUNK])


def last_sample(frame, lo, hi, chunk):
    """The end of its samples."""
    return np.int32(min(hi, lo + (chunk + 1) * frame[records.CHUNK]))
