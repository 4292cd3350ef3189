"""The micro-kernel: a register tile of a matrix product.

One emitter makes every form. A tile computes, for `rows` x `groups * vectors * lanes` elements,

    c[r, j] = max(floor, init[r, j] + sum over k of a[r, k] * b[k, j])

`a` is read by scalar broadcast with any two strides (so x and x^T need no packing), `b` by rows
of `ldb` in `groups` panels that lie `panel` elements apart, `init` by rows of `ldi` (0 repeats
one row: a bias; `init` = `c` accumulates). `floor` is 0 for ReLU, else minus infinity.

The forms `half_*` read weights rounded to bfloat16, two in a word of 32 bits: of a panel the
word of lane l holds column l in its lower half and column l + lanes in its upper half. So a panel
is one vector of words wide, `ldb` and `panel` count words, and two operations make two vectors.

The forms `ahead_*` also ask, at each k, for the cache line at `ahead`, which moves by `pace`: what
is needed after the product arrives while it is computed, to be read or to be written.

The form `ahead_runs` goes through several runs of K rows, whose first rows of `a`, `b` and what is
asked for are `jumps` apart, without writing c between them.

Every element is one chain of multiply-adds over k in ascending order that begins at `init`,
whatever the form, so an element has the same bits in every form of one shape: the promise of
equal results for any split of rows, columns and K rests on this.
"""

import numpy as np
from fusednn.kernels._jit import JIT
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .pointers import emit_prefetch
from .scalars import emit_fma
from .shapes import SHAPE

_I64 = ir.IntType(64)
_I32 = ir.IntType(32)


def _vector_address(builder, pointer, offset, kind):
    return builder.bitcast(builder.gep(pointer, [offset]), kind.as_pointer())


def broadcast(builder, scalar, lanes):
    """IR of a vector whose lanes all hold `scalar`."""
    undefined = ir.Constant(ir.VectorType(scalar.type, lanes), ir.Undefined)
    first = builder.insert_element(undefined, scalar, _I32(0))
    zeros = ir.Constant(ir.VectorType(_I32, lanes), [0] * lanes)
    return builder.shuffle_vector(first, undefined, zeros)


def _halves(builder, pointer, lanes, vectors):
    """IR of the vectors of weights in a vector of words."""
    words = ir.VectorType(_I32, lanes)
    word = builder.load(_vector_address(builder, pointer, _I64(0), words), align=4)
    lower = builder.shl(word, ir.Constant(words, [16] * lanes))
    upper = builder.and_(word, ir.Constant(words, [0xFFFF0000] * lanes))
    kind = ir.VectorType(ir.FloatType(), lanes)
    return [builder.bitcast(half, kind) for half in (lower, upper)[:vectors]]


