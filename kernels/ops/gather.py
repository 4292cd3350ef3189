"""Gathering rows of the data into a block of the batch.

`order` is the epoch's order of the samples, or null for their own. Row r of the buffers is row
`shift + r` of the batch, which begins at `start` in the order.
"""

from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, slot

from .frames import sample_of

# operands of gather_dense
DATA = 1
DATA_STRIDE = 2
ORDER = 3
HAS_ORDER = 4
OUT = 5
OUT_STRIDE = 6
WIDTH = 7


@kernel
def copy_row(out, x, n):
    """out = x, n elements."""
    for i in range(n):
        out[i] = x[i]


@kernel
def gather_dense(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of the buffer OUT (B, WIDTH) = the samples' rows of DATA; overwrites."""
    data, out = slot(record, DATA, scratch[0]), slot(record, OUT, scratch[0])
    for row in range(lo, hi):
        sample = sample_of(record, frame, row, ORDER)
        copy_row(
            advance(out, row * record[OUT_STRIDE]),
            advance(data, sample * record[DATA_STRIDE]),
            record[WIDTH],
        )
    return 0
