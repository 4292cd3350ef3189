"""A register tile whose elements of a lie anywhere: convolutions.

A tile computes, for `rows` x `vectors * lanes` elements,

    c[r, j] = max(floor, init[r, j] + sum over k < K of a[at[r] + steps[k]] b[k, j])

`at` and `steps` are tables of offsets in elements. Forward, a row is an output pixel and k a tap
and channel; for the gradient of the weights, a row is a weight and k a pixel of the output. So no
patches are copied, and any stride, dilation and width fills whole tiles. b is read by rows of
`ldb`. The offset costs a load for each k, beside 10: a loop of two levels, over runs of adjacent
elements, was no faster for long runs and took twice the time for runs of five.

Every element is one chain of multiply-adds that begins at `init`, in the order of k, so it has the
same bits in every form (`tiles.py`).
"""

import numpy as np
from fusednn.kernels._jit import JIT
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .loops import emit_loop
from .scalars import emit_fma
from .shapes import SHAPE
from .tiles import MICRO_ROWS, VECTORS, broadcast

_I64 = ir.IntType(64)


def emit_window(builder, args, element, shape, rows, vectors, lanes, halved=False):
    """IR of one tile.

    Parameters
    ----------
    args : c, ldc, a, at, b, ldb, init, ldi, steps, K, floor
        IR values: typed pointers, int64 counts of elements, and one scalar.
    element : ir.Type
        float or double.
    shape : Shape
        Says whether the multiply-add is fused.
    rows, vectors, lanes : int
        The form.
    halved : bool
        Whether only the lower half of a vector is computed; the upper becomes zero.
    """
    c, ldc, a, at, b, ldb, init, ldi, steps, K, floor = args
    lanes = lanes // 2 if halved else lanes
    kind = ir.VectorType(element, lanes)
    align = 4 if element == ir.FloatType() else 8

    def vectors_of(pointer, index, stride):
        there = builder.gep(pointer, [builder.mul(stride, _I64(index))])
        return _vectors(builder, there, kind, vectors)

    starts = [builder.gep(a, [builder.load(builder.gep(at, [_I64(r)]))]) for r in range(rows)]
    sums = [builder.load(p, align=align) for r in range(rows) for p in vectors_of(init, r, ldi)]

    def step(k, carried):
        weights, *sums = carried
        offset = builder.load(builder.gep(steps, [k]))
        loaded = [builder.load(p, align=align) for p in _vectors(builder, weights, kind, vectors)]
        after = []
        for r, start in enumerate(starts):
            x = broadcast(builder, builder.load(builder.gep(start, [offset])), lanes)
            after += [
                emit_fma(builder, x, w, sums[r * vectors + v], shape.fused)
                for v, w in enumerate(loaded)
            ]
        return [builder.gep(weights, [ldb]), *after]

    _, *sums = emit_loop(builder, _I64(0), K, 1, [b, *sums], step)
    lowest = broadcast(builder, floor, lanes)
    places = [p for r in range(rows) for p in vectors_of(c, r, ldc)]
    for value, p in zip(sums, places, strict=True):
        below = builder.fcmp_ordered("<", value, lowest)  # keeps a NaN, as in `tiles.py`
        builder.store(builder.select(below, lowest, value), p, align=align)
        if halved:
            upper = builder.gep(p, [_I64(1)])
            builder.store(ir.Constant(kind, [0.0] * lanes), upper, align=align)


def _vectors(builder, pointer, kind, count):
    """The addresses of adjacent vectors."""
    return [
        builder.bitcast(builder.gep(pointer, [_I64(v * kind.count)]), kind.as_pointer())
        for v in range(count)
    ]


def _twin(rows, vectors, halved):
    def window(c, ldc, a, at, b, ldb, init, ldi, steps, K, floor):
        width = vectors * SHAPE.lanes(c.itemsize) // (2 if halved else 1)
        for r in range(rows):
            acc = init[r * ldi : r * ldi + width].copy()
            for k in range(K):
                acc += a[at[r] + steps[k]] * b[k * ldb : k * ldb + width]
            c[r * ldc : r * ldc + width] = np.where(acc < floor, floor, acc)
            if halved:
                c[r * ldc + width : r * ldc + 2 * width] = 0

    return window


def _window(rows, vectors, halved=False):
    """One form as an intrinsic."""
    if not JIT:
        return _twin(rows, vectors, halved)

    def window(typingctx, c, ldc, a, at, b, ldb, init, ldi, steps, K, floor):
        def codegen(context, builder, signature, args):
            element, lanes = context.get_value_type(floor), SHAPE.lanes(floor.bitwidth // 8)
            emit_window(builder, args, element, SHAPE, rows, vectors, lanes, halved)
            return context.get_dummy_value()

        pointer, table, count = types.CPointer(floor), types.CPointer(types.int64), types.int64
        signature = types.void(
            pointer, count, pointer, table, pointer, count, pointer, count, table, count, floor
        )
        return signature, codegen

    return intrinsic(window)


window_full = _window(MICRO_ROWS, VECTORS)
window_four = _window(4, VECTORS)
window_one = _window(1, VECTORS)
edge_window_full = _window(MICRO_ROWS, 1)
edge_window_four = _window(4, 1)
edge_window_one = _window(1, 1)
half_window_full = _window(MICRO_ROWS, 1, halved=True)
half_window_four = _window(4, 1, halved=True)
half_window_one = _window(1, 1, halved=True)
"""For few columns: a CPU whose units are half as wide as its vectors takes half the time."""
