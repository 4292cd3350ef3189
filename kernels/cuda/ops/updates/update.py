"""Updates of biases: as `kernels/ops/updates/update.py`.

The rows of a part come through shared memory, so that loads of many rows are under way at once;
each column is one chain of additions in the order of the rows.
"""

from fusednn.kernels.cuda.language import barrier, shared, thread, threads
from fusednn.kernels.cuda.ops.updates.settings import own_settings
from fusednn.kernels.cuda.ops.updates.vectors import step_part
from fusednn.kernels.cuda.tiles.product import tile_memory
from fusednn.kernels.cuda.twins import BLOCK, twin
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops.frames import rows_of_run, runs_of_batch
from fusednn.kernels.ops.updates import update
from fusednn.kernels.ops.updates.update import STORED, SUM

PART = 128
"""The most columns of a part: four panels of any shape of the CPU."""

ROWS = 32
"""Rows of a part in shared memory at once."""


def copy_part(rows, source, stride, count, width):
    """rows (count, PART) = source (count, width), whose rows are `stride` apart; overwrites."""
    lane, first, step = thread() % 32, thread() // 32, threads() // 32
    for r in range(first, count, step):
        for c in range(lane, width, 32):
            rows[r * PART + c] = source[r * stride + c]


def add_columns(g, source, stride, count, width, like):
    """g (width) += the sums of columns of source (count, width), row by row."""
    rows = tile_memory(like)
    for first in range(0, count, ROWS):
        size = min(ROWS, count - first)
        copy_part(rows, advance(source, first * stride), stride, size, width)
        barrier()
        for c in range(thread(), width, threads()):
            total = g[c]
            for r in range(size):
                total = total + rows[r * PART + c]
            g[c] = total
        barrier()


@twin(update.update_bias, spread=BLOCK)
def update_bias(record, frame, scratch, lo, hi, step, adjust):
    """Columns [lo, hi), at most four panels: the sum of dz over the batch, then its step."""
    own, zero = own_settings(record, frame), cast(0, scratch[0])
    g = shared(PART, zero)
    dz, stride = slot(record, SUM.dz, scratch[0]), record[SUM.dz_stride]
    for c in range(thread(), hi - lo, threads()):
        g[c] = zero
    for run in range(runs_of_batch(record, frame, SUM.lengths)):
        first, rows = rows_of_run(record, frame, SUM.lengths, run)
        add_columns(g, advance(dz, first * stride + lo), stride, rows, hi - lo, zero)
    step_part(record, own, g, lo, hi, step, adjust, zero)


@twin(update.apply_bias, spread=BLOCK)
def apply_bias(record, frame, scratch, lo, hi, step, adjust):
    """update_bias with a gradient that *store* has written."""
    g = advance(slot(record, STORED.gradient, scratch[0]), lo)
    step_part(record, own_settings(record, frame), g, lo, hi, step, adjust, scratch[0])
