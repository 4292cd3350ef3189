"""Numbers too small for full precision count as 0 in a thread that says so.

Processors compute with subnormal numbers, below 1.2e-38 in float32 and 2.2e-308 in float64, some
hundred times more slowly than with others. Gradients that vanish over many steps become such.
"""

import llvmlite.binding as llvm
from fusednn.kernels._jit import JIT
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_I32, _I64 = ir.IntType(32), ir.IntType(64)
_X86 = 1 << 15 | 1 << 6
"""Bits of MXCSR: results become 0, and operands count as 0."""
_ARM = 1 << 24
"""The bit of FPCR for both."""


def _emit(builder, name, result, *values):
    """IR of a call of one of LLVM's own functions."""
    kind = ir.FunctionType(result, [value.type for value in values])
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    return builder.call(function, values)


def _emit_exchange(builder, triple, changed):
    """IR that replaces the thread's mode by `changed(mode, bits)`; the mode before, an int64."""
    if triple.startswith(("x86_64", "i686", "amd64")):
        place = cgutils.alloca_once(builder, _I32)
        address = builder.bitcast(place, cgutils.voidptr_t)
        _emit(builder, "llvm.x86.sse.stmxcsr", ir.VoidType(), address)
        before = builder.load(place)
        builder.store(changed(before, _I32(_X86)), place)
        _emit(builder, "llvm.x86.sse.ldmxcsr", ir.VoidType(), address)
        return builder.zext(before, _I64)
    if triple.startswith(("aarch64", "arm64")):
        before = _emit(builder, "llvm.aarch64.get.fpcr", _I64)
        _emit(builder, "llvm.aarch64.set.fpcr", ir.VoidType(), changed(before, _I64(_ARM)))
        return before
    return _I64(0)


@intrinsic
def _flush_subnormals(typingctx):
    def codegen(context, builder, signature, args):
        return _emit_exchange(builder, llvm.get_process_triple(), builder.or_)

    return types.int64(), codegen


@intrinsic
def _set_mode(typingctx, mode):
    def codegen(context, builder, signature, args):
        def given(before, bits):
            return builder.trunc(args[0], before.type) if bits.type == _I32 else args[0]

        _emit_exchange(builder, llvm.get_process_triple(), given)
        return context.get_dummy_value()

    return types.void(types.int64), codegen


def _flush_subnormals_twin():
    return 0


def _set_mode_twin(mode):
    """NumPy computes with subnormal numbers."""


flush_subnormals = _flush_subnormals if JIT else _flush_subnormals_twin
"""flush_subnormals(): from now on such numbers count as 0 in this thread; the mode before.

The caller must give the mode back (`set_mode`). It calls what computes by address: LLVM may move
arithmetic of its own across the change.
"""

set_mode = _set_mode if JIT else _set_mode_twin
"""set_mode(mode): the thread computes as it did when `flush_subnormals` returned this mode."""
