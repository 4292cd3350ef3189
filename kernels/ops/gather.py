"""Gathering rows of the data into a block of the batch.

`order` is the epoch's order of the samples, or null to take them as stored. Row r of the buffers
is row `shift + r` of the batch, which begins at `start` in the order.
"""

from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, prefetch, slot
from fusednn.kernels.operands import COUNT, INT64, ROWS, maybe, op, operands, width_of

from .frames import sample_of
from .pointwise.elementwise import clear_columns

LINE = 16
"""Elements from one prefetch to the next: a cache line of float32."""

LEAD = 2048
"""Elements by which prefetches run ahead of copies: 8 KB, which memory delivers in 200 ns.

The hardware's prefetcher cannot predict rows in random order: gathering 200 rows of 3 KB took
40 us without prefetches, 30 us with.
"""

GATHER = operands(
    out=ROWS, data=ROWS, order=maybe(INT64), width=width_of("out"), padded=maybe(COUNT)
)
"""`padded`: the columns of out are cleared up to there, for ops that read the padding."""


@kernel
def copy_row(out, x, n):
    """out = x, n elements; overwrites."""
    for i in range(n):
        out[i] = x[i]


@kernel
def request_row(x, n):
    """Prefetches the cache lines of n elements."""
    for i in range(0, n, LINE):
        prefetch(advance(x, i))
    prefetch(advance(x, n - 1))


@op(GATHER)
def gather_dense(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of the buffer out (B, width) = the samples' rows of data; overwrites."""
    data, out = slot(record, GATHER.data, scratch[0]), slot(record, GATHER.out, scratch[0])
    stride, width = record[GATHER.data_stride], record[GATHER.width]
    lead = min(LEAD // width + 1, hi - lo)
    for row in range(lo - lead, hi):
        if row + lead < hi:
            request_row(
                advance(data, sample_of(record, frame, row + lead, GATHER.order) * stride), width
            )
        if row >= lo:
            sample = sample_of(record, frame, row, GATHER.order)
            here = advance(out, row * record[GATHER.out_stride])
            copy_row(here, advance(data, sample * stride), width)
            clear_columns(here, width, record[GATHER.padded])
    return 0
