"""The gradient of a convolution by its input: as `kernels/ops/products/convolution_backward.py`.

There is no frame: a place of it outside of dx has no thread.
"""

from fusednn.kernels.cuda.language import shared, thread
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.pointers import slot
from fusednn.kernels.ops.products import convolution_backward
from fusednn.kernels.ops.products.convolution_backward import BACKWARD, COLUMNS_ELEMENTS
from fusednn.kernels.ops.products.windowed import aligned

from . import tap_places
from .added_taps import COPIED, add_taps


def note_back(facts, record, lo, hi, pixel, per, columns):
    """Notes what a record says: its grid has such pixels and runs of so many taps, and so many
    columns of dx are written."""
    line, channels = record[BACKWARD.frame_width], record[BACKWARD.channels]
    tap_places.note_taps(
        facts, slot(record, BACKWARD.at, 0), record[BACKWARD.n_at], pixel, line, per
    )
    facts[tap_places.STRIDE_DOWN] = record[BACKWARD.row_step] // pixel // line
    facts[tap_places.STRIDE_ACROSS] = record[BACKWARD.step] // pixel
    facts[tap_places.TOP], facts[tap_places.LEFT] = record[BACKWARD.top], record[BACKWARD.left]
    facts[tap_places.ROWS] = record[BACKWARD.n_rows]
    facts[tap_places.COLUMNS] = record[BACKWARD.n_columns]
    near = COLUMNS_ELEMENTS // (record[BACKWARD.padded_in] * record[BACKWARD.n_columns])
    facts[tap_places.MOST] = max(1, min(record[BACKWARD.n_rows], near))
    facts[tap_places.FIRST], facts[tap_places.SAMPLES] = lo, hi - lo
    facts[tap_places.HEIGHT] = record[BACKWARD.height]
    facts[tap_places.WIDTH] = record[BACKWARD.width]
    facts[tap_places.OUT_STRIDE] = record[BACKWARD.dx_stride]
    facts[tap_places.OUT_PIXEL] = record[BACKWARD.dx_pixel]
    facts[tap_places.USED], facts[tap_places.CLEARED] = channels, columns - channels
    facts[tap_places.X_STRIDE] = record[BACKWARD.dz_stride]
    facts[tap_places.X_PIXEL] = record[BACKWARD.dz_pixel]
    facts[tap_places.DEPTH] = record[BACKWARD.fan_out]


def add_back(record, scratch, lo, hi, pixel, per, columns, by_columns):
    """dx of samples [lo, hi) by the copy of w^T; overwrites."""
    w, facts = slot(record, BACKWARD.w_transposed, scratch[0]), shared(32, 0)
    dx, dz = slot(record, BACKWARD.dx, scratch[0]), slot(record, BACKWARD.dz, scratch[0])
    if thread() == 0:
        note_back(facts, record, lo, hi, pixel, per, columns)
        facts[tap_places.FILLED], facts[tap_places.FORM] = 0, COPIED
        facts[tap_places.W_ROWS] = record[BACKWARD.padded_out]
        facts[tap_places.W_COLUMNS] = record[BACKWARD.padded_in]
    add_taps(record, facts, dx, dz, w, w, BACKWARD.lengths, by_columns)


@twin(convolution_backward.convolve_backward)
def convolve_backward(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of dx (height, width, C) from dz (pixels, O); overwrites."""
    pixel = record[BACKWARD.channels]
    if record[BACKWARD.is_framed] == 0:
        pixel = record[BACKWARD.dx_pixel]
    add_back(record, scratch, lo, hi, pixel, 1, pixel, False)


@twin(convolution_backward.convolve_columns)
def convolve_columns(record, frame, scratch, lo, hi):
    """The same where the products of all taps are added up by columns; overwrites."""
    C = record[BACKWARD.channels]
    per = record[BACKWARD.length] // C
    add_back(record, scratch, lo, hi, C, per, aligned(C, scratch[0]), True)
