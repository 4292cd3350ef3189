"""The transpose of a convolution: as `kernels/ops/products/scatter.py`, without a frame."""

from fusednn.kernels.cuda.language import shared, thread
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.pointers import slot
from fusednn.kernels.ops.products import scatter as cpu
from fusednn.kernels.ops.products.scatter import SCATTER
from fusednn.kernels.ops.products.windowed import aligned

from . import tap_places
from .added_taps import PANELS, TURNED, add_taps


def note_scattered(facts, record, lo, hi):
    """Notes what a record says of taps and samples; its places are counted in pixels."""
    line, pixel = record[SCATTER.frame_width], record[SCATTER.out_pixel]
    tap_places.note_taps(facts, slot(record, SCATTER.tap_at, 0), record[SCATTER.taps], 1, line, 1)
    facts[tap_places.STRIDE_DOWN] = record[SCATTER.row_step] // line
    facts[tap_places.STRIDE_ACROSS] = record[SCATTER.step]
    facts[tap_places.TOP], facts[tap_places.LEFT] = record[SCATTER.top], record[SCATTER.left]
    facts[tap_places.ROWS], facts[tap_places.COLUMNS] = (
        record[SCATTER.n_rows],
        record[SCATTER.length],
    )
    facts[tap_places.MOST] = 1
    facts[tap_places.FIRST], facts[tap_places.SAMPLES] = lo, hi - lo
    facts[tap_places.HEIGHT], facts[tap_places.WIDTH] = (
        record[SCATTER.height],
        record[SCATTER.width],
    )
    facts[tap_places.OUT_STRIDE], facts[tap_places.OUT_PIXEL] = record[SCATTER.out_stride], pixel
    columns, kept = record[SCATTER.columns], record[SCATTER.kept]
    facts[tap_places.USED] = columns if kept == 0 else kept
    facts[tap_places.CLEARED] = (
        pixel - columns if record[SCATTER.is_framed] == 0 else record[SCATTER.cleared]
    )
    facts[tap_places.FILLED] = 0 if record[SCATTER.b] == 0 else record[SCATTER.filters]
    facts[tap_places.X_STRIDE] = record[SCATTER.x_stride]
    facts[tap_places.X_PIXEL] = record[SCATTER.x_pixel]
    facts[tap_places.DEPTH] = record[SCATTER.channels]


@twin(cpu.scatter)
def scatter(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of out (height, width, O) = b + x[p] w[tap], added up; overwrites."""
    w, facts = slot(record, SCATTER.w, scratch[0]), shared(32, 0)
    out, x = slot(record, SCATTER.out, scratch[0]), slot(record, SCATTER.x, scratch[0])
    C, turned = record[SCATTER.channels], record[SCATTER.turned] != 0
    if thread() == 0:
        note_scattered(facts, record, lo, hi)
        facts[tap_places.FORM] = TURNED if turned else PANELS
        facts[tap_places.W_ROWS] = record[SCATTER.taps] * (
            record[SCATTER.filters] if turned else C
        )
        facts[tap_places.W_COLUMNS] = aligned(C, w[0]) if turned else record[SCATTER.columns]
    b = slot(record, SCATTER.b, scratch[0])
    add_taps(record, facts, out, x, w, b, SCATTER.lengths, False)
