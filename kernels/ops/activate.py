"""A layer's activation in a plan: on rows of its output while they are in the cache, and back."""

from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.sync import call

# operands of both
OUT = 1  # of the activation; differentiate reads its slopes here where it has some
STRIDE = 2
FUNCTION = 3  # address of a function of `kernels.activations`
CONSTANTS = 4
SLOPES = 5  # address of where activate leaves the slopes, or 0
# differentiate
D = 5


@kernel
def activate(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of OUT (B, O) = activation(OUT), and of SLOPES its derivative; in place."""
    stride = record[STRIDE]
    out, n = advance(slot(record, OUT, scratch[0]), lo * stride), (hi - lo) * stride
    constants = slot(record, CONSTANTS, scratch[0])
    if record[SLOPES] != 0:
        slopes = advance(slot(record, SLOPES, scratch[0]), lo * stride)
        return call(record, FUNCTION, (out, slopes, n, constants))
    return call(record, FUNCTION, (out, n, constants))


@kernel
def differentiate(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of D (B, O), the gradient of OUT, times activation'; in place."""
    stride = record[STRIDE]
    out = advance(slot(record, OUT, scratch[0]), lo * stride)
    d = advance(slot(record, D, scratch[0]), lo * stride)
    constants = slot(record, CONSTANTS, scratch[0])
    return call(record, FUNCTION, (d, out, (hi - lo) * stride, constants))
