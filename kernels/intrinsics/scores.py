"""The softmax over the rows of each column, and its derivative: scores of keys by queries.

A column is a query, a row a key; `width` is one vector or more, and adjacent rows are `width`
elements apart. Constants and totals of a vector of columns stay in registers while its rows pass,
so nothing is reduced across lanes.

The sum over rows is that of as many chains as a vector has lanes: row k is in chain k modulo
lanes, and chains are added up by halves, as `over_lanes` does. So keys that lie along a vector,
one query by itself, give the same bits; and rows of zeros behind the last change none.
"""

import numpy as np
from fusednn.kernels._jit import JIT
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .columns import Vectors
from .loops import emit_loop
from .scalars import emit_fma
from .shapes import SHAPE
from .tiles import broadcast

_I32 = ir.IntType(32)
_I64 = ir.IntType(64)
_CHAINS = 4


def _larger(builder, most, x):
    return builder.select(builder.fcmp_ordered(">", x, most), x, most)


def _smaller_count(builder, a, b):
    return builder.select(builder.icmp_signed("<", a, b), a, b)


def _seen(builder, row, first, at, lanes):
    """IR of the lanes of columns from `at` on that see a row; column q sees rows to first + q."""
    least = builder.trunc(builder.sub(builder.sub(row, first), at), _I32)
    order = ir.Constant(ir.VectorType(_I32, lanes), list(range(lanes)))
    return builder.icmp_signed(">=", order, broadcast(builder, least, lanes))


@intrinsic
def _center_columns(typingctx, x, width, rows, first):
    def codegen(context, builder, signature, args):
        x, width, rows, first = args
        vectors = Vectors(context, builder, signature.args[0].dtype)
        lanes = vectors.lanes
        lowest = ir.Constant(vectors.kind, [float("-inf")] * lanes)

        def column(at, _):
            def place(row):
                return builder.add(builder.mul(row, width), at)

            def four(row, most):
                found = []
                for i, one in enumerate(most):
                    value = vectors.load(x, place(builder.add(row, _I64(i))))
                    found.append(_larger(builder, one, value))
                return found

            def one(row, most):
                value = vectors.load(x, place(row))
                seen = _seen(builder, row, first, at, lanes)
                return [_larger(builder, most[0], builder.select(seen, value, lowest))]

            # every column of the vector sees the rows before `whole`
            all_see = _smaller_count(builder, builder.add(builder.add(first, at), _I64(1)), rows)
            whole = builder.and_(all_see, _I64(-_CHAINS))
            most = emit_loop(builder, _I64(0), whole, _CHAINS, [lowest] * _CHAINS, four)
            most = [_larger(builder, *most[:2]), _larger(builder, *most[2:])]
            [most] = emit_loop(builder, whole, rows, 1, [_larger(builder, *most)], one)

            def subtract(row, _):
                value = builder.fsub(vectors.load(x, place(row)), most)
                vectors.store(value, x, place(row))
                return []

            def subtract_seen(row, _):
                value = builder.fsub(vectors.load(x, place(row)), most)
                seen = _seen(builder, row, first, at, lanes)
                vectors.store(builder.select(seen, value, vectors.zero), x, place(row))
                return []

            emit_loop(builder, _I64(0), whole, 1, [], subtract)
            emit_loop(builder, whole, rows, 1, [], subtract_seen)
            return []

        emit_loop(builder, _I64(0), width, lanes, [], column)
        return context.get_dummy_value()

    pointer, count = types.CPointer(x.dtype), types.int64
    return types.void(pointer, count, count, count), codegen


def _sum_rows(builder, lanes, rows, zero, added):
    """IR of the sum over rows: `added(total, row)` adds one to its chain."""

    def block(row, totals):
        return [added(total, builder.add(row, _I64(i))) for i, total in enumerate(totals)]

    def rest(row, totals):
        """Rows behind the last are read where the last is, and not added."""
        found = []
        for i, total in enumerate(totals):
            own = builder.add(row, _I64(i))
            inside = builder.icmp_signed("<", own, rows)
            at = _smaller_count(builder, own, builder.sub(rows, _I64(1)))
            found.append(builder.select(inside, added(total, at), total))
        return found

    whole = builder.and_(rows, _I64(-lanes))
    totals = emit_loop(builder, _I64(0), whole, lanes, [zero] * lanes, block)
    totals = emit_loop(builder, whole, rows, lanes, totals, rest)
    while len(totals) > 1:
        half = len(totals) // 2
        totals = [builder.fadd(*pair) for pair in zip(totals[:half], totals[half:], strict=True)]
    return totals[0]


