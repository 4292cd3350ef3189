"""A layer's activation, forward and backward: the CPU's functions, on one element at a time."""

from fusednn.kernels.cuda.spreading import everyone, first
from fusednn.kernels.cuda.twins import takes, twin
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.ops.pointwise import activate as on_cpu
from fusednn.kernels.ops.pointwise.activate import ACTIVATE, DIFFERENTIATE


@twin(on_cpu.activate, over_padding=True)
def activate(record, frame, scratch, lo, hi, function):
    """Rows [lo, hi) of out (B, O) = activation(out); in place."""
    out, constants = (
        slot(record, ACTIVATE.out, scratch[0]),
        slot(record, ACTIVATE.constants, scratch[0]),
    )
    stride = record[ACTIVATE.out_stride]
    for i in range(lo * stride + first(), hi * stride, everyone()):
        function(advance(out, i), 1, constants)


@twin(on_cpu.activate, where=takes("function", "slopes"))
def activate_with_slopes(record, frame, scratch, lo, hi, function):
    """Rows [lo, hi) of out (B, O) = activation(out), and of slopes its derivative; in place."""
    out, slopes = slot(record, ACTIVATE.out, scratch[0]), slot(record, ACTIVATE.slopes, scratch[0])
    constants = slot(record, ACTIVATE.constants, scratch[0])
    stride = record[ACTIVATE.out_stride]
    for i in range(lo * stride + first(), hi * stride, everyone()):
        function(advance(out, i), advance(slopes, i), 1, constants)


@twin(on_cpu.differentiate, over_padding=True)
def differentiate(record, frame, scratch, lo, hi, function):
    """Rows [lo, hi) of dx (B, O), the gradient by out, times activation'; in place."""
    dx, out = (
        slot(record, DIFFERENTIATE.dx, scratch[0]),
        slot(record, DIFFERENTIATE.out, scratch[0]),
    )
    constants = slot(record, DIFFERENTIATE.constants, scratch[0])
    stride = record[DIFFERENTIATE.dx_stride]
    for i in range(lo * stride + first(), hi * stride, everyone()):
        function(advance(dx, i), advance(out, i), 1, constants)
