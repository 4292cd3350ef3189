"""Transposed convolutions to few channels: as `kernels/ops/products/narrow_scatter.py`."""

from fusednn.kernels.cuda.language import shared, thread
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.pointers import slot
from fusednn.kernels.ops.products import narrow_scatter
from fusednn.kernels.ops.products.convolution_backward import BACKWARD
from fusednn.kernels.ops.products.narrow_scatter import NARROW
from fusednn.kernels.ops.products.windowed import aligned

from . import tap_places
from .added_taps import PANELS, add_taps
from .convolution_backward import note_back


@twin(narrow_scatter.scatter_narrow)
def scatter_narrow(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of out (height, width, O) = b + x[p] w[tap], added up; overwrites."""
    w, facts = slot(record, BACKWARD.w_transposed, scratch[0]), shared(32, 0)
    out, x = slot(record, BACKWARD.dx, scratch[0]), slot(record, BACKWARD.dz, scratch[0])
    O, b = record[BACKWARD.channels], slot(record, NARROW.b, scratch[0])
    columns = aligned(O, scratch[0])
    if thread() == 0:
        note_back(facts, record, lo, hi, O, record[BACKWARD.length] // O, columns)
        facts[tap_places.FILLED], facts[tap_places.FORM] = O, PANELS
        facts[tap_places.W_ROWS] = record[NARROW.taps] * record[BACKWARD.fan_out]
        facts[tap_places.W_COLUMNS] = columns
    add_taps(record, facts, out, x, w, b, BACKWARD.lengths, True)
