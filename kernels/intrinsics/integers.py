"""Products of eight-bit integers: the register tile.

    c[r, j] = max(floor, (sum over k of (q[r, k] - zeros[r]) w[k, j]) scales[r] factors[j] + b[j])

where q are activations and w weights. A word holds the values of four adjacent k, in a row of q or
a column of w. The panels of w are those of `tiles` with words as elements and a quarter of the
depth. The sum is exact in 32 bits, so an element has the same bits in every form.

The instruction that adds four products to each lane takes unsigned activations on x86 and signed
ones on ARM. There 128 is subtracted from the activations and from `zeros`.
"""

import llvmlite.binding as llvm
import numpy as np
from fusednn.kernels._jit import JIT
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .scalars import emit_fma
from .shapes import SHAPE, host_features
from .tiles import MICRO_ROWS, ROW_PANELS, VECTORS, broadcast

MOST_WORDS = 16384
"""Most words of a row: sums of four products of at most 255 x 127 per word then fit in 31 bits."""

_I8 = ir.IntType(8)
_I32 = ir.IntType(32)
_I64 = ir.IntType(64)
_FLOAT = ir.FloatType()


def dot_of(shape, triple, features):
    """A shape's instruction that adds four products, as its name without the size; or None.

    Parameters
    ----------
    shape : Shape
    triple : str
    features : set of str
        The CPU's features, by LLVM's names.
    """
    if shape.name == "neon" and triple.startswith(("aarch64", "arm64")):
        return "sdot" if "dotprod" in features else None
    if shape.name == "avx512" and "avx512vnni" in features:
        return "vpdpbusd"
    if shape.name == "avx2" and ("avxvnni" in features or {"avx512vnni", "avx512vl"} <= features):
        return "vpdpbusd"
    return None


DOT = dot_of(SHAPE, llvm.get_process_triple(), host_features()) if JIT else "vpdpbusd"
"""The host's instruction, or None; the Python twins do not use it."""

OFFSET = 128 if DOT == "sdot" else 0
"""The number that is subtracted from activations and their zeros."""


def emit_dot(builder, name, total, x, w):
    """IR of total + the products of the four bytes in each lane of x and w, as integers.

    Parameters
    ----------
    name : {"vpdpbusd", "sdot"}
    total, x, w : IR values
        Vectors of 32-bit integers.
    """
    kind = total.type
    if name == "sdot":
        bytes_ = ir.VectorType(_I8, 4 * kind.count)
        function, operand = f"llvm.aarch64.neon.sdot.v{kind.count}i32.v{bytes_.count}i8", bytes_
        x, w = builder.bitcast(x, bytes_), builder.bitcast(w, bytes_)
    else:  # LLVM 22 takes vectors of bytes too, and upgrades this older form itself
        function, operand = f"llvm.x86.avx512.vpdpbusd.{32 * kind.count}", kind
    signature = ir.FunctionType(kind, [kind, operand, operand])
    dot = cgutils.get_or_insert_function(builder.module, signature, function)
    return builder.call(dot, [total, x, w])


