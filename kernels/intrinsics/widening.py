"""A vector of eight-bit integers as floats, each times a factor of its column."""

from fusednn.kernels._jit import JIT
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .shapes import SHAPE


@intrinsic
def _widen_bytes(typingctx, out, q, factors):
    def codegen(context, builder, signature, args):
        element = signature.args[0].dtype
        size = element.bitwidth // 8
        lanes = SHAPE.lanes(size)
        kind = ir.VectorType(context.get_value_type(element), lanes)
        narrow = ir.VectorType(ir.IntType(8), lanes)
        out, q, factors = (
            builder.bitcast(pointer, vector.as_pointer())
            for pointer, vector in zip(args, (kind, narrow, kind), strict=True)
        )
        wide = builder.sitofp(builder.load(q, align=1), kind)
        builder.store(builder.fmul(wide, builder.load(factors, align=size)), out, align=size)
        return context.get_dummy_value()

    return types.void(out, q, factors), codegen


def _widen_bytes_twin(out, q, factors):
    for lane in range(SHAPE.lanes(out.itemsize)):
        out[lane] = out.dtype.type(q[lane]) * factors[lane]


widen_bytes = _widen_bytes if JIT else _widen_bytes_twin
"""widen_bytes(out, q, factors): out = q factors for one vector, q of int8."""
