"""A register tile whose rows of a lie anywhere, and whose K is a sum over runs: convolutions.

A tile computes, for `rows` x `vectors * lanes` elements,

    c[r, j] = max(floor, init[r, j] + sum over runs q and k < length of
                         a[at[r] + runs[q] + k csa] b[q length + k, j])

`at` and `runs` are tables of offsets in elements. Forward, a row is an output pixel and a run the
numbers of a kernel row, which lie side by side in channels-last images; for the gradient of the
weights, a row is a weight and a run the pixels of an output row. So no patches are copied, and any
stride, dilation and width fills whole tiles. b is read by rows of `ldb`, one after the other.

Every element is one chain of multiply-adds that begins at `init`, in the order of `runs` and k, so
it has the same bits in every form (`tiles.py`).
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


def emit_window(builder, args, element, shape, rows, vectors, lanes):
    """IR of one tile.

    Parameters
    ----------
    args : c, ldc, a, at, csa, b, ldb, init, ldi, runs, n_runs, length, floor
        IR values: typed pointers, int64 counts of elements, and one scalar; n_runs and length are
        at least 1.
    element : ir.Type
        float or double.
    shape : Shape
        Says whether the multiply-add is fused.
    rows, vectors, lanes : int
        The form.
    """
    c, ldc, a, at, csa, b, ldb, init, ldi, runs, n_runs, length, floor = args
    kind = ir.VectorType(element, lanes)
    align = 4 if element == ir.FloatType() else 8

    def vectors_of(pointer, index, stride):
        there = builder.gep(pointer, [builder.mul(stride, _I64(index))])
        return _vectors(builder, there, kind, vectors)

    starts = [builder.gep(a, [builder.load(builder.gep(at, [_I64(r)]))]) for r in range(rows)]
    sums = [builder.load(p, align=align) for r in range(rows) for p in vectors_of(init, r, ldi)]

    def run(q, carried):
        begin = builder.load(builder.gep(runs, [q]))

        def step(_, carried):
            k, weights, *sums = carried
            loaded = [
                builder.load(p, align=align) for p in _vectors(builder, weights, kind, vectors)
            ]
            after = []
            for r, start in enumerate(starts):
                x = broadcast(builder, builder.load(builder.gep(start, [k])), lanes)
                after += [
                    emit_fma(builder, x, w, sums[r * vectors + v], shape.fused)
                    for v, w in enumerate(loaded)
                ]
            return [builder.add(k, csa), builder.gep(weights, [ldb]), *after]

        inside = emit_loop(builder, _I64(0), length, 1, [begin, *carried], step)
        return inside[1:]

    _, *sums = emit_loop(builder, _I64(0), n_runs, 1, [b, *sums], run)
    lowest = broadcast(builder, floor, lanes)
    places = [p for r in range(rows) for p in vectors_of(c, r, ldc)]
    for value, p in zip(sums, places, strict=True):
        below = builder.fcmp_ordered("<", value, lowest)  # keeps a NaN, as in `tiles.py`
        builder.store(builder.select(below, lowest, value), p, align=align)


def _vectors(builder, pointer, kind, count):
    """The addresses of adjacent vectors."""
    return [
        builder.bitcast(builder.gep(pointer, [_I64(v * kind.count)]), kind.as_pointer())
        for v in range(count)
    ]


def _twin(rows, vectors):
    def window(c, ldc, a, at, csa, b, ldb, init, ldi, runs, n_runs, length, floor):
        width = vectors * SHAPE.lanes(c.itemsize)
        for r in range(rows):
            acc = init[r * ldi : r * ldi + width].copy()
            for q in range(n_runs):
                for k in range(length):
                    row = (q * length + k) * ldb
                    acc += a[at[r] + runs[q] + k * csa] * b[row : row + width]
            c[r * ldc : r * ldc + width] = np.where(acc < floor, floor, acc)

    return window


def _window(rows, vectors):
    """One form as an intrinsic."""
    if not JIT:
        return _twin(rows, vectors)

    def window(typingctx, c, ldc, a, at, csa, b, ldb, init, ldi, runs, n_runs, length, floor):
        def codegen(context, builder, signature, args):
            element, lanes = context.get_value_type(floor), SHAPE.lanes(floor.bitwidth // 8)
            emit_window(builder, args, element, SHAPE, rows, vectors, lanes)
            return context.get_dummy_value()

        pointer, table, count = types.CPointer(floor), types.CPointer(types.int64), types.int64
        signature = types.void(
            pointer, count, pointer, table, count, pointer, count, pointer, count, table, count,
            count, floor,
        )  # fmt: skip
        return signature, codegen

    return intrinsic(window)


window_full = _window(MICRO_ROWS, VECTORS)
window_four = _window(4, VECTORS)
window_one = _window(1, VECTORS)
edge_window_full = _window(MICRO_ROWS, 1)
edge_window_four = _window(4, 1)
edge_window_one = _window(1, 1)
