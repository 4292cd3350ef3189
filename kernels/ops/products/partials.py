"""Sums over a batch as sums over its chunks, and updates of parameters with such gradients.

    total = p_0 + p_1 + ...
    w    <- step(w, total)

The row stage writes the sums p_i of each chunk of samples, whose number is in the frame, to memory
of its own. They are added up in order, so no bit depends on how samples are divided into tasks.
The gradients of each chunk have the memory layout of their parameter, so a tile of weights is
contiguous there too.
"""

from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.columns import sum_columns
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.tiles import MICRO_ROWS
from fusednn.kernels.operands import COUNT, REALS, op, operands
from fusednn.kernels.ops.updates.update import (
    MATRIX,
    TILE_ROWS,
    UPDATE,
    panel_width,
    step_bias,
    update_tile,
)

CHUNK_ROWS = MICRO_ROWS
"""The most samples of a chunk."""

VECTOR = operands(UPDATE, partials=REALS, chunk=COUNT)
"""`chunk` is the number of elements of a chunk's sums."""

WEIGHTS = operands(MATRIX, partials=REALS, chunk=COUNT)


@kernel
def chunks_of_batch(frame):
    """The number of chunks of the batch's samples."""
    chunk = frame[records.CHUNK]
    return (frame[records.SAMPLES] + chunk - 1) // chunk


@op(VECTOR)
def update_vector_partials(record, frame, scratch, lo, hi):
    """Elements [lo, hi), at most four panels: the sum of the chunks' gradients, then its step."""
    partials = advance(slot(record, VECTOR.partials, scratch[0]), lo)
    sum_columns(scratch, partials, record[VECTOR.chunk], chunks_of_batch(frame), hi - lo)
    return step_bias(record, frame, scratch, lo, hi)


@kernel
def sum_partials(record, frame, scratch, j, i, rows, width):
    """The sum of the gradients of the tile at column j, row i in all chunks; overwrites."""
    first = j * record[MATRIX.fan_in] + i * width
    partials = advance(slot(record, WEIGHTS.partials, scratch[0]), first)
    chunks = chunks_of_batch(frame)
    sum_columns(scratch, partials, record[WEIGHTS.chunk], chunks, rows * width)


@op(WEIGHTS)
def update_partials(record, frame, scratch, lo, hi):
    """Tile at column lo, row hi: the sum of its gradients in all chunks, then its step."""
    rows = min(TILE_ROWS, record[MATRIX.fan_in] - hi)
    width = panel_width(record[MATRIX.columns], lo, scratch[0])
    sum_partials(record, frame, scratch, lo, hi, rows, width)
    return update_tile(record, frame, scratch, hi, lo, rows, width)