@intrinsic
def _normalise_columns(typingctx, x, width, rows, first):
    def codegen(context, builder, signature, args):
        x, width, rows, first = args
        vectors = Vectors(context, builder, signature.args[0].dtype)

        def column(at, _):
            def place(row):
                return builder.add(builder.mul(row, width), at)

            def seen(row):
                value = vectors.load(x, place(row))
                mask = _seen(builder, row, first, at, vectors.lanes)
                return builder.select(mask, value, vectors.zero)

            def added(total, row):
                return builder.fadd(total, seen(row))

            total = _sum_rows(builder, vectors.lanes, rows, vectors.zero, added)
            one = ir.Constant(vectors.kind, [1.0] * vectors.lanes)
            factor = builder.fdiv(one, total)

            def scale(row, _):
                vectors.store(builder.fmul(seen(row), factor), x, place(row))
                return []

            emit_loop(builder, _I64(0), rows, 1, [], scale)
            return []

        emit_loop(builder, _I64(0), width, vectors.lanes, [], column)
        return context.get_dummy_value()

    pointer, count = types.CPointer(x.dtype), types.int64
    return types.void(pointer, count, count, count), codegen


@intrinsic
def _differentiate_softmax(typingctx, d, p, width, rows):
    def codegen(context, builder, signature, args):
        d, p, width, rows = args
        vectors = Vectors(context, builder, signature.args[0].dtype)

        def column(at, _):
            def place(row):
                return builder.add(builder.mul(row, width), at)

            def added(total, row):
                there = place(row)
                values = vectors.load(p, there), vectors.load(d, there)
                return emit_fma(builder, *values, total, SHAPE.fused)

            total = _sum_rows(builder, vectors.lanes, rows, vectors.zero, added)

            def one(row, _):
                there = place(row)
                off = builder.fsub(vectors.load(d, there), total)
                vectors.store(builder.fmul(vectors.load(p, there), off), d, there)
                return []

            emit_loop(builder, _I64(0), rows, 1, [], one)
            return []

        emit_loop(builder, _I64(0), width, vectors.lanes, [], column)
        return context.get_dummy_value()

    pointer, count = types.CPointer(d.dtype), types.int64
    return types.void(pointer, pointer, count, count), codegen


def _matrix(x, width, rows):
    return x[: rows * width].reshape(rows, width)


def _center_columns_twin(x, width, rows, first):
    scores, seen = _matrix(x, width, rows), _seen_twin(width, rows, first)
    scores -= np.where(seen, scores, -np.inf).max(axis=0)
    scores[~seen] = 0


def _normalise_columns_twin(x, width, rows, first):
    weights = _matrix(x, width, rows)
    weights[~_seen_twin(width, rows, first)] = 0
    weights /= weights.sum(axis=0)


def _seen_twin(width, rows, first):
    return np.arange(rows)[:, np.newaxis] <= first + np.arange(width)


def _differentiate_softmax_twin(d, p, width, rows):
    slopes, weights = _matrix(d, width, rows), _matrix(p, width, rows)
    slopes[:] = weights * (slopes - (weights * slopes).sum(axis=0))


center_columns = _center_columns if JIT else _center_columns_twin
"""center_columns(x, width, rows, first): x (rows, width) -= the largest of each column, where
column q has rows up to first + q; the other rows of the column become 0, since the exponential of
minus infinity takes long where it underflows step by step."""

normalise_columns = _normalise_columns if JIT else _normalise_columns_twin
"""normalise_columns(x, width, rows, first): x (rows, width) /= the sum of each column, of the same
rows; the others become 0."""

differentiate_softmax = _differentiate_softmax if JIT else _differentiate_softmax_twin
"""differentiate_softmax(d, p, width, rows): d <- p (d - the sum of p d over rows), in place."""
