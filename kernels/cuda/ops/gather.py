"""Gathering rows of the data into a block of the batch; the CPU's prefetches have no use here."""

import numpy as np
from fusednn.kernels.cuda.spreading import (
    GROUP,
    clear_columns,
    first_column,
    first_row,
    groups,
)
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops import gather
from fusednn.kernels.ops.frames import sample_of
from fusednn.kernels.ops.gather import GATHER, GATHER_BYTES, SAMPLES


def gather_rows(record, frame, out, data, stride, lo, hi):
    """Rows [lo, hi) of out (B, WIDTH) = the samples' rows of data (any, WIDTH); overwrites."""
    for row in range(first_row(lo), hi, groups()):
        sample = sample_of(record, frame, row, SAMPLES.order)
        here = advance(out, row * record[SAMPLES.out_stride])
        there = advance(data, sample * stride)
        for c in range(first_column(), record[SAMPLES.width], GROUP):
            here[c] = cast(there[c], out[0])
        clear_columns(here, record[SAMPLES.width], record[SAMPLES.padded])


@twin(gather.gather_dense)
def gather_dense(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of the buffer out (B, width) = the samples' rows of data; overwrites."""
    data, out = slot(record, GATHER.data, scratch[0]), slot(record, GATHER.out, scratch[0])
    gather_rows(record, frame, out, data, record[GATHER.data_stride], lo, hi)


@twin(gather.gather_padded)
def gather_padded(record, frame, scratch, lo, hi):
    """gather_dense of padded series, whose padding is NaN: it becomes 0; overwrites."""
    gather_dense(record, frame, scratch, lo, hi)
    out, zero = slot(record, GATHER.out, scratch[0]), cast(0, scratch[0])
    for row in range(first_row(lo), hi, groups()):
        here = advance(out, row * record[GATHER.out_stride])
        for c in range(first_column(), record[SAMPLES.width], GROUP):
            here[c] = here[c] if here[c] == here[c] else zero


@twin(gather.gather_bytes)
def gather_bytes(record, frame, scratch, lo, hi):
    """The same of data of uint8, in the network's type; overwrites."""
    data = slot(record, GATHER_BYTES.data, np.uint8(0))
    out = slot(record, GATHER_BYTES.out, scratch[0])
    gather_rows(record, frame, out, data, record[GATHER_BYTES.data_stride], lo, hi)
