"""Updates from the sums of chunks: as `kernels/ops/products/partials.py`.

A total is four chains, chunks 0, 4, 8, ... in the first; they are added in pairs.
"""

from fusednn.kernels.cuda.language import block, blocks, shared, thread, threads
from fusednn.kernels.cuda.ops.updates.settings import own_settings
from fusednn.kernels.cuda.ops.updates.tiles import SMALL_SCRATCH, SMALL_UNIT, note_unit, step_tile
from fusednn.kernels.cuda.ops.updates.update import PART
from fusednn.kernels.cuda.ops.updates.vectors import step_part
from fusednn.kernels.cuda.product import SMALL_COLUMNS, column_of
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


@twin(partials.update_partials, spread=GRID, scratch=SMALL_SCRATCH, once=True)
def update_partials(record, frame, scratch, lo, hi, step, adjust):
    """All tiles: the sums of their gradients in all chunks, then the step."""
    fan_in, columns = record[MATRIX.fan_in], record[MATRIX.columns]
    own, zero, chunks = own_settings(record, frame), cast(0, scratch[0]), chunks_of_batch(frame)
    across = (columns + SMALL_COLUMNS - 1) // SMALL_COLUMNS
    units = across * ((fan_in + SMALL_UNIT - 1) // SMALL_UNIT)
    for unit in range(block(), units, blocks()):
        first, j = unit // across * SMALL_UNIT, unit % across * SMALL_COLUMNS
        note_unit(record, zero, first, j, SMALL_UNIT, SMALL_COLUMNS, adjust)
        last, g = min(first + SMALL_UNIT, fan_in), scratch
        for at in range(thread(), SMALL_UNIT * SMALL_COLUMNS, threads()):
            r, c = at // SMALL_COLUMNS, at % SMALL_COLUMNS
            if first + r < last and j + c < columns:
                offset, width = column_of(j + c, columns, fan_in, True, zero)
                parts = advance(slot(record, WEIGHTS.partials, zero), offset + (first + r) * width)
                g[at] = sum_chunks(parts, record[WEIGHTS.chunk], chunks)
        step_tile(record, own, g, SMALL_COLUMNS, SMALL_UNIT, first, last, j, step, zero)
