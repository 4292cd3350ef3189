"""Sums of rows by vectors, whose order of additions is fixed."""

from fusednn.kernels._jit import JIT
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .lanes import over_lanes
from .loops import emit_loop
from .scalars import emit_fma
from .shapes import SHAPE
from .tiles import broadcast

_I32 = ir.IntType(32)
_I64 = ir.IntType(64)


def _square(builder, value):
    return builder.fmul(value, value)


def _absolute(builder, value):
    return builder.select(
        builder.fcmp_ordered("<", value, ir.Constant(value.type, [0.0] * value.type.count)),
        builder.fneg(value),
        value,
    )


def _wide_sums(term):
    """A code generator: the float64 sum of `term` of each element, lane by lane."""

    def codegen(context, builder, signature, args):
        x, n = args
        element = signature.args[0].dtype
        lanes = SHAPE.lanes(element.bitwidth // 8)
        kind = ir.VectorType(context.get_value_type(element), lanes)
        wide = ir.VectorType(ir.DoubleType(), lanes)

        def body(at, totals):
            address = builder.bitcast(builder.gep(x, [at]), kind.as_pointer())
            value = builder.load(address, align=element.bitwidth // 8)
            if element != types.float64:
                value = builder.fpext(value, wide)
            return [builder.fadd(totals[0], term(builder, value))]

        zero = ir.Constant(wide, [0.0] * lanes)
        [total] = emit_loop(builder, _I64(0), n, lanes, [zero], body)
        result = builder.extract_element(total, _I32(0))
        for i in range(1, lanes):
            result = builder.fadd(result, builder.extract_element(total, _I32(i)))
        return result

    return codegen


@intrinsic
def _sum_squares(typingctx, x, n):
    return types.float64(x, types.int64), _wide_sums(_square)


@intrinsic
def _sum_absolutes(typingctx, x, n):
    return types.float64(x, types.int64), _wide_sums(_absolute)


def _dots(rows):
    """An intrinsic: the dot products of `rows` rows with one vector, which is loaded once."""

    def dots(typingctx, out, ldo, x, ldx, w, n, start):
        def codegen(context, builder, signature, args):
            out, ldo, x, ldx, w, n, start = args
            element = signature.args[0].dtype
            lanes, align = SHAPE.lanes(element.bitwidth // 8), element.bitwidth // 8
            scalar = context.get_value_type(element)
            kind = ir.VectorType(scalar, lanes)
            xs = [builder.gep(x, [builder.mul(ldx, _I64(row))]) for row in range(rows)]
            whole = builder.and_(n, _I64(-lanes))
            sums = _sum_products(builder, xs, w, _I64(0), whole, kind, align)
            rests = _sum_products(builder, xs, w, whole, n, scalar, align)
            for row, (total, rest) in enumerate(zip(sums, rests, strict=True)):
                total = builder.fadd(over_lanes(builder, total, builder.fadd), rest)
                there = builder.gep(out, [builder.mul(ldo, _I64(row))])
                builder.store(builder.fadd(start, total), there)
            return context.get_dummy_value()

        pointer, count = types.CPointer(x.dtype), types.int64
        return types.void(pointer, count, pointer, count, pointer, count, x.dtype), codegen

    return intrinsic(dots)


def _sum_products(builder, xs, w, first, last, kind, align):
    """IR of the sums of x w over [first, last) for each x, in steps of a vector or a scalar."""
    step = getattr(kind, "count", 1)

    def body(at, totals):
        there = [builder.bitcast(builder.gep(p, [at]), kind.as_pointer()) for p in (w, *xs)]
        weight, *values = [builder.load(p, align=align) for p in there]
        return [
            emit_fma(builder, value, weight, total, SHAPE.fused)
            for value, total in zip(values, totals, strict=True)
        ]

    zero = ir.Constant(kind, [0.0] * step if step > 1 else 0.0)
    return emit_loop(builder, first, last, step, [zero] * len(xs), body)


_CHAINS = 4
"""Partial sums of a row, which hide the latency of one another's additions."""


def _row_sums(count, term):
    """A code generator: the sum over n columns of `term` of `count` rows and some numbers."""

    def codegen(context, builder, signature, args):
        *operands, n = args
        scalar = context.get_value_type(signature.return_type)
        lanes = SHAPE.lanes(signature.return_type.bitwidth // 8)
        align = signature.return_type.bitwidth // 8
        kind = ir.VectorType(scalar, lanes)
        rows, numbers = operands[:count], [broadcast(builder, v, lanes) for v in operands[count:]]

        def added(at, total):
            there = [builder.bitcast(builder.gep(p, [at]), kind.as_pointer()) for p in rows]
            return term(builder, total, *[builder.load(p, align=align) for p in there], *numbers)

        def blocks(at, totals):
            starts = [builder.add(at, _I64(i * lanes)) for i in range(_CHAINS)]
            return [added(*pair) for pair in zip(starts, totals, strict=True)]

        def rest(at, totals):
            left = broadcast(builder, builder.trunc(builder.sub(n, at), _I32), lanes)
            order = ir.Constant(ir.VectorType(_I32, lanes), list(range(lanes)))
            inside = builder.icmp_signed("<", order, left)
            return [builder.select(inside, added(at, totals[0]), totals[0])]

        whole = builder.and_(n, _I64(-_CHAINS * lanes))
        totals = [ir.Constant(kind, [0.0] * lanes)] * _CHAINS
        totals = emit_loop(builder, _I64(0), whole, _CHAINS * lanes, totals, blocks)
        while len(totals) > 1:
            pairs = zip(totals[::2], totals[1::2], strict=True)
            totals = [builder.fadd(*pair) for pair in pairs]
        totals = emit_loop(builder, whole, n, lanes, totals, rest)
        return over_lanes(builder, totals[0], builder.fadd)

    return codegen


def _add_element(builder, total, x):
    return builder.fadd(total, x)


def _add_square(builder, total, x, center):
    off = builder.fsub(x, center)
    return emit_fma(builder, off, off, total, SHAPE.fused)


def _add_product(builder, total, x, y):
    return emit_fma(builder, x, y, total, SHAPE.fused)


@intrinsic
def _row_sum(typingctx, x, n):
    return x.dtype(types.CPointer(x.dtype), types.int64), _row_sums(1, _add_element)


@intrinsic
def _row_squares(typingctx, x, center, n):
    return x.dtype(types.CPointer(x.dtype), x.dtype, types.int64), _row_sums(1, _add_square)


@intrinsic
def _row_products(typingctx, x, y, n):
    pointer = types.CPointer(x.dtype)
    return x.dtype(pointer, pointer, types.int64), _row_sums(2, _add_product)


def _row_sum_twin(x, n):
    return x[:n].sum()


def _row_squares_twin(x, center, n):
    return ((x[:n] - center) ** 2).sum()


def _row_products_twin(x, y, n):
    return (x[:n] * y[:n]).sum()


def _sum_squares_twin(x, n):
    lanes = SHAPE.lanes(x.itemsize)
    columns = (x[:n].astype(float) ** 2).reshape(-1, lanes).sum(axis=0)
    return columns.sum()


def _sum_absolutes_twin(x, n):
    lanes = SHAPE.lanes(x.itemsize)
    return abs(x[:n].astype(float)).reshape(-1, lanes).sum(axis=0).sum()


def _dots_twin(rows):
    def dots(out, ldo, x, ldx, w, n, start):
        for row in range(rows):
            at = row * ldx
            out[row * ldo] = start + (x[at : at + n] * w[:n]).sum(dtype=x.dtype)

    return dots


dot_one, dot_four = (_dots(rows) if JIT else _dots_twin(rows) for rows in (1, 4))
"""dot_four(out, ldo, x, ldx, w, n, start): out[r ldo] = start + the sum of x[r ldx + i] w[i].

It sums lane by lane, then over lanes, then adds the elements that fill no vector. `dot_one` and
`dot_four` give a row the same bits.
"""

row_sum = _row_sum if JIT else _row_sum_twin
"""row_sum(x, n): the sum of n elements, in their type; x must be readable in whole vectors.

This and the next two sum lane by lane in four chains, then add up the chains, then the vectors
that do not fill four, then the lanes. Elements beyond n are left out.
"""

row_squares = _row_squares if JIT else _row_squares_twin
"""row_squares(x, center, n): the sum of (x - center)^2, as `row_sum`."""

row_products = _row_products if JIT else _row_products_twin
"""row_products(x, y, n): the sum of x y, as `row_sum`."""

sum_squares = _sum_squares if JIT else _sum_squares_twin
"""sum_squares(x, n): float64 sum of x^2 lane by lane, then over lanes; n a multiple of lanes."""

sum_absolutes = _sum_absolutes if JIT else _sum_absolutes_twin
"""sum_absolutes(x, n): float64 sum of |x|, as `sum_squares`."""
