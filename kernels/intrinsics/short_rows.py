"""Loops over so few elements that LLVM would run them one by one: whole vectors, no remainder.

LLVM unrolls its vector loops; a row of one or two vectors then runs in the scalar rest.
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


def _by_vectors(builder, kind, n, step):
    """IR of `step(load, store)` at each vector of n elements, a multiple of its lanes."""
    lanes = SHAPE.lanes(kind.bitwidth // 8)
    vector = ir.VectorType({32: ir.FloatType(), 64: ir.DoubleType()}[kind.bitwidth], lanes)

    def body(at, totals):
        def place(row):
            return builder.bitcast(builder.gep(row, [at]), vector.as_pointer())

        def load(row):
            return builder.load(place(row), align=kind.bitwidth // 8)

        def store(row, value):
            builder.store(value, place(row), align=kind.bitwidth // 8)

        step(load, store)
        return []

    emit_loop(builder, _I64(0), n, lanes, [], body)


@intrinsic
def _fill_row(typingctx, out, value, n):
    def codegen(context, builder, signature, args):
        out, value, n = args
        kind = signature.args[1]
        vector = broadcast(builder, value, SHAPE.lanes(kind.bitwidth // 8))
        _by_vectors(builder, kind, n, lambda load, store: store(out, vector))
        return context.get_dummy_value()

    return types.void(types.CPointer(out.dtype), out.dtype, types.int64), codegen


@intrinsic
def _add_scaled(typingctx, out, x, factor, n):
    def codegen(context, builder, signature, args):
        out, x, factor, n = args
        kind = signature.args[2]
        vector = broadcast(builder, factor, SHAPE.lanes(kind.bitwidth // 8))

        def step(load, store):
            store(out, emit_fma(builder, load(x), vector, load(out), SHAPE.fused))

        _by_vectors(builder, kind, n, step)
        return context.get_dummy_value()

    pointer = types.CPointer(out.dtype)
    return types.void(pointer, pointer, out.dtype, types.int64), codegen


@intrinsic
def _sum_rows(typingctx, out, b, w, x, rows, row, count, last, n):
    def codegen(context, builder, signature, args):
        out, b, w, x, rows, row, count, last, n = args
        kind = signature.args[3]
        x, last = (broadcast(builder, one, SHAPE.lanes(kind.bitwidth // 8)) for one in (x, last))
        behind = builder.gep(rows, [builder.mul(count, row)])

        def step(load, store):
            def add(k, totals):
                here = builder.gep(rows, [builder.mul(k, row)])
                return [builder.fadd(totals[0], load(here))]

            total = emit_fma(builder, load(w), x, load(b), SHAPE.fused)
            [total] = emit_loop(builder, _I64(0), count, 1, [total], add)
            store(out, emit_fma(builder, load(behind), last, total, SHAPE.fused))

        _by_vectors(builder, kind, n, step)
        return context.get_dummy_value()

    pointer, number, size = types.CPointer(out.dtype), out.dtype, types.int64
    arguments = pointer, pointer, pointer, number, pointer, size, size, number, size
    return types.void(*arguments), codegen


@intrinsic
def _add_to_rows(typingctx, rows, d, row, count, last, n):
    def codegen(context, builder, signature, args):
        rows, d, row, count, last, n = args
        kind = signature.args[4]
        factor = broadcast(builder, last, SHAPE.lanes(kind.bitwidth // 8))
        behind = builder.gep(rows, [builder.mul(count, row)])

        def step(load, store):
            value = load(d)

            def add(k, totals):
                here = builder.gep(rows, [builder.mul(k, row)])
                store(here, builder.fadd(load(here), value))
                return []

            emit_loop(builder, _I64(0), count, 1, [], add)
            store(behind, emit_fma(builder, value, factor, load(behind), SHAPE.fused))

        _by_vectors(builder, kind, n, step)
        return context.get_dummy_value()

    pointer, size = types.CPointer(rows.dtype), types.int64
    return types.void(pointer, pointer, size, size, rows.dtype, size), codegen


@intrinsic
def _fill_bins(typingctx, out, edges, x, n):
    def codegen(context, builder, signature, args):
        out, edges, x, n = args
        kind = signature.args[2]
        x, zero, one = (
            broadcast(builder, number, SHAPE.lanes(kind.bitwidth // 8))
            for number in (x, ir.Constant(x.type, 0.0), ir.Constant(x.type, 1.0))
        )
        behind = builder.gep(edges, [_I64(1)])

        def step(load, store):
            low, high = load(edges), load(behind)
            part = builder.fdiv(builder.fsub(x, low), builder.fsub(high, low))
            part = builder.select(builder.fcmp_ordered(">=", x, high), one, part)
            store(out, builder.select(builder.fcmp_ordered(">=", x, low), part, zero))

        _by_vectors(builder, kind, n, step)
        return context.get_dummy_value()

    pointer = types.CPointer(out.dtype)
    return types.void(pointer, pointer, out.dtype, types.int64), codegen


def _fill_row_twin(out, value, n):
    out[:n] = value


def _add_scaled_twin(out, x, factor, n):
    out[:n] += x[:n] * factor


def _sum_rows_twin(out, b, w, x, rows, row, count, last, n):
    total = b[:n] + w[:n] * x
    for k in range(count):
        total = total + rows[k * row : k * row + n]
    out[:n] = total + rows[count * row : count * row + n] * last


def _add_to_rows_twin(rows, d, row, count, last, n):
    for k in range(count):
        rows[k * row : k * row + n] += d[:n]
    rows[count * row : count * row + n] += d[:n] * last


def _fill_bins_twin(out, edges, x, n):
    low, high = edges[:n], edges[1 : n + 1]
    with np.errstate(over="ignore"):
        out[:n] = np.where(x >= high, 1, np.where(x >= low, (x - low) / (high - low), 0))


fill_row = _fill_row if JIT else _fill_row_twin
"""fill_row(out, value, n): n elements of out = value; n a multiple of lanes."""

add_scaled = _add_scaled if JIT else _add_scaled_twin
"""add_scaled(out, x, factor, n): out += factor x, n elements; n a multiple of lanes."""

sum_rows = _sum_rows if JIT else _sum_rows_twin
"""sum_rows(out, b, w, x, rows, row, count, last, n): out = b + x w + the first `count` of rows
that are `row` elements apart + last times the next one; n elements, a multiple of lanes."""

add_to_rows = _add_to_rows if JIT else _add_to_rows_twin
"""add_to_rows(rows, d, row, count, last, n): adds d to the first `count` of such rows, and last d
to the next one."""

fill_bins = _fill_bins if JIT else _fill_bins_twin
"""fill_bins(out, edges, x, n): how far x fills each of n bins between n + 1 edges, from 0 to 1;
n a multiple of lanes."""
