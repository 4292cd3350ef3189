"""Updates from the sums of chunks: as `kernels/ops/products/partials.py`.

A total is four chains, chunks 0, 4, 8, ... in the first; they are added in pairs.
"""

from fusednn.kernels.cuda.language import block, blocks, shared, thread, threads
from fusednn.kernels.cuda.ops.updates.settings import own_settings
from fusednn.kernels.cuda.ops.updates.tiles import (
    SMALL_SCRATCH,
    SMALL_UNIT,
    begin_unit,
    step_tile,
    units_of,
)
from fusednn.kernels.cuda.ops.updates.update import PART
from fusednn.kernels.cuda.ops.updates.vectors import step_part
from fusednn.kernels.cuda.tiles.product import SMALL_COLUMNS, column_of
from fusednn.kernels.cuda.twins import BLOCK, GRID, twin
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops.products import partials
from fusednn.kernels.ops.products.partials import VECTOR, WEIGHTS, chunks_of_batch
from fusednn.kernels.ops.updates.update import MATRIX


def sum_chunks(parts, apart, chunks):
    """The sum of so many elements, `apart` from each other."""
    zero, whole = cast(0, parts[0]), chunks // 4 * 4
    first, second, third, fourth = zero, zero, zero, zero
    for chunk in range(0, whole, 4):
        here = advance(parts, chunk * apart)
        first, second = first + here[0], second + here[apart]
        third, fourth = third + here[2 * apart], fourth + here[3 * apart]
    for chunk in range(whole, chunks):
        first = first + parts[chunk * apart]
    return (first + second) + (third + fourth)


@twin(partials.update_vector_partials, spread=BLOCK)
def update_vector_partials(record, frame, scratch, lo, hi, step, adjust):
    """Elements [lo, hi), at most four panels: the sum of the chunks' gradients, then its step."""
    own, g = own_settings(record, frame), shared(PART, scratch[0])
    parts = advance(slot(record, VECTOR.partials, scratch[0]), lo)
    for c in range(thread(), hi - lo, threads()):
        g[c] = sum_chunks(advance(parts, c), record[VECTOR.chunk], chunks_of_batch(frame))
    step_part(record, own, g, lo, hi, step, adjust, scratch[0])


def sum_unit(record, frame, g, first, last, j, like):
    """g (SMALL_UNIT, SMALL_COLUMNS) = a unit of the sum of the chunks' gradients; overwrites."""
    fan_in, columns, chunks = record[MATRIX.fan_in], record[MATRIX.columns], chunks_of_batch(frame)
    for at in range(thread(), SMALL_UNIT * SMALL_COLUMNS, threads()):
        r, c = at // SMALL_COLUMNS, at % SMALL_COLUMNS
        if first + r < last and j + c < columns:
            offset, width = column_of(j + c, columns, fan_in, True, like)
            parts = advance(slot(record, WEIGHTS.partials, like), offset + (first + r) * width)
            g[at] = sum_chunks(parts, record[WEIGHTS.chunk], chunks)


@twin(partials.update_partials, spread=GRID, scratch=SMALL_SCRATCH, once=True)
def update_partials(record, frame, scratch, lo, hi, step, adjust):
    """All tiles: the sums of their gradients in all chunks, then the step."""
    own, zero = own_settings(record, frame), cast(0, scratch[0])
    for unit in range(block(), units_of(record), blocks()):
        first, last, j = begin_unit(record, unit, adjust, zero)
        sum_unit(record, frame, scratch, first, last, j, zero)
        step_tile(record, own, scratch, SMALL_COLUMNS, SMALL_UNIT, first, last, j, step, zero)
