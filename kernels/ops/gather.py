"""Gathering rows of the data into a block of the batch.

`order` is the epoch's order of the samples, or null to take them as stored. Row r of the buffers
is row `shift + r` of the batch, which begins at `start` in the order.
"""

import numpy as np
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, prefetch, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.operands import BYTES, COUNT, INT64, ROWS, maybe, op, operands, width_of

from .frames import sample_of
from .pointwise.elementwise import clear_columns

LINE, BYTE_LINE = 16, 64
"""Elements from one prefetch to the next: a cache line of float32, and of bytes."""

LEAD = 2048
"""Elements by which prefetches run ahead of copies: 8 KB, which memory delivers in 200 ns.

The hardware's prefetcher cannot predict rows in random order: gathering 200 rows of 3 KB took
40 us without prefetches, 30 us with.
"""

SAMPLES = operands(out=ROWS, order=maybe(INT64), width=width_of("out"), padded=maybe(COUNT))
"""`padded`: the columns of out are cleared up to there, for ops that read the padding."""
GATHER = operands(SAMPLES, data=ROWS)
GATHER_BYTES = operands(SAMPLES, data=BYTES)


@kernel
def copy_row(out, x, n):
    """out = x in the type of out, n elements; overwrites."""
    for i in range(n):
        out[i] = cast(x[i], out[0])


@kernel
def clear_nan(x, n):
    """x <- 0 where it is NaN, n elements."""
    zero = cast(0, x[0])
    for i in range(n):
        x[i] = x[i] if x[i] == x[i] else zero


@kernel
def request_row(x, n, line):
    """Prefetches the cache lines, of `line` elements, of n elements."""
    for i in range(0, n, line):
        prefetch(advance(x, i))
    prefetch(advance(x, n - 1))


@kernel
def gather_rows(record, frame, out, data, stride, line, lo, hi):
    """Rows [lo, hi) of out (B, WIDTH) = the samples' rows of data (any, WIDTH); overwrites."""
    width = record[SAMPLES.width]
    lead = min(LEAD // width + 1, hi - lo)
    for row in range(lo - lead, hi):
        if row + lead < hi:
            ahead = sample_of(record, frame, row + lead, SAMPLES.order)
            request_row(advance(data, ahead * stride), width, line)
        if row >= lo:
            sample = sample_of(record, frame, row, SAMPLES.order)
            here = advance(out, row * record[SAMPLES.out_stride])
            copy_row(here, advance(data, sample * stride), width)
            clear_columns(here, width, record[SAMPLES.padded])


@op(GATHER)
def gather_dense(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of the buffer out (B, width) = the samples' rows of data; overwrites."""
    data, out = slot(record, GATHER.data, scratch[0]), slot(record, GATHER.out, scratch[0])
    gather_rows(record, frame, out, data, record[GATHER.data_stride], LINE, lo, hi)
    return 0


@op(GATHER)
def gather_padded(record, frame, scratch, lo, hi):
    """gather_dense of padded series, whose padding is NaN: it becomes 0; overwrites."""
    gather_dense(record, frame, scratch, lo, hi)
    out = slot(record, GATHER.out, scratch[0])
    for row in range(lo, hi):
        clear_nan(advance(out, row * record[GATHER.out_stride]), record[SAMPLES.width])
    return 0


@op(GATHER_BYTES)
def gather_bytes(record, frame, scratch, lo, hi):
    """The same of data of uint8, in the network's type; overwrites."""
    data = slot(record, GATHER_BYTES.data, np.uint8(0))
    out = slot(record, GATHER_BYTES.out, scratch[0])
    stride = record[GATHER_BYTES.data_stride]
    gather_rows(record, frame, out, data, stride, BYTE_LINE, lo, hi)
    return 0
