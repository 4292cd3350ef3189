"""A table of tokens that is also the weights of the last layer: a column of w for each code.

    out_t = w[:, x_t]                                                       w in panels
    w    <- step(w, x^T dz + in each column the sum of dout over the steps that have its code)

Press and Wolf, "Using the output embedding to improve language models", EACL 2017. Products are
those of `dense.py` or `reduced.py`; a lookup reads a number from each row of a panel. An update
adds the steps of a tile's codes to the tile's product, in ascending order.
"""

import numpy as np
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast, from_bits
from fusednn.kernels.intrinsics.tiles import VECTORS
from fusednn.kernels.operands import (
    COUNT,
    INT32,
    INT64,
    REALS,
    ROWS,
    maybe,
    op,
    operands,
    padded_width_of,
    width_of,
)
from fusednn.kernels.ops.frames import sample_of
from fusednn.kernels.ops.lengths import count_of
from fusednn.kernels.ops.pointwise.elementwise import clear_columns
from fusednn.kernels.ops.updates.update import MATRIX, TILE_ROWS, panel_width, update_tile

from .dense import UPDATE_WEIGHTS, sum_tile, update_weights
from .partials import WEIGHTS, sum_partials, update_partials
from .tokens import TOKENS, token_at

LOOK_UP = operands(
    TOKENS,
    out=ROWS,  # a row for each sample: the stride leads from sample to sample
    out_row=COUNT,  # elements from one step of out to the next
    w=REALS,
    columns=COUNT,  # of w, padded to whole vectors
    is_half=COUNT,  # whether w is in words of two columns in bfloat16
    factors=maybe(REALS),  # of each column, where w is integers in words of four rows
    lengths=maybe(INT64),
    width=width_of("out"),
    padded=padded_width_of("out"),
)
UPDATE = operands(UPDATE_WEIGHTS, dout=ROWS, starts=INT64, entry_rows=INT32, count=COUNT)
"""`dout` is the gradient by the vectors, its rows by code as `tokens.sort_tokens` writes them, and
`count` the number of codes."""
UPDATE_PARTIALS = operands(WEIGHTS, dout=ROWS, starts=INT64, entry_rows=INT32, count=COUNT)


@kernel
def panel_of(columns, k, like):
    """The first column of the panel that holds column k."""
    lanes = lanes_of(like)
    first = k // (VECTORS * lanes) * (VECTORS * lanes)
    if columns - first >= VECTORS * lanes:
        return first
    return k // lanes * lanes


@kernel
def read_column(out, w, columns, k, width):
    """out (width) = column k of w (width, columns); overwrites."""
    j = panel_of(columns, k, out[0])
    step, there = panel_width(columns, j, out[0]), advance(w, j * width + k - j)
    for i in range(width):
        out[i] = there[i * step]


@kernel
def read_half_column(out, words, k, width):
    """out (width) = column k of w in words of bfloat16; overwrites."""
    lanes = lanes_of(out[0])
    panel = k // (VECTORS * lanes)
    there = advance(words, panel * width * lanes + k % lanes)
    upper = k - panel * VECTORS * lanes >= lanes
    for i in range(width):
        word = there[i * lanes]
        bits = word & -65536 if upper else word << 16
        out[i] = cast(from_bits(cast(bits, word)), out[0])


@kernel
def read_integer_column(out, q, factor, columns, k, width):
    """out (width) = column k of integers, four rows in a word, times its factor; overwrites."""
    j = panel_of(columns, k, out[0])
    step, words = panel_width(columns, j, out[0]), (width + 3) // 4
    there = advance(q, 4 * (j * words + k - j))
    for i in range(width):
        out[i] = cast(there[i // 4 * 4 * step + i % 4], factor) * factor


@op(LOOK_UP)
def embed_columns(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of OUT (B, T, WIDTH) = the columns of w (WIDTH, COLUMNS) that their T codes
    name; overwrites. With LENGTHS (B,) alone of the first ones of each.
    """
    out, w = slot(record, LOOK_UP.out, scratch[0]), slot(record, LOOK_UP.w, scratch[0])
    columns, width = record[LOOK_UP.columns], record[LOOK_UP.width]
    for row in range(lo, hi):
        first = sample_of(record, frame, row, TOKENS.order) * record[TOKENS.data_stride]
        here = advance(out, row * record[LOOK_UP.out_stride])
        for t in range(count_of(record, LOOK_UP.lengths, row, record[TOKENS.steps])):
            k = token_at(record, first + t, scratch[0])
            if record[LOOK_UP.is_half] != 0:
                read_half_column(here, slot(record, LOOK_UP.w, np.int32(0)), k, width)
            elif record[LOOK_UP.factors] != 0:
                factors = slot(record, LOOK_UP.factors, scratch[0])
                q = slot(record, LOOK_UP.w, np.int8(0))
                read_integer_column(here, q, factors[k], columns, k, width)
            else:
                read_column(here, w, columns, k, width)
            clear_columns(here, width, record[LOOK_UP.padded])
            here = advance(here, record[LOOK_UP.out_row])
    return 0


@kernel
def add_lookups(g, dout, stride, starts, rows, first, last, i, height, width):
    """g (height, width) += in the column of each code of [first, last) the columns from i on of
    the rows of dout (B T, I) that have it; accumulates.
    """
    for k in range(first, last):
        column = advance(g, k - first)
        for at in range(starts[k], starts[k + 1]):
            line = advance(dout, np.int64(rows[at]) * stride + i)
            for q in range(height):
                column[q * width] = column[q * width] + line[q]


@op(UPDATE)
def update_tied(record, frame, scratch, lo, hi):
    """Tile at column lo, row hi: x^T dz and the lookups of its codes, then its step."""
    sum_tile(record, frame, scratch, lo, hi)
    rows = min(TILE_ROWS, record[MATRIX.fan_in] - hi)
    width = panel_width(record[MATRIX.columns], lo, scratch[0])
    add_lookups(
        scratch, slot(record, UPDATE.dout, scratch[0]), record[UPDATE.dout_stride],
        slot(record, UPDATE.starts, lo), slot(record, UPDATE.entry_rows, np.int32(0)), lo,
        min(lo + width, record[UPDATE.count]), hi, rows, width,
    )  # fmt: skip
    return update_tile(record, frame, scratch, hi, lo, rows, width)


@op(UPDATE_PARTIALS)
def update_tied_partials(record, frame, scratch, lo, hi):
    """update_tied with the sums of x^T dz over chunks."""
    rows = min(TILE_ROWS, record[MATRIX.fan_in] - hi)
    width = panel_width(record[MATRIX.columns], lo, scratch[0])
    sum_partials(record, frame, scratch, lo, hi, rows, width)
    add_lookups(
        scratch, slot(record, UPDATE_PARTIALS.dout, scratch[0]),
        record[UPDATE_PARTIALS.dout_stride], slot(record, UPDATE_PARTIALS.starts, lo),
        slot(record, UPDATE_PARTIALS.entry_rows, np.int32(0)), lo,
        min(lo + width, record[UPDATE_PARTIALS.count]), hi, rows, width,
    )  # fmt: skip
    return update_tile(record, frame, scratch, hi, lo, rows, width)


UPDATES: dict[object, object] = {
    update_weights: update_tied,
    update_partials: update_tied_partials,
}
"""By the update of the product alone, that of both."""
