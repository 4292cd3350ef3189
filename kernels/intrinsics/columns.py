"""Columns of rows: sums over the rows, and maps with constants for each column.

Constants and totals of a column stay in registers while its rows pass, so a row costs its loads
and stores alone however few columns there are: with 16 columns a sum takes a fifth of the time of
a loop over rows whose inner loop adds to memory. n is a multiple of the lanes.

A sum runs in four chains, rows 0, 4, 8, ... in the first, which are added up in pairs.
"""

import numpy as np
from fusednn.kernels._jit import JIT
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .loops import emit_loop
from .scalars import emit_fma
from .shapes import SHAPE
from .tiles import broadcast

_I64 = ir.IntType(64)
_CHAINS = 4


class Vectors:
    """Loads and stores of vectors of one element type."""

    def __init__(self, context, builder, element):
        self.builder, self.align = builder, element.bitwidth // 8
        self.lanes = SHAPE.lanes(self.align)
        self.kind = ir.VectorType(context.get_value_type(element), self.lanes)
        self.zero = ir.Constant(self.kind, [0.0] * self.lanes)

    def at(self, pointer, offset):
        there = self.builder.gep(pointer, [offset])
        return self.builder.bitcast(there, self.kind.as_pointer())

    def load(self, pointer, offset):
        return self.builder.load(self.at(pointer, offset), align=self.align)

    def store(self, value, pointer, offset):
        self.builder.store(value, self.at(pointer, offset), align=self.align)


def _column_sums(streams, term, accumulates=False):
    """A code generator: total[j] = the sum over rows of `term` of so many streams."""

    def codegen(context, builder, signature, args):
        total, *pointers = args[:-3]
        stride, rows, n = args[-3:]
        vectors = Vectors(context, builder, signature.args[0].dtype)

        def column(at, _):
            constants = [vectors.load(p, at) for p in pointers[streams:]]

            def added(row, total):
                place = builder.add(builder.mul(row, stride), at)
                values = [vectors.load(p, place) for p in pointers[:streams]]
                return term(builder, total, *values, *constants)

            def four(row, totals):
                return [added(builder.add(row, _I64(i)), chain) for i, chain in enumerate(totals)]

            whole = builder.and_(rows, _I64(-_CHAINS))
            totals = emit_loop(builder, _I64(0), whole, _CHAINS, [vectors.zero] * _CHAINS, four)
            [first] = emit_loop(
                builder, whole, rows, 1, totals[:1], lambda row, left: [added(row, left[0])]
            )
            totals = [first, *totals[1:]]
            while len(totals) > 1:
                pairs = zip(totals[::2], totals[1::2], strict=True)
                totals = [builder.fadd(*pair) for pair in pairs]
            if accumulates:
                totals = [builder.fadd(vectors.load(total, at), totals[0])]
            vectors.store(totals[0], total, at)
            return []

        emit_loop(builder, _I64(0), n, vectors.lanes, [], column)
        return context.get_dummy_value()

    return codegen


def _column_map(streams, numbers, term):
    """A code generator: out[row, j] = `term` of so many streams, constants and numbers.

    The arguments are out, the streams, the constants, the numbers, then ldo, ldx, rows and n.
    """

    def codegen(context, builder, signature, args):
        out, *rest = args[:-4]
        ldo, ldx, rows, n = args[-4:]
        pointers, scalars = rest[: len(rest) - numbers], rest[len(rest) - numbers :]
        vectors = Vectors(context, builder, signature.args[0].dtype)
        scalars = [broadcast(builder, scalar, vectors.lanes) for scalar in scalars]

        def column(at, _):
            constants = [vectors.load(p, at) for p in pointers[streams:]]

            def one(row, _):
                place = builder.add(builder.mul(row, ldx), at)
                values = [vectors.load(p, place) for p in pointers[:streams]]
                found = term(builder, *values, *constants, *scalars)
                vectors.store(found, out, builder.add(builder.mul(row, ldo), at))
                return []

            emit_loop(builder, _I64(0), rows, 1, [], one)
            return []

        emit_loop(builder, _I64(0), n, vectors.lanes, [], column)
        return context.get_dummy_value()

    return codegen


def _add(builder, total, x):
    return builder.fadd(total, x)


def _add_square(builder, total, x, mean):
    off = builder.fsub(x, mean)
    return emit_fma(builder, off, off, total, SHAPE.fused)


def _normal(builder, x, mean, inverse):
    return builder.fmul(builder.fsub(x, mean), inverse)


def _add_normal_product(builder, total, d, x, mean, inverse):
    return emit_fma(builder, d, _normal(builder, x, mean, inverse), total, SHAPE.fused)


def _affine_normal(builder, x, mean, inverse, scale, shift, floor):
    value = emit_fma(builder, _normal(builder, x, mean, inverse), scale, shift, SHAPE.fused)
    below = builder.fcmp_ordered("<", value, floor)  # keeps a NaN, as in `tiles.py`
    return builder.select(below, floor, value)


