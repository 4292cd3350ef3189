"""Sums over a batch from those of its chunks, and updates of parameters whose gradients are such.

    total = p_0 + p_1 + ...
    w    <- step(w, total)

The row stage leaves the sums p_i of each chunk of `CHUNK_ROWS` samples in a place of its own, and
they are added up in order: not one bit hangs on how samples are dealt to tasks. A gradient lies in
each chunk as its parameter does, so that a tile of weights is adjacent there too.
"""

from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.tiles import MICRO_ROWS as CHUNK_ROWS
from fusednn.kernels.operands import COUNT, REALS, op, operands
from fusednn.kernels.ops.pointwise.elementwise import clear_columns
from fusednn.kernels.ops.updates.update import (
    MATRIX,
    TILE_ROWS,
    UPDATE,
    panel_width,
    step_bias,
    update_tile,
)

VECTOR = operands(UPDATE, partials=REALS, chunk=COUNT)
"""`chunk` is how many elements a chunk's sums take."""

WEIGHTS = operands(MATRIX, partials=REALS, chunk=COUNT)


@kernel
def add_columns(total, x, stride, rows, n):
    """total (n,) = the sum over the rows of x (rows, n); overwrites."""
    clear_columns(total, 0, n)
    for row in range(rows):
        here = advance(x, row * stride)
        for c in range(n):
            total[c] = total[c] + here[c]


@kernel
def chunks_of_batch(frame):
    """How many chunks the batch's samples are."""
    return (frame[records.SAMPLES] + CHUNK_ROWS - 1) // CHUNK_ROWS


@op(VECTOR)
def update_vector_partials(record, frame, scratch, lo, hi):
    """Elements [lo, hi), at most four panels: the sum of the chunks' gradients, then its step."""
    partials = advance(slot(record, VECTOR.partials, scratch[0]), lo)
    add_columns(scratch, partials, record[VECTOR.chunk], chunks_of_batch(frame), hi - lo)
    return step_bias(record, frame, scratch, lo, hi)


@op(WEIGHTS)
def update_partials(record, frame, scratch, lo, hi):
    """Tile at column lo, row hi: the sum of the chunks' gradients of it, then its step."""
    j, i = lo, hi
    rows = min(TILE_ROWS, record[MATRIX.fan_in] - i)
    width = panel_width(record[MATRIX.columns], j, scratch[0])
    first = j * record[MATRIX.fan_in] + i * width
    partials = advance(slot(record, WEIGHTS.partials, scratch[0]), first)
    chunks = chunks_of_batch(frame)
    add_columns(scratch, partials, record[WEIGHTS.chunk], chunks, rows * width)
    return update_tile(record, frame, scratch, i, j, rows, width)