def emit_tile(
    builder,
    args,
    element,
    shape,
    rows,
    groups,
    vectors,
    lanes,
    write=False,
    halves=False,
    runs=False,
):
    """IR of one tile; the loops over runs and k stay loops.

    Parameters
    ----------
    args : c, ldc, a, rsa, csa, b, ldb, panel, init, ldi, K, floor, and maybe ahead, pace; and
        maybe count, the jumps of a, b and ahead
        IR values: typed pointers, int64 counts of elements, and one scalar; K is at least 1.
    element : ir.Type
        float or double.
    shape : Shape
        Says whether the multiply-add is fused.
    rows, groups, vectors, lanes : int
        The form: rows, panels, vectors of a panel, elements of a vector.
    write : bool
        Whether the lines at `ahead` are to be written.
    halves : bool
        Whether the weights are words of two; only of float.
    runs : bool
        Whether there are several runs, `count` of them.
    """
    c, ldc, a, rsa, csa, b, ldb, panel, init, ldi, K, floor, *ahead = args
    ahead, jumps = ahead[:2], ahead[2:]
    kind = ir.VectorType(element, lanes)
    align = 4 if element == ir.FloatType() else 8
    width = vectors * lanes

    def columns(pointer, group_stride):
        """Addresses of the vectors of one row, panel by panel."""
        for group in range(groups):
            base = builder.mul(group_stride, _I64(group))
            for j in range(vectors):
                offset = builder.add(base, _I64(j * lanes))
                yield _vector_address(builder, pointer, offset, kind)

    def row(pointer, index, stride):
        return builder.gep(pointer, [builder.mul(stride, _I64(index))])

    start = [
        [builder.load(p, align=align) for p in columns(row(init, r, ldi), _I64(width))]
        for r in range(rows)
    ]
    entry = builder.block
    outer = builder.append_basic_block("run") if runs else None
    loop = builder.append_basic_block("k")
    done = builder.append_basic_block("done")
    first, next_run = (a, b, *ahead[:1], *(x for line in start for x in line)), []
    if runs:
        builder.branch(outer)
        builder.position_at_end(outer)
        left = builder.phi(_I64)
        next_run = [builder.phi(value.type) for value in first]
        for phi, value in zip((left, *next_run), (jumps[0], *first), strict=True):
            phi.add_incoming(value, entry)
        first, entry = tuple(next_run), outer
    builder.branch(loop)

    builder.position_at_end(loop)
    k, pa, pb = builder.phi(_I64), builder.phi(a.type), builder.phi(b.type)
    begun = iter(first[2 + bool(ahead) :])
    start = [[next(begun) for _ in line] for line in start]
    sums = [[builder.phi(kind) for _ in line] for line in start]
    if ahead:
        line = builder.phi(a.type)
        emit_prefetch(builder, line, write)
        line.add_incoming(first[2], entry)
        line.add_incoming(builder.gep(line, [ahead[1]]), loop)
    if halves:
        starts = [row(pb, group, panel) for group in range(groups)]
        weights = [half for p in starts for half in _halves(builder, p, lanes, vectors)]
    else:
        weights = [builder.load(p, align=align) for p in columns(pb, panel)]
    after = []
    for r in range(rows):
        x = broadcast(builder, builder.load(row(pa, r, rsa)), lanes)
        after.append(
            [
                emit_fma(builder, x, w, s, shape.fused)
                for w, s in zip(weights, sums[r], strict=True)
            ]
        )
    following = builder.sub(k, _I64(1)), builder.gep(pa, [csa]), builder.gep(pb, [ldb])
    for phi, begin, next_ in zip((k, pa, pb), (K, *first[:2]), following, strict=True):
        phi.add_incoming(begin, entry)
        phi.add_incoming(next_, loop)
    for r in range(rows):
        for phi, begin, next_ in zip(sums[r], start[r], after[r], strict=True):
            phi.add_incoming(begin, entry)
            phi.add_incoming(next_, loop)
    end = done
    if runs:
        end = builder.append_basic_block("jump")
    builder.cbranch(builder.icmp_signed(">", following[0], _I64(0)), loop, end)
    if runs:
        builder.position_at_end(end)
        fewer = builder.sub(left, _I64(1))
        moved = [builder.gep(p, [jump]) for p, jump in zip(first[:3], jumps[1:], strict=True)]
        totals = [value for line in after for value in line]
        for phi, value in zip((left, *next_run), (fewer, *moved, *totals), strict=True):
            phi.add_incoming(value, end)
        builder.cbranch(builder.icmp_signed(">", fewer, _I64(0)), outer, done)

    builder.position_at_end(done)
    lowest = broadcast(builder, floor, lanes)
    for r in range(rows):
        for value, p in zip(after[r], columns(row(c, r, ldc), _I64(width)), strict=True):
            # An ordered comparison keeps a NaN: divergence must stay visible.
            below = builder.fcmp_ordered("<", value, lowest)
            builder.store(builder.select(below, lowest, value), p, align=align)


def _twin(rows, groups, vectors, lanes, halves):
    def tile(c, ldc, a, rsa, csa, b, ldb, panel, init, ldi, K, floor, *more):
        width = vectors * (lanes or SHAPE.lanes(c.itemsize))
        count, a_jump, b_jump, _ = more[2:] or (1, 0, 0, 0)
        for r in range(rows):
            for group in range(groups):
                columns = np.arange(width)
                there = r * ldc + group * width + columns
                acc = init[r * ldi + group * width + columns].copy()
                for run, k in np.ndindex(count, K):
                    at = group * panel + k * ldb + run * b_jump
                    weights = _halves_twin(b[at : at + width]) if halves else b[at + columns]
                    acc += a[r * rsa + k * csa + run * a_jump] * weights[:width]
                c[there] = np.where(acc < floor, floor, acc)

    return tile


