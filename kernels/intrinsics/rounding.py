"""Rounds rows of float32 to eight-bit integers: the bounds of a row, and its bytes."""

from functools import partial

import numpy as np
from fusednn.kernels._jit import JIT
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .integers import OFFSET
from .lanes import over_lanes
from .loops import emit_loop
from .scalars import emit_fma
from .shapes import SHAPE
from .tiles import broadcast

MAGIC = 12582912.0
"""1.5 times 2^23: added to a float32 of at most 2^22 it leaves the nearest integer, ties to even,
in the lowest bits."""

_I8 = ir.IntType(8)
_I32 = ir.IntType(32)
_I64 = ir.IntType(64)
_FLOAT = ir.FloatType()


def emit_bounds(builder, x, n, lanes):
    """IR of the lowest and the highest of n floats and 0; one is not finite if a float is not."""

    def ordered(value, kind):
        """From a float's bits to an integer of the same order, or back: inverts negative ones."""
        sign = builder.ashr(value, _constant(kind, 31))
        return builder.xor(value, builder.and_(sign, _constant(kind, 0x7FFFFFFF)))

    def further(order, key, other):
        return builder.select(builder.icmp_signed(order, key, other), key, other)

    def body(at, totals, kind):
        there = builder.bitcast(builder.gep(x, [at]), kind.as_pointer())
        key = ordered(builder.load(there, align=4), kind)
        low, high = totals
        return further("<", key, low), further(">", key, high)

    words = ir.VectorType(_I32, lanes)
    whole = builder.and_(n, _I64(-lanes))
    zero = _constant(words, 0)
    low, high = _loop(builder, _I64(0), whole, words, (zero, zero), body)
    ends = [
        over_lanes(builder, value, partial(further, order))
        for value, order in ((low, "<"), (high, ">"))
    ]
    ends = _loop(builder, whole, n, _I32, ends, body)
    return [builder.bitcast(ordered(end, _I32), _FLOAT) for end in ends]


def emit_round(builder, q, x, n, inverse, zero, fused, lanes, offset):
    """IR that writes n bytes to q: x inverse + zero in [0, 255], rounded, less `offset`."""
    target = builder.bitcast(q, _I8.as_pointer())

    def body(at, totals, kind):
        count = getattr(kind, "count", 0)
        floats = ir.VectorType(_FLOAT, count) if count else _FLOAT
        bytes_ = ir.VectorType(_I8, count) if count else _I8

        def every(value):
            return broadcast(builder, value, count) if count else value

        there = builder.bitcast(builder.gep(x, [at]), floats.as_pointer())
        value = builder.load(there, align=4)
        value = emit_fma(builder, value, every(inverse), every(zero), fused)
        for end, order in ((0.0, ">"), (255.0, "<")):
            end = every(ir.Constant(_FLOAT, end))
            value = builder.select(builder.fcmp_ordered(order, value, end), value, end)
        bits = builder.bitcast(builder.fadd(value, every(ir.Constant(_FLOAT, MAGIC))), kind)
        byte = builder.xor(builder.trunc(bits, bytes_), _constant(bytes_, offset))
        there = builder.bitcast(builder.gep(target, [at]), bytes_.as_pointer())
        builder.store(byte, there, align=1)
        return ()

    whole = builder.and_(n, _I64(-lanes))
    _loop(builder, _I64(0), whole, ir.VectorType(_I32, lanes), (), body)
    _loop(builder, whole, n, _I32, (), body)


def _constant(kind, value):
    return ir.Constant(kind, [value] * kind.count if isinstance(kind, ir.VectorType) else value)


def _loop(builder, first, last, kind, totals, body):
    """IR of a loop over [first, last) in steps of `kind`, which `body` is given too."""
    step = getattr(kind, "count", 1)
    return emit_loop(builder, first, last, step, totals, partial(body, kind=kind))


@intrinsic
def _row_bounds(typingctx, x, n):
    def codegen(context, builder, signature, args):
        ends = emit_bounds(builder, *args, SHAPE.lanes(4))
        return context.make_tuple(builder, signature.return_type, ends)

    ends = types.UniTuple(types.float32, 2)
    return ends(types.CPointer(types.float32), types.int64), codegen


@intrinsic
def _round_row(typingctx, q, x, n, inverse, zero):
    def codegen(context, builder, signature, args):
        emit_round(builder, *args, SHAPE.fused, SHAPE.lanes(4), OFFSET)
        return context.get_dummy_value()

    words, floats = types.CPointer(types.int32), types.CPointer(types.float32)
    return types.void(words, floats, types.int64, types.float32, types.float32), codegen


def _row_bounds_twin(x, n):
    row = np.append(x[:n], np.float32(0))
    return row.min(), row.max()


def _round_row_twin(q, x, n, inverse, zero):
    with np.errstate(invalid="ignore"):
        value = x[:n] * inverse + zero
    value = np.where(value > 0, value, np.float32(0))
    value = np.where(value < 255, value, np.float32(255)) + np.float32(MAGIC)
    q.view(np.uint8)[:n] = value.view(np.int32) & 0xFF


row_bounds = _row_bounds if JIT else _row_bounds_twin
"""row_bounds(x, n): the lowest and the highest of n float32 and 0.

One of them is not finite if an element of the row is not.
"""

round_row = _round_row if JIT else _round_row_twin
"""round_row(q, x, n, inverse, zero): n bytes of q = x inverse + zero, clipped to [0, 255].

They are rounded to the nearest, ties to even, less OFFSET.
"""