def emit_integer_tile(builder, args, shape, name, rows, groups, vectors, lanes):
    """IR of one tile; the loop over k stays a loop.

    Parameters
    ----------
    args : c, ldc, q, ldq, w, panel, zeros, scales, sums, factors, bias, K, floor
        IR values: c, scales, factors and bias point to floats, q, w, zeros and sums to words;
        sums are those of each column of w; `ldq`, `panel` and K count words, K is at least 1.
    shape : Shape
        Says whether the multiply-add at the end is fused.
    name : {"vpdpbusd", "sdot"}
    rows, groups, vectors, lanes : int
        As for `emit_tile`.
    """
    c, ldc, q, ldq, w, panel, zeros, scales, sums, factors, bias, K, floor = args
    words, floats = ir.VectorType(_I32, lanes), ir.VectorType(_FLOAT, lanes)
    width = vectors * lanes

    def columns(pointer, group_stride, kind):
        for group in range(groups):
            base = builder.mul(group_stride, _I64(group))
            for j in range(vectors):
                there = builder.gep(pointer, [builder.add(base, _I64(j * lanes))])
                yield builder.bitcast(there, kind.as_pointer())

    def loaded(pointer, group_stride, kind):
        return [builder.load(p, align=4) for p in columns(pointer, group_stride, kind)]

    def of_row(pointer, index, stride):
        return builder.gep(pointer, [builder.mul(stride, _I64(index))])

    column_sums = loaded(sums, _I64(width), words)
    start = []
    for r in range(rows):
        less = builder.neg(builder.load(of_row(zeros, r, _I64(1))))
        start.append([builder.mul(s, broadcast(builder, less, lanes)) for s in column_sums])
    entry = builder.block
    loop, done = builder.append_basic_block("k"), builder.append_basic_block("done")
    builder.branch(loop)

    builder.position_at_end(loop)
    k, pq, pw = builder.phi(_I64), builder.phi(q.type), builder.phi(w.type)
    totals = [[builder.phi(words) for _ in line] for line in start]
    weights = loaded(pw, panel, words)
    after = []
    for r in range(rows):
        x = broadcast(builder, builder.load(of_row(pq, r, ldq)), lanes)
        pairs = zip(weights, totals[r], strict=True)
        after.append([emit_dot(builder, name, total, x, weight) for weight, total in pairs])
    following = builder.sub(k, _I64(1)), builder.gep(pq, [_I64(1)]), builder.gep(pw, [_I64(width)])
    for phi, first, next_ in zip((k, pq, pw), (K, q, w), following, strict=True):
        phi.add_incoming(first, entry)
        phi.add_incoming(next_, loop)
    for r in range(rows):
        for phi, first, next_ in zip(totals[r], start[r], after[r], strict=True):
            phi.add_incoming(first, entry)
            phi.add_incoming(next_, loop)
    builder.cbranch(builder.icmp_signed(">", following[0], _I64(0)), loop, done)

    builder.position_at_end(done)
    lowest = broadcast(builder, floor, lanes)
    of_columns, offsets = (loaded(p, _I64(width), floats) for p in (factors, bias))
    for r in range(rows):
        scale = broadcast(builder, builder.load(of_row(scales, r, _I64(1))), lanes)
        there = columns(of_row(c, r, ldc), _I64(width), floats)
        for total, factor, b, p in zip(after[r], of_columns, offsets, there, strict=True):
            factor = builder.fmul(factor, scale)
            value = emit_fma(builder, builder.sitofp(total, floats), factor, b, shape.fused)
            below = builder.fcmp_ordered("<", value, lowest)  # keeps a NaN
            builder.store(builder.select(below, lowest, value), p, align=4)


def _twin(rows, groups, vectors):
    def tile(c, ldc, q, ldq, w, panel, zeros, scales, sums, factors, bias, K, floor):
        width = vectors * SHAPE.lanes(4)
        for r in range(rows):
            x = q[r * ldq : r * ldq + K].view(np.uint8).astype(np.int64) - zeros[r]
            for group in range(groups):
                first = group * width
                weights = w[group * panel : group * panel + K * width].view(np.int8)
                weights = weights.reshape(K, width, 4).transpose(0, 2, 1).reshape(-1, width)
                total = (x @ weights).astype(np.float32)
                here = slice(first, first + width)
                value = total * (factors[here] * scales[r]) + bias[here]
                c[r * ldc + first : r * ldc + first + width] = np.where(
                    value < floor, floor, value
                )

    return tile


def _integer_tile(rows, groups, vectors):
    """One form as an intrinsic, on the shape's full vectors."""
    if not JIT:
        return _twin(rows, groups, vectors)

    def tile(typingctx, c, ldc, q, ldq, w, panel, zeros, scales, sums, factors, bias, K, floor):
        def codegen(context, builder, signature, args):
            form = rows, groups, vectors, SHAPE.lanes(4)
            emit_integer_tile(builder, args, SHAPE, DOT, *form)
            return context.get_dummy_value()

        floats, words = types.CPointer(types.float32), types.CPointer(types.int32)
        count = types.int64
        signature = types.void(
            floats, count, words, count, words, count, words, floats, words, floats, floats,
            count, types.float32,
        )  # fmt: skip
        return signature, codegen

    return intrinsic(tile)


# All rows of the tile, then the remaining rows of a block, on a full panel and on the half panel
# at the right edge; and one row over four panels.
integer_full = _integer_tile(MICRO_ROWS, 1, VECTORS)
integer_four = _integer_tile(4, 1, VECTORS)
integer_one = _integer_tile(1, 1, VECTORS)
integer_edge_full = _integer_tile(MICRO_ROWS, 1, 1)
integer_edge_one = _integer_tile(1, 1, 1)
integer_row = _integer_tile(1, ROW_PANELS, VECTORS)
