"""The softmax of a row: scores of the keys of one query, which lie along vectors.

The sum has the chains of `scores.normalise_columns`, and its bits: element k is in chain k modulo
lanes, which is a lane here.
"""

import numpy as np
from fusednn.kernels._jit import JIT
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .columns import Vectors
from .lanes import over_lanes
from .loops import emit_loop
from .shapes import SHAPE
from .tiles import broadcast

_I64 = ir.IntType(64)
_CHAINS = 4


def _larger(builder, most, x):
    return builder.select(builder.fcmp_ordered(">", x, most), x, most)


class _Row(Vectors):
    """A row of n elements in whole vectors, those behind it masked."""

    def __init__(self, context, builder, element, x, n):
        super().__init__(context, builder, element)
        self.x, self.n = x, n
        self.whole = builder.and_(n, _I64(-self.lanes))
        self.order = ir.Constant(ir.VectorType(_I64, self.lanes), list(range(self.lanes)))

    def has(self, at):
        """IR of the lanes of the vector at an element that are of the row."""
        left = broadcast(self.builder, self.builder.sub(self.n, at), self.lanes)
        return self.builder.icmp_signed("<", self.order, left)

    def mapped(self, changed):
        """Replaces x by `changed(x)`, and elements behind the row by 0."""
        builder = self.builder

        def inside(at, _):
            self.store(changed(self.load(self.x, at)), self.x, at)
            return []

        def last(at, _):
            value = changed(self.load(self.x, at))
            self.store(builder.select(self.has(at), value, self.zero), self.x, at)
            return []

        emit_loop(builder, _I64(0), self.whole, self.lanes, [], inside)
        emit_loop(builder, self.whole, self.n, self.lanes, [], last)


@intrinsic
def _center_row(typingctx, x, n):
    def codegen(context, builder, signature, args):
        row = _Row(context, builder, signature.args[0].dtype, *args)
        lanes, x = row.lanes, row.x
        lowest = ir.Constant(row.kind, [float("-inf")] * lanes)

        def four(at, most):
            places = [builder.add(at, _I64(i * lanes)) for i in range(_CHAINS)]
            return [
                _larger(builder, one, row.load(x, place))
                for one, place in zip(most, places, strict=True)
            ]

        def one(at, most):
            return [_larger(builder, most[0], row.load(x, at))]

        def last(at, most):
            value = builder.select(row.has(at), row.load(x, at), lowest)
            return [_larger(builder, most[0], value)]

        most, step = [lowest] * _CHAINS, _CHAINS * lanes
        fours = builder.and_(row.n, _I64(-step))
        most = emit_loop(builder, _I64(0), fours, step, most, four)
        most = [_larger(builder, *most[:2]), _larger(builder, *most[2:])]
        most = emit_loop(builder, fours, row.whole, lanes, [_larger(builder, *most)], one)
        [most] = emit_loop(builder, row.whole, row.n, lanes, most, last)
        largest = over_lanes(builder, most, lambda a, b: _larger(builder, a, b))
        largest = broadcast(builder, largest, lanes)
        row.mapped(lambda value: builder.fsub(value, largest))
        return context.get_dummy_value()

    return types.void(types.CPointer(x.dtype), types.int64), codegen


@intrinsic
def _normalise_row(typingctx, x, n):
    def codegen(context, builder, signature, args):
        row = _Row(context, builder, signature.args[0].dtype, *args)

        def inside(at, total):
            return [builder.fadd(total[0], row.load(row.x, at))]

        def last(at, total):
            more = builder.fadd(total[0], row.load(row.x, at))
            return [builder.select(row.has(at), more, total[0])]

        total = emit_loop(builder, _I64(0), row.whole, row.lanes, [row.zero], inside)
        [total] = emit_loop(builder, row.whole, row.n, row.lanes, total, last)
        total = over_lanes(builder, total, builder.fadd)
        one = ir.Constant(total.type, 1.0)
        factor = broadcast(builder, builder.fdiv(one, total), row.lanes)
        row.mapped(lambda value: builder.fmul(value, factor))
        return context.get_dummy_value()

    return types.void(types.CPointer(x.dtype), types.int64), codegen


def _clear_behind(x, n):
    lanes = SHAPE.lanes(x.itemsize)
    x[n : -(-n // lanes) * lanes] = 0


def _center_row_twin(x, n):
    x[:n] -= np.max(x[:n])
    _clear_behind(x, n)


def _normalise_row_twin(x, n):
    x[:n] /= x[:n].sum()
    _clear_behind(x, n)


center_row = _center_row if JIT else _center_row_twin
"""center_row(x, n): x -= the largest of n elements. Elements behind n in the last vector become 0;
they must be there."""

normalise_row = _normalise_row if JIT else _normalise_row_twin
"""normalise_row(x, n): x /= the sum of n elements, likewise."""
