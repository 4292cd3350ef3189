"""A register tile over windows of a whose columns are summed each by itself: depthwise.

A tile computes, for `rows` x `vectors * lanes` elements,

    c[to[r], j] = max(floor, init[to[r], j] + sum over q of a[at[r] + runs[q] + j] b[of[q], j])

These are tables: `to` counts rows of c and init, `of` those of b, `at` and `runs` elements of a.
Forward, a row is an output pixel and q a tap; for the gradient of the weights, a row is a tap and
q a pixel. So one form serves all, with any stride, dilation and padding.

Every element is one chain of multiply-adds that begins at `init`, in the order of `runs`, so it
has the same bits in every form.
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


def emit_lane_window(builder, args, element, shape, rows, vectors, lanes):
    """IR of one tile.

    Parameters
    ----------
    args : c, ldc, to, a, at, b, ldb, of, init, ldi, runs, n_runs, floor
        IR values: typed pointers, int64 counts of elements, and one scalar.
    element : ir.Type
        float or double.
    shape : Shape
        Says whether the multiply-add is fused.
    rows, vectors, lanes : int
        The form.
    """
    c, ldc, to, a, at, b, ldb, of, init, ldi, runs, n_runs, floor = args
    kind = ir.VectorType(element, lanes)
    align = 4 if element == ir.FloatType() else 8

    def entry(table, index):
        return builder.load(builder.gep(table, [index]))

    def vectors_at(pointer, offset):
        there = builder.gep(pointer, [offset])
        return [
            builder.bitcast(builder.gep(there, [_I64(v * lanes)]), kind.as_pointer())
            for v in range(vectors)
        ]

    places = [entry(to, _I64(r)) for r in range(rows)]
    starts = [builder.gep(a, [entry(at, _I64(r))]) for r in range(rows)]
    sums = [
        builder.load(p, align=align)
        for place in places
        for p in vectors_at(init, builder.mul(place, ldi))
    ]

    def step(q, sums):
        offset, row = entry(runs, q), builder.mul(entry(of, q), ldb)
        loaded = [builder.load(p, align=align) for p in vectors_at(b, row)]
        after = []
        for r, start in enumerate(starts):
            for v, p in enumerate(vectors_at(start, offset)):
                x = builder.load(p, align=align)
                total = sums[r * vectors + v]
                after.append(emit_fma(builder, x, loaded[v], total, shape.fused))
        return after

    sums = emit_loop(builder, _I64(0), n_runs, 1, sums, step)
    lowest = broadcast(builder, floor, lanes)
    written = [p for place in places for p in vectors_at(c, builder.mul(place, ldc))]
    for value, p in zip(sums, written, strict=True):
        below = builder.fcmp_ordered("<", value, lowest)  # keeps a NaN, as in `tiles.py`
        builder.store(builder.select(below, lowest, value), p, align=align)


def _twin(rows, vectors):
    def lane_window(c, ldc, to, a, at, b, ldb, of, init, ldi, runs, n_runs, floor):
        width = vectors * SHAPE.lanes(c.itemsize)
        for r in range(rows):
            acc = init[to[r] * ldi : to[r] * ldi + width].copy()
            for q in range(n_runs):
                first, row = at[r] + runs[q], of[q] * ldb
                acc += a[first : first + width] * b[row : row + width]
            c[to[r] * ldc : to[r] * ldc + width] = np.where(acc < floor, floor, acc)

    return lane_window


def _lane_window(rows, vectors):
    """One form as an intrinsic."""
    if not JIT:
        return _twin(rows, vectors)

    def lane_window(typingctx, c, ldc, to, a, at, b, ldb, of, init, ldi, runs, n_runs, floor):
        def codegen(context, builder, signature, args):
            element, lanes = context.get_value_type(floor), SHAPE.lanes(floor.bitwidth // 8)
            emit_lane_window(builder, args, element, SHAPE, rows, vectors, lanes)
            return context.get_dummy_value()

        pointer, table, count = types.CPointer(floor), types.CPointer(types.int64), types.int64
        signature = types.void(
            pointer, count, table, pointer, table, pointer, count, table, pointer, count, table,
            count, floor,
        )  # fmt: skip
        return signature, codegen

    return intrinsic(lane_window)


LANE_ROWS = MICRO_ROWS, 5, 4, 3, 1
"""The rows of the forms. Kernels of 3 x 3, 5 x 5 and 7 x 7 taps leave 9 of them after tiles of 8:
two tiles of 5 and 4 are a quarter faster than 8 and 1, whose two chains wait for each other."""

(lane_full, lane_five, lane_four, lane_three, lane_one) = (
    _lane_window(rows, VECTORS) for rows in LANE_ROWS
)
(edge_lane_full, edge_lane_five, edge_lane_four, edge_lane_three, edge_lane_one) = (
    _lane_window(rows, 1) for rows in LANE_ROWS
)
