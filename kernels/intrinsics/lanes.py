"""Vectors of the chosen shape: lanes as a constant, a transpose, one value of all lanes, and full
vectors in the loops that LLVM vectorises."""

from fusednn.kernels._jit import JIT
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .shapes import SHAPE

_I32 = ir.IntType(32)
_I64 = ir.IntType(64)


@intrinsic
def _lanes_of(typingctx, like):
    def codegen(context, builder, signature, args):
        return _I64(SHAPE.lanes(signature.args[0].bitwidth // 8))

    return types.int64(like), codegen


@intrinsic
def _use_full_vectors(typingctx, like):
    def codegen(context, builder, signature, args):
        bits = 8 * SHAPE.vector_bytes
        # llvmlite's own `add` knows no attributes with a value
        set.add(builder.function.attributes, f'"prefer-vector-width"="{bits}"')
        return context.get_dummy_value()

    return types.void(like), codegen


@intrinsic
def _transpose_square(typingctx, dst, ldd, src, lds):
    def codegen(context, builder, signature, args):
        dst, ldd, src, lds = args
        element = signature.args[0].dtype
        lanes = SHAPE.lanes(element.bitwidth // 8)
        kind = ir.VectorType(context.get_value_type(element), lanes)
        align = element.bitwidth // 8

        def address(pointer, stride, index):
            pointer = builder.gep(pointer, [builder.mul(stride, _I64(index))])
            return builder.bitcast(pointer, kind.as_pointer())

        rows = [builder.load(address(src, lds, i), align=align) for i in range(lanes)]
        for i, row in enumerate(_transpose_registers(builder, rows, lanes)):
            builder.store(row, address(dst, ldd, i), align=align)
        return context.get_dummy_value()

    pointer = types.CPointer(dst.dtype)
    return types.void(pointer, types.int64, pointer, types.int64), codegen


def _transpose_registers(builder, rows, lanes):
    """IR of a transpose in registers: log2(lanes) rounds that swap ever larger blocks."""
    block = 1
    while block < lanes:
        low = [i if not i & block else i - block + lanes for i in range(lanes)]
        high = [i + block if not i & block else i + lanes for i in range(lanes)]
        after = list(rows)
        for i in range(lanes):
            if not i & block:
                first, second = rows[i], rows[i + block]
                after[i] = shuffle(builder, first, second, low)
                after[i + block] = shuffle(builder, first, second, high)
        rows = after
        block *= 2
    return rows


def shuffle(builder, first, second, indices):
    """IR of a vector of the lanes of two others, by their indices."""
    mask = ir.Constant(ir.VectorType(_I32, len(indices)), indices)
    return builder.shuffle_vector(first, second, mask)


def over_lanes(builder, value, combined):
    """IR of one value of all lanes: `combined(low, high)` of the halves, again and again."""
    lanes = value.type.count
    while lanes > 1:
        lanes //= 2
        low, high = list(range(lanes)), list(range(lanes, 2 * lanes))
        value = combined(shuffle(builder, value, value, low), shuffle(builder, value, value, high))
    return builder.extract_element(value, _I32(0))


def _use_full_vectors_twin(like):
    """Vectors change no value."""


def _lanes_of_twin(like):
    return SHAPE.lanes(like.itemsize)


def _transpose_square_twin(dst, ldd, src, lds):
    lanes = SHAPE.lanes(dst.itemsize)
    for i in range(lanes):
        for j in range(lanes):
            dst[i * ldd + j] = src[j * lds + i]


lanes_of = _lanes_of if JIT else _lanes_of_twin
"""lanes_of(like): elements of a vector for `like`'s type."""

use_full_vectors = _use_full_vectors if JIT else _use_full_vectors_twin
"""use_full_vectors(like): the calling function's loops get vectors as wide as the shape's.

On some processors with AVX-512 LLVM takes half a vector, since wider ones once slowed them down:
the gates of an LSTM then take 1.35 times as long. The function must be one that is not inlined, or
inlined only where this is wanted too.
"""

transpose_square = _transpose_square if JIT else _transpose_square_twin
"""transpose_square(dst, ldd, src, lds): dst = src^T for one lanes x lanes block."""
