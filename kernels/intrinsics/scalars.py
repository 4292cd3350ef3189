"""Scalar intrinsics: fused multiply-add, bit patterns, and constants of another value's type.

Each has a Python twin of the same meaning, taken when the JIT is off.
"""

import numpy as np
from fusednn.kernels._jit import JIT
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .shapes import SHAPE

_FLOAT_OF = {types.int32: types.float32, types.int64: types.float64}
_INT_OF = {float_: int_ for int_, float_ in _FLOAT_OF.items()}


def emit_fma(builder, a, b, c, fused):
    """IR of a * b + c for scalars or vectors: one fused operation, or two rounded ones."""
    if not fused:
        return builder.fadd(builder.fmul(a, b), c)
    kind = a.type
    element = kind.element if isinstance(kind, ir.VectorType) else kind
    suffix = "f32" if element == ir.FloatType() else "f64"
    if isinstance(kind, ir.VectorType):
        suffix = f"v{kind.count}{suffix}"
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(kind, [kind] * 3), f"llvm.fma.{suffix}"
    )
    return builder.call(function, [a, b, c])


@intrinsic
def _fma(typingctx, a, b, c):
    def codegen(context, builder, signature, args):
        return emit_fma(builder, *args, SHAPE.fused)

    if a == b == c and a in _INT_OF:
        return a(a, b, c), codegen
    return None


@intrinsic
def _bits(typingctx, x):
    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], context.get_value_type(signature.return_type))

    return (_INT_OF[x](x), codegen) if x in _INT_OF else None


@intrinsic
def _from_bits(typingctx, i):
    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], context.get_value_type(signature.return_type))

    return (_FLOAT_OF[i](i), codegen) if i in _FLOAT_OF else None


@intrinsic
def _cast(typingctx, value, like):
    def codegen(context, builder, signature, args):
        return context.cast(builder, args[0], signature.args[0], signature.return_type)

    return like(value, like), codegen


@intrinsic
def _pick(typingctx, pair, like):
    index = 0 if like.bitwidth == 32 else 1

    def codegen(context, builder, signature, args):
        value = builder.extract_value(args[0], index)
        return context.cast(builder, value, signature.args[0][index], signature.return_type)

    return like(pair, like), codegen


def _sum_powers(x, square, terms, multiply_add):
    """terms[0] + terms[1] * x + ...: Horner's rule on the even and on the odd powers at once.

    Two chains of half the length have less latency than one, and cost no extra operation where
    the caller has the square.
    """
    lower, upper = terms[-2:]
    for term in terms[-3::-1]:
        lower, upper = multiply_add(upper, square, term), lower
    return multiply_add(upper, x, lower)


@intrinsic
def _polynomial(typingctx, x, tables):
    index = 0 if x.bitwidth == 32 else 1

    def codegen(context, builder, signature, args):
        x, tables = args
        table = builder.extract_value(tables, index)
        terms = [
            context.cast(builder, builder.extract_value(table, i), kind, signature.return_type)
            for i, kind in enumerate(signature.args[1][index])
        ]

        def multiply_add(a, b, c):
            return emit_fma(builder, a, b, c, SHAPE.fused)

        return _sum_powers(x, builder.fmul(x, x), terms, multiply_add)

    return x(x, tables), codegen


def _fma_twin(a, b, c):
    # Exact in float64 for float32; for float64 within one rounding of the fused operation.
    return type(a)(np.longdouble(a) * np.longdouble(b) + np.longdouble(c))


def _bits_twin(x):
    return x.view(np.int32 if x.dtype == np.float32 else np.int64)


def _from_bits_twin(i):
    return i.view(np.float32 if i.dtype == np.int32 else np.float64)


def _cast_twin(value, like):
    return type(like)(value)


def _pick_twin(pair, like):
    return type(like)(pair[like.itemsize // 8])


def _polynomial_twin(x, tables):
    terms = [type(x)(term) for term in tables[x.itemsize // 8]]
    return _sum_powers(x, x * x, terms, _fma_twin)


fma = _fma if JIT else _fma_twin
"""fma(a, b, c): a * b + c, rounded once where the chosen shape fuses; all of one float type."""

bits = _bits if JIT else _bits_twin
"""bits(x): the bit pattern of a float32 (float64) as int32 (int64)."""

from_bits = _from_bits if JIT else _from_bits_twin
"""from_bits(i): the float32 (float64) with the bit pattern of an int32 (int64)."""

cast = _cast if JIT else _cast_twin
"""cast(value, like): `value` converted to the type of `like`."""

pick = _pick if JIT else _pick_twin
"""pick(pair, like): the pair's first if `like` has 32 bits, else its second, as `like`'s type."""

polynomial = _polynomial if JIT else _polynomial_twin
"""polynomial(x, tables): the sum of table[i] * x**i, in steps of fma; two terms at least.

`tables` is a pair of tuples, the coefficients for float32 and those for float64.
"""
