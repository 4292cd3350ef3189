"""Atomics, the CPU's pause hint, and calls by address.

The Python twins share a lock, so the uncompiled engine runs with several workers too.
"""

import ctypes
import threading

import llvmlite.binding as llvm
from fusednn.kernels._jit import JIT
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_INT64 = ir.IntType(64)
_TURN = threading.Lock()


@intrinsic
def _fetch_add(typingctx, counter, value):
    def codegen(context, builder, signature, args):
        return builder.atomic_rmw("add", args[0], args[1], "acq_rel")

    return types.int64(types.CPointer(types.int64), types.int64), codegen


@intrinsic
def _swap_if(typingctx, counter, expected, value):
    def codegen(context, builder, signature, args):
        result = builder.cmpxchg(args[0], args[1], args[2], "acq_rel", "monotonic")
        return builder.extract_value(result, 1)

    return types.boolean(types.CPointer(types.int64), types.int64, types.int64), codegen


@intrinsic
def _load_acquire(typingctx, counter):
    def codegen(context, builder, signature, args):
        return builder.load_atomic(args[0], "acquire", 8)

    return types.int64(types.CPointer(types.int64)), codegen


@intrinsic
def _store_release(typingctx, counter, value):
    def codegen(context, builder, signature, args):
        builder.store_atomic(args[1], args[0], "release", 8)
        return context.get_dummy_value()

    return types.void(types.CPointer(types.int64), types.int64), codegen


@intrinsic
def _pause(typingctx):
    def codegen(context, builder, signature, args):
        triple = llvm.get_process_triple()
        if triple.startswith(("x86_64", "i686", "amd64")):
            kind = ir.FunctionType(ir.VoidType(), [])
            builder.call(
                cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.sse2.pause"), []
            )
        elif triple.startswith(("aarch64", "arm64")):
            kind = ir.FunctionType(ir.VoidType(), [ir.IntType(32)])
            hint = cgutils.get_or_insert_function(builder.module, kind, "llvm.aarch64.hint")
            builder.call(hint, [ir.IntType(32)(1)])
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def _call(typingctx, record, index, arguments):
    def codegen(context, builder, signature, args):
        record, index, packed = args
        kinds = [context.get_value_type(kind) for kind in signature.args[2].types]
        function_type = ir.FunctionType(_INT64, kinds)
        index = context.cast(builder, index, signature.args[1], types.intp)
        slot = builder.gep(record, [index])
        function = builder.load(builder.bitcast(slot, function_type.as_pointer().as_pointer()))
        values = [builder.extract_value(packed, i) for i in range(len(kinds))]
        return builder.call(function, values)

    return types.int64(record, index, arguments), codegen


TWINS: dict[int, object] = {}
"""Address to Python function, for calls by address when the JIT is off."""


def _fetch_add_twin(counter, value):
    with _TURN:
        before = int(counter[0])
        counter[0] = before + value
    return before


def _swap_if_twin(counter, expected, value):
    with _TURN:
        found = int(counter[0]) == expected
        if found:
            counter[0] = value
    return found


def _load_acquire_twin(counter):
    return int(counter[0])


def _store_release_twin(counter, value):
    counter[0] = value


def _pause_twin():
    pass


def _call_twin(record, index, arguments):
    address = int(record[index])
    if address in TWINS:
        return TWINS[address](*arguments)
    # A C function of the system, such as the one that yields.
    kind = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_int] * len(arguments))
    return kind(address)(*map(int, arguments))


fetch_add = _fetch_add if JIT else _fetch_add_twin
"""fetch_add(counter, value): add to the int64 at `counter`, return what was there before."""

swap_if = _swap_if if JIT else _swap_if_twin
"""swap_if(counter, expected, value): write `value` if `expected` is there; whether it was."""

load_acquire = _load_acquire if JIT else _load_acquire_twin
"""load_acquire(counter): the int64 at `counter`; later reads see what its writer wrote before."""

store_release = _store_release if JIT else _store_release_twin
"""store_release(counter, value): write the int64 after everything written before."""

pause = _pause if JIT else _pause_twin
"""pause(): tell the CPU that this is a spinning loop."""

call = _call if JIT else _call_twin
"""call(record, index, arguments): call the int64-valued C function whose address is in a slot."""
