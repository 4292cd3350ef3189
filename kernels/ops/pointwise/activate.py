"""A layer's activation in a plan: forward on rows of its output in the cache, and backward."""

from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.sync import call
from fusednn.kernels.operands import FUNCTION, REALS, ROWS, maybe, op, operands

ACTIVATE = operands(out=ROWS, slopes=maybe(REALS), constants=REALS, function=FUNCTION)
"""`function` is one of `kernels.activations`; it also writes the slopes, if there are any."""

DIFFERENTIATE = operands(dx=ROWS, out=REALS, constants=REALS, function=FUNCTION)
"""`out` holds the activation's outputs or slopes, in rows with the stride of dx."""


@op(ACTIVATE)
def activate(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = activation(out), and of slopes its derivative; in place."""
    stride = record[ACTIVATE.out_stride]
    out, n = advance(slot(record, ACTIVATE.out, scratch[0]), lo * stride), (hi - lo) * stride
    constants = slot(record, ACTIVATE.constants, scratch[0])
    if record[ACTIVATE.slopes] != 0:
        slopes = advance(slot(record, ACTIVATE.slopes, scratch[0]), lo * stride)
        return call(record, ACTIVATE.function, (out, slopes, n, constants))
    return call(record, ACTIVATE.function, (out, n, constants))


@op(DIFFERENTIATE)
def differentiate(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of dx (B, O), the gradient by out, times activation'; in place."""
    stride = record[DIFFERENTIATE.dx_stride]
    out = advance(slot(record, DIFFERENTIATE.out, scratch[0]), lo * stride)
    d = advance(slot(record, DIFFERENTIATE.dx, scratch[0]), lo * stride)
    constants = slot(record, DIFFERENTIATE.constants, scratch[0])
    return call(record, DIFFERENTIATE.function, (d, out, (hi - lo) * stride, constants))
