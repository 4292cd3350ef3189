"""The weights of attention: the softmax of scaled products of queries and keys, block by block.

Queries are taken in blocks of a panel's columns. The weights of a block are its panel (keys,
width), keys by queries, so that the softmax works along lanes; keys that no query of a causal
block sees are left out. Every sum over keys is a chain in their order, or as many chains as
`intrinsics.scores` says. So what a step of causal attention weighs depends on the steps up to it
alone, to the bit.

Dropout of weights (Srivastava et al., 2014) marks them by their sign, which is free.
"""

import numpy as np
from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.gemm import multiply_edge, multiply_panel
from fusednn.kernels.intrinsics.lanes import lanes_of, transpose_square
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.scores import center_columns, normalise_columns
from fusednn.kernels.intrinsics.tiles import VECTORS
from fusednn.kernels.maths import exp
from fusednn.kernels.operands import COUNT, INT64, NUMBER, REALS, ROWS, maybe, operands
from fusednn.kernels.ops.frames import step_settings
from fusednn.kernels.ops.pointwise.elementwise import clear_columns
from fusednn.kernels.ops.pointwise.noise import draw_mask

# rows of samples: each begins with the sample's first step, and the next follows at NAME_step
HEADS = operands(
    qkv=ROWS,
    weights=maybe(ROWS),  # the panels of all heads; without them one is in the scratch
    zeros=REALS,
    lengths=maybe(INT64),  # of each sample's series
    steps=COUNT,
    heads=COUNT,
    key_heads=COUNT,  # a divisor of the heads
    columns=COUNT,  # of a head
    qkv_step=COUNT,
    causal=COUNT,
    scale=NUMBER,
    key=maybe(INT64),  # of dropout, if there is any: two words of 32 bits
    layer=maybe(COUNT),
    dropped=maybe(COUNT),  # p 2^32
    factor=maybe(NUMBER),  # 1 / (1 - p)
)


@kernel
def transpose_rows(out, width, x, stride, rows, columns, scale):
    """out (columns, width) = scale x (rows, columns)^T, with zeros beyond `rows`; overwrites."""
    lanes = lanes_of(scale)
    if rows < width:
        clear_columns(out, 0, columns * width)
    for i in range(0, rows, lanes):
        for j in range(0, columns, lanes):
            here, there = advance(x, i * stride + j), advance(out, j * width + i)
            if rows - i >= lanes and columns - j >= lanes:
                transpose_square(there, width, here, stride)
            else:
                for r in range(min(lanes, rows - i)):
                    for c in range(min(lanes, columns - j)):
                        there[c * width + r] = here[r * stride + c]
    for i in range(columns * width):
        out[i] = out[i] * scale


@kernel
def block_width(steps, first, like):
    """Columns of the panel of the queries from `first` on."""
    lanes = lanes_of(like)
    return VECTORS * lanes if steps - first > lanes else lanes


@kernel
def keys_of(record, steps, first, width):
    """The number of keys that some query of a block sees, in a series of so many steps."""
    return min(steps, first + width) if record[HEADS.causal] != 0 else steps


@kernel
def multiply_keys(out, width, k, stride, turned, keys, size, zeros):
    """out (keys, width) = k (keys, size) turned (size, width); overwrites."""
    lowest = cast(-float("inf"), out[0])
    if width == lanes_of(lowest):
        multiply_edge(out, width, k, stride, 1, turned, width, zeros, 0, keys, size, lowest)
    else:
        multiply_panel(out, width, k, stride, 1, turned, width, zeros, 0, keys, size, lowest)


@kernel
def exponentiate(x, n):
    """x <- exp(x), n elements."""
    for i in range(n):
        x[i] = exp(x[i])


@kernel
def mark_dropped(record, frame, p, mask, sample, steps, head, first, queries, width, keys):
    """Negates the weights p (keys, width) of queries from `first` on that dropout drops.

    Its random numbers are those of the sample's own `steps`, so padding shifts none.
    """
    one = cast(1, p[0])
    key, step = slot(record, HEADS.key, keys), np.uint64(step_settings(frame)[records.STREAM])
    layer, dropped = np.uint64(record[HEADS.layer]), np.uint64(record[HEADS.dropped])
    own = np.uint64((frame[records.SHIFT] + sample) * record[HEADS.heads] + head)
    for query in range(queries):
        row = np.uint64(first + query)
        draw_mask(mask, steps, own, row, step, layer, key, dropped, one)
        for k in range(keys):
            at = k * width + query
            p[at] = p[at] if mask[k] > 0 else -p[at]


@kernel
def drop(out, p, factor, n):
    """out = p factor, or 0 where p is marked; n elements; overwrites, out may be p.

    It keeps a NaN: divergence must stay visible.
    """
    zero = cast(0, factor)
    for i in range(n):
        out[i] = zero if p[i] < zero else p[i] * factor


@kernel
def drop_slopes(d, p, factor, n):
    """d <- d factor, or 0 where p is marked; n elements."""
    zero = cast(0, factor)
    for i in range(n):
        d[i] = zero if p[i] < zero else d[i] * factor


@kernel
def magnitudes(out, p, n):
    """out = |p|, n elements; overwrites."""
    for i in range(n):
        out[i] = abs(p[i])


@kernel
def weigh(record, frame, p, scratch, mask, k, k_step, sample, steps, head, first, width):
    """p (keys, width) = the weights of a block of a head's queries, dropped ones marked.

    The sample's series has `steps` steps, and the keys k (steps, size) lie `k_step` apart.

    Overwrites; `scratch` (size, width) and `mask` too.
    """
    size, stride, like = record[HEADS.columns], record[HEADS.qkv_step], p[0]
    keys = keys_of(record, steps, first, width)
    rows = advance(slot(record, HEADS.qkv, like), sample * record[HEADS.qkv_stride])
    q = advance(rows, first * stride + head * size)
    queries = min(width, steps - first)
    scale = number(record, HEADS.scale, like)
    transpose_rows(scratch, width, q, stride, queries, size, scale)
    multiply_keys(p, width, k, k_step, scratch, keys, size, slot(record, HEADS.zeros, like))
    seen = first if record[HEADS.causal] != 0 else keys
    center_columns(p, width, keys, seen)
    exponentiate(p, keys * width)
    normalise_columns(p, width, keys, seen)
    if record[HEADS.key] != 0:
        mark_dropped(record, frame, p, mask, sample, steps, head, first, queries, width, keys)


@kernel
def kept_panel(record, like, sample, head, first):
    """The panel of a block among those that are kept."""
    steps, lanes = record[HEADS.steps], lanes_of(like)
    own = head * ((steps + lanes - 1) // lanes * lanes) + first
    at = sample * record[HEADS.weights_stride] + own * steps
    return advance(slot(record, HEADS.weights, like), at)
