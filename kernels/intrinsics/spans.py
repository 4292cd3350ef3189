"""Spans: adjacent elements that begin anywhere and fill no whole vectors.

They work by whole vectors, so what lies behind a span within the last one must be readable in x
and writable in out.
"""

from fusednn.kernels._jit import JIT
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .columns import Vectors
from .loops import emit_loop
from .shapes import SHAPE
from .tiles import broadcast

_I32 = ir.IntType(32)
_I64 = ir.IntType(64)


def _inside(builder, vectors, at, n):
    """IR of which lanes of the vector at `at` are before n."""
    left = broadcast(builder, builder.trunc(builder.sub(n, at), _I32), vectors.lanes)
    order = ir.Constant(ir.VectorType(_I32, vectors.lanes), list(range(vectors.lanes)))
    return builder.icmp_signed("<", order, left)


@intrinsic
def _add_span(typingctx, out, x, n):
    def codegen(context, builder, signature, args):
        out, x, n = args
        vectors = Vectors(context, builder, signature.args[0].dtype)

        def add(at, value):
            before = vectors.load(out, at)
            vectors.store(builder.fadd(before, value), out, at)
            return []

        def last(at, _):
            inside = _inside(builder, vectors, at, n)
            return add(at, builder.select(inside, vectors.load(x, at), vectors.zero))

        whole = builder.and_(n, _I64(-vectors.lanes))
        emit_loop(
            builder, _I64(0), whole, vectors.lanes, [], lambda at, _: add(at, vectors.load(x, at))
        )
        emit_loop(builder, whole, n, vectors.lanes, [], last)
        return context.get_dummy_value()

    pointer = types.CPointer(x.dtype)
    return types.void(pointer, pointer, types.int64), codegen


@intrinsic
def _spread_spans(typingctx, out, out_pixel, x, x_pixel, pixels, n):
    def codegen(context, builder, signature, args):
        out, out_pixel, x, x_pixel, pixels, n = args
        vectors = Vectors(context, builder, signature.args[0].dtype)

        def pixel(number, _):
            there = builder.gep(out, [builder.mul(number, out_pixel)])
            here = builder.gep(x, [builder.mul(number, x_pixel)])

            def copy(at, _):
                inside = _inside(builder, vectors, at, n)
                value = builder.select(inside, vectors.load(here, at), vectors.zero)
                vectors.store(value, there, at)
                return []

            emit_loop(builder, _I64(0), n, vectors.lanes, [], copy)
            return []

        emit_loop(builder, _I64(0), pixels, 1, [], pixel)
        return context.get_dummy_value()

    p, count = types.CPointer(x.dtype), types.int64
    return types.void(p, count, p, count, count, count), codegen


def _add_span_twin(out, x, n):
    out[:n] += x[:n]


def _spread_spans_twin(out, out_pixel, x, x_pixel, pixels, n):
    whole = -(-n // SHAPE.lanes(x.itemsize)) * SHAPE.lanes(x.itemsize)
    for pixel in range(pixels):
        out[pixel * out_pixel : pixel * out_pixel + whole] = 0
        out[pixel * out_pixel : pixel * out_pixel + n] = x[pixel * x_pixel : pixel * x_pixel + n]


add_span = _add_span if JIT else _add_span_twin
"""add_span(out, x, n): out += x, n elements; those behind are written back unchanged."""

spread_spans = _spread_spans if JIT else _spread_spans_twin
"""spread_spans(out, out_pixel, x, x_pixel, pixels, n): the n elements of each pixel of out are
those of x, and zeros up to whole vectors."""
