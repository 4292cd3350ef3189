"""Pointers: to an array's data, into it, and read from a slot of a plan's int64 record.

Addresses in a record are *loaded* as pointers, never converted from integers: LLVM 22 loses
what it knows of a pointer that came from `inttoptr`. `p[i]` loads, `p[i] = v` stores.

The Python twin of a pointer is a one-dimensional NumPy view that begins at the address.
"""

import ctypes

import numpy as np
from fusednn.kernels._jit import JIT
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

_NOT_CONTIGUOUS = "arrays must be C-contiguous"
_READ_ONLY = "output arrays must be writable"


@intrinsic
def _data(typingctx, array):
    return _pointer_to(array)


@intrinsic
def _written(typingctx, array):
    if isinstance(array, types.Array) and not array.mutable:
        raise TypingError(_READ_ONLY)
    return _pointer_to(array)


def _pointer_to(array):
    if not isinstance(array, types.Array) or array.layout != "C":
        raise TypingError(_NOT_CONTIGUOUS)

    def codegen(context, builder, signature, args):
        return cgutils.create_struct_proxy(signature.args[0])(context, builder, args[0]).data

    return types.CPointer(array.dtype)(array), codegen


@intrinsic
def _advance(typingctx, pointer, count):
    def codegen(context, builder, signature, args):
        index = context.cast(builder, args[1], signature.args[1], types.intp)
        return builder.gep(args[0], [index])

    return pointer(pointer, count), codegen


def _load_slot(context, builder, signature, args, kind):
    record, index = args[:2]
    index = context.cast(builder, index, signature.args[1], types.intp)
    slot = builder.gep(record, [index])
    return builder.load(builder.bitcast(slot, kind.as_pointer()))


@intrinsic
def _slot(typingctx, record, index, like):
    def codegen(context, builder, signature, args):
        kind = context.get_value_type(signature.return_type)
        return _load_slot(context, builder, signature, args, kind)

    return types.CPointer(types.unliteral(like))(record, index, like), codegen


@intrinsic
def _number(typingctx, record, index, like):
    def codegen(context, builder, signature, args):
        value = _load_slot(context, builder, signature, args, ir.DoubleType())
        return context.cast(builder, value, types.float64, signature.return_type)

    return like(record, index, like), codegen


def emit_prefetch(builder, pointer, write):
    """IR that asks for the cache line at a pointer, to be read or to be written."""
    byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    nearest, of_data = word(3), word(1)
    builder.call(function, [builder.bitcast(pointer, byte), word(int(write)), nearest, of_data])


@intrinsic
def _prefetch(typingctx, pointer):
    def codegen(context, builder, signature, args):
        emit_prefetch(builder, args[0], write=False)
        return context.get_dummy_value()

    return types.void(pointer), codegen


_HUGE = 1 << 46  # bytes; a twin's view has no known end


def view_at(address, dtype):
    """A NumPy view of the memory at `address`: the twin of a pointer read from a record."""
    dtype = np.dtype(dtype)
    buffer = (ctypes.c_char * _HUGE).from_address(int(address))
    return np.frombuffer(buffer, dtype)


def _data_twin(array):
    if not array.flags.c_contiguous:
        raise TypeError(_NOT_CONTIGUOUS)
    return array.reshape(-1)


def _written_twin(array):
    if not array.flags.writeable:
        raise TypeError(_READ_ONLY)
    return _data_twin(array)


def _advance_twin(pointer, count):
    if count < 0:
        return view_at(pointer.ctypes.data + int(count) * pointer.itemsize, pointer.dtype)
    return pointer[count:]


def _prefetch_twin(pointer):
    pass


def _slot_twin(record, index, like):
    return view_at(record[index], np.asarray(like).dtype)


def _number_twin(record, index, like):
    return type(like)(record[index : index + 1].view(np.float64)[0])


data = _data if JIT else _data_twin
"""data(array): pointer to the first element of a C-contiguous array."""

written = _written if JIT else _written_twin
"""written(array): as `data`, of an array that may be written to."""

advance = _advance if JIT else _advance_twin
"""advance(pointer, count): the pointer moved on by `count` elements."""

prefetch = _prefetch if JIT else _prefetch_twin
"""prefetch(pointer): ask for the cache line at the pointer; never fails."""

slot = _slot if JIT else _slot_twin
"""slot(record, index, like): the address in a record's slot, as a pointer to `like`'s type."""

number = _number if JIT else _number_twin
"""number(record, index, like): the float64 stored in a slot, converted to `like`'s type."""