def _batch_gradient(builder, d, x, mean, inverse, scale, dshift, dscale, part):
    normal = _normal(builder, x, mean, inverse)
    along = emit_fma(builder, normal, dscale, dshift, SHAPE.fused)
    factor = builder.fmul(scale, inverse)
    return builder.fmul(factor, builder.fsub(d, builder.fmul(along, part)))


@intrinsic
def _sum_columns(typingctx, total, x, stride, rows, n):
    p, count = types.CPointer(x.dtype), types.int64
    return types.void(p, p, count, count, count), _column_sums(1, _add)


@intrinsic
def _add_row_sums(typingctx, total, x, stride, rows, n):
    p, count = types.CPointer(x.dtype), types.int64
    return types.void(p, p, count, count, count), _column_sums(1, _add, accumulates=True)


@intrinsic
def _sum_squared_columns(typingctx, total, x, mean, stride, rows, n):
    p, count = types.CPointer(x.dtype), types.int64
    return types.void(p, p, p, count, count, count), _column_sums(1, _add_square)


@intrinsic
def _sum_normal_columns(typingctx, total, d, x, mean, inverse, stride, rows, n):
    p, count = types.CPointer(x.dtype), types.int64
    signature = types.void(p, p, p, p, p, count, count, count)
    return signature, _column_sums(2, _add_normal_product)


@intrinsic
def _normalise_rows(typingctx, out, x, mean, inverse, scale, shift, floor, ldo, ldx, rows, n):
    p, count = types.CPointer(x.dtype), types.int64
    signature = types.void(p, p, p, p, p, p, x.dtype, count, count, count, count)
    return signature, _column_map(1, 1, _affine_normal)


@intrinsic
def _differentiate_rows(
    typingctx, dx, d, x, mean, inverse, scale, dshift, dscale, part, ldo, ldx, rows, n
):
    p, count = types.CPointer(x.dtype), types.int64
    signature = types.void(p, p, p, p, p, p, p, p, x.dtype, count, count, count, count)
    return signature, _column_map(2, 1, _batch_gradient)


def _rows(x, stride, rows, n):
    return [x[row * stride : row * stride + n] for row in range(rows)]


def _sum_columns_twin(total, x, stride, rows, n):
    total[:n] = sum(_rows(x, stride, rows, n))


def _add_row_sums_twin(total, x, stride, rows, n):
    total[:n] += sum(_rows(x, stride, rows, n))


def _sum_squared_columns_twin(total, x, mean, stride, rows, n):
    total[:n] = sum((row - mean[:n]) ** 2 for row in _rows(x, stride, rows, n))


def _sum_normal_columns_twin(total, d, x, mean, inverse, stride, rows, n):
    pairs = zip(_rows(d, stride, rows, n), _rows(x, stride, rows, n), strict=True)
    total[:n] = sum(one * ((row - mean[:n]) * inverse[:n]) for one, row in pairs)


def _normalise_rows_twin(out, x, mean, inverse, scale, shift, floor, ldo, ldx, rows, n):
    pairs = zip(_rows(out, ldo, rows, n), _rows(x, ldx, rows, n), strict=True)
    for there, row in pairs:
        value = (row - mean[:n]) * inverse[:n] * scale[:n] + shift[:n]
        there[:] = np.where(value < floor, floor, value)


def _differentiate_rows_twin(
    dx, d, x, mean, inverse, scale, dshift, dscale, part, ldo, ldx, rows, n
):
    given = zip(
        _rows(dx, ldo, rows, n), _rows(d, ldx, rows, n), _rows(x, ldx, rows, n), strict=True
    )
    for there, one, row in given:
        along = (row - mean[:n]) * inverse[:n] * dscale[:n] + dshift[:n]
        there[:] = scale[:n] * inverse[:n] * (one - along * part)


sum_columns = _sum_columns if JIT else _sum_columns_twin
"""sum_columns(total, x, stride, rows, n): total (n,) = the sum of the rows of x (rows, n)."""

add_row_sums = _add_row_sums if JIT else _add_row_sums_twin
"""add_row_sums(total, x, stride, rows, n): total (n,) += the sum of the rows of x (rows, n)."""

sum_squared_columns = _sum_squared_columns if JIT else _sum_squared_columns_twin
"""sum_squared_columns(total, x, mean, stride, rows, n): the same of (x - mean)^2."""

sum_normal_columns = _sum_normal_columns if JIT else _sum_normal_columns_twin
"""sum_normal_columns(total, d, x, mean, inverse, stride, rows, n): of d (x - mean) inverse."""

normalise_rows = _normalise_rows if JIT else _normalise_rows_twin
"""normalise_rows(out, x, mean, inverse, scale, shift, floor, ldo, ldx, rows, n): out (rows, n) =
max(floor, (x - mean) inverse scale + shift)."""

differentiate_rows = _differentiate_rows if JIT else _differentiate_rows_twin
"""differentiate_rows(dx, d, x, mean, inverse, scale, dshift, dscale, part, ldo, ldx, rows, n):
dx (rows, n) = scale inverse (d - (dshift + (x - mean) inverse dscale) part); dx may be d."""