def _halves_twin(row):
    """The two vectors of weights in a vector of words."""
    words = row[: SHAPE.lanes(4)].view(np.uint32)
    return np.concatenate([words << 16, words & 0xFFFF0000]).view(np.float32)


def _tile(rows, groups, vectors, lanes=None, ahead=None, halves=False, runs=False):
    """One form as an intrinsic; `lanes` None is the shape's full vector.

    `ahead` is None, "read" or "write"; with `runs` it is not None.
    """
    if not JIT:
        return _twin(rows, groups, vectors, lanes, halves)

    def define(floor, *more):
        def codegen(context, builder, signature, args):
            width = lanes or SHAPE.lanes(floor.bitwidth // 8)
            element = context.get_value_type(floor)
            form = rows, groups, vectors, width, ahead == "write", halves, runs
            emit_tile(builder, args, element, SHAPE, *form)
            return context.get_dummy_value()

        pointer, count = types.CPointer(floor), types.int64
        signature = types.void(
            pointer, count, pointer, count, count, pointer, count, count, pointer, count, count,
            floor, *more,
        )  # fmt: skip
        return signature, codegen

    def tile(typingctx, c, ldc, a, rsa, csa, b, ldb, panel, init, ldi, K, floor):
        return define(floor)

    def tile_with(typingctx, c, ldc, a, rsa, csa, b, ldb, panel, init, ldi, K, floor, ahead, pace):
        return define(floor, types.CPointer(floor), types.int64)

    def tile_runs(
        typingctx, c, ldc, a, rsa, csa, b, ldb, panel, init, ldi, K, floor, ahead, pace, count,
        a_jump, b_jump, ahead_jump,
    ):  # fmt: skip
        return define(floor, types.CPointer(floor), *[types.int64] * 5)

    if runs:
        return intrinsic(tile_runs)
    return intrinsic(tile_with if ahead else tile)


MICRO_ROWS = SHAPE.rows
VECTORS = SHAPE.vectors

# All rows of the tile, then what is left of a row block, on a full panel ...
tile_full = _tile(MICRO_ROWS, 1, VECTORS)
ahead_to_read = _tile(MICRO_ROWS, 1, VECTORS, ahead="read")
ahead_to_write = _tile(MICRO_ROWS, 1, VECTORS, ahead="write")
ahead_runs = _tile(MICRO_ROWS, 1, VECTORS, ahead="read", runs=True)
tile_four = _tile(4, 1, VECTORS)
tile_two = _tile(2, 1, VECTORS)
tile_one = _tile(1, 1, VECTORS)
# ... on the half panel at the right edge ...
edge_full = _tile(MICRO_ROWS, 1, 1)
edge_four = _tile(4, 1, 1)
edge_two = _tile(2, 1, 1)
edge_one = _tile(1, 1, 1)
# ... one row over four panels (eight chains hide the latency of the multiply-add) ...
tile_row = _tile(1, 4, VECTORS)
ROW_PANELS = 4
# ... the same on words of two weights ...
half_full = _tile(MICRO_ROWS, 1, VECTORS, halves=True)
half_four = _tile(4, 1, VECTORS, halves=True)
half_one = _tile(1, 1, VECTORS, halves=True)
half_edge_full = _tile(MICRO_ROWS, 1, 1, halves=True)
half_edge_one = _tile(1, 1, 1, halves=True)
half_row = _tile(1, 4, VECTORS, halves=True)
# ... and columns of a plain matrix that fill no vector.
narrow_full = _tile(MICRO_ROWS, 1, 1, lanes=4)
narrow_one = _tile(1, 1, 1, lanes=4)
column_full = _tile(MICRO_ROWS, 1, 1, lanes=1)
column_one = _tile(1, 1, 1, lanes=1)
NARROW = 4
