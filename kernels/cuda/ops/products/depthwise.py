"""Depthwise convolutions: as `kernels/ops/products/depthwise.py`, a chain for each thread.

Sixteen threads have a pixel, so a load of theirs is of adjacent channels. Copies of channels,
which the CPU has in a frame, are read from the one channel there is.
"""

from fusednn.kernels.cuda.language import single
from fusednn.kernels.cuda.ops.products.dense import raised
from fusednn.kernels.cuda.spreading import GROUP, clear_columns, first_column, first_row, groups
from fusednn.kernels.cuda.tiles.product import column_of
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast, fma
from fusednn.kernels.ops.products import depthwise as cpu
from fusednn.kernels.ops.products.depthwise import DEPTHWISE, PHASES
from fusednn.kernels.ops.products.windowed import READ, sample_at


def channel_in(record, x, offset, column):
    """Element `column` of the pixel that begins at an offset of x or of its frame."""
    if record[READ.is_framed] == 0:
        return x[offset + column]
    if column >= record[READ.channels] * record[READ.repeats]:
        return cast(0, x[0])
    pixel = offset // record[READ.frame_pixel]
    return x[pixel * record[READ.x_pixel] + column // record[READ.repeats]]


def sum_taps(record, x, at, phase, column):
    """max(floor, b + the taps of a phase times the windows of x that begin at an offset), for one
    filter."""
    like = x[0]
    floor, b = number(record, DEPTHWISE.floor, like), slot(record, DEPTHWISE.b, like)
    phases, taps = slot(record, PHASES.phases, 0), slot(record, PHASES.taps, 0)
    runs, w = slot(record, PHASES.runs, 0), slot(record, DEPTHWISE.w, like)
    columns, n_taps = record[DEPTHWISE.columns], record[PHASES.n_taps]
    offset, width = column_of(column, columns, n_taps, True, like)
    total = b[column]
    for q in range(phases[2 * phase + 1], phases[2 * phase + 3]):
        single()
        value = channel_in(record, x, at + runs[q], column)
        total = fma(value, w[offset + taps[q] * width], total)
    return raised(total, floor)


@twin(cpu.depthwise)
def depthwise(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of out (pixels, O) = max(floor, b + windows of x times w); overwrites."""
    phases, at = slot(record, PHASES.phases, lo), slot(record, PHASES.at, lo)
    pixels, folds = slot(record, PHASES.pixels, lo), record[DEPTHWISE.folds]
    count, pitch = phases[2 * record[PHASES.n_phases]], record[DEPTHWISE.out_pixel]
    used = record[DEPTHWISE.out_channels] if folds != 1 else record[DEPTHWISE.columns]
    for own in range(first_row(0), (hi - lo) * count, groups()):
        row, p, phase = lo + own // count, own % count, 0
        while phases[2 * phase + 2] <= p:
            phase += 1
        x = sample_at(record, frame, scratch, row)
        place = row * record[DEPTHWISE.out_stride] + pixels[p] * pitch
        out = advance(slot(record, DEPTHWISE.out, scratch[0]), place)
        for c in range(first_column(), used, GROUP):
            total = cast(0, x[0])
            for again in range(folds):
                one = sum_taps(record, x, at[p], phase, c * folds + again)
                total = one if again == 0 else total + one
            out[c] = total
        if folds != 1:
            clear_columns(out, used, pitch)
