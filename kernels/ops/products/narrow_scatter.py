"""Transposed convolutions to few channels, by one product with all taps.

    product[p] = x[p] w (I, taps O)        out[at p, tap] = b + sum over p and taps of product[p]

A tap's channels fill no vector, so a product for each tap would multiply by padding. That with all
taps goes to the scratch, and its runs are added from there, as in `convolve_columns`.
"""

from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.operands import COUNT, REALS, op, operands
from fusednn.kernels.ops.lengths import count_of
from fusednn.kernels.ops.pointwise.elementwise import clear_columns
from fusednn.kernels.ops.updates.update import panel_width

from .convolution_backward import BACKWARD, leave_frame, scatter_columns
from .windowed import aligned

NARROW = operands(BACKWARD, b=REALS, taps=COUNT)
"""dx is out, dz is x; `w_transposed` are the weights, a panel (taps I, O)."""


@kernel
def join_taps(joined, w, taps, I, O):
    """joined, the panels of (I, taps O) = w, a panel of (taps I, O); overwrites. The padding
    columns become zero.
    """
    pitch, columns = aligned(O, w[0]), aligned(taps * O, w[0])
    clear_columns(joined, 0, I * columns)
    j = 0
    while j < columns:
        width = panel_width(columns, j, w[0])
        for column in range(j, min(j + width, taps * O)):
            source = advance(w, column // O * I * pitch + column % O)
            for i in range(I):
                joined[j * I + i * width + column - j] = source[i * pitch]
        j += width


@kernel
def narrow_samples(record, scratch, w, lo, hi):
    """Samples [lo, hi) of out (height, width, O) = b + x[p] w[tap], added up; overwrites."""
    framed = record[BACKWARD.frame_height] * record[BACKWARD.frame_width]
    O, I = record[BACKWARD.channels], record[BACKWARD.fan_out]
    size = aligned(framed * O, scratch[0]) + lanes_of(scratch[0])
    joined = advance(scratch, size)
    product = advance(joined, I * record[BACKWARD.padded_in])
    b = slot(record, NARROW.b, scratch[0])
    join_taps(joined, w, record[NARROW.taps], I, O)
    for sample in range(lo, hi):
        out = advance(slot(record, BACKWARD.dx, scratch[0]), sample * record[BACKWARD.dx_stride])
        x = advance(slot(record, BACKWARD.dz, scratch[0]), sample * record[BACKWARD.dz_stride])
        clear_columns(scratch, framed * O, size)
        for i in range(framed * O):
            scratch[i] = b[i % O]
        count = count_of(record, BACKWARD.lengths, sample, record[BACKWARD.n_columns])
        scatter_columns(record, scratch, x, joined, count, product)
        leave_frame(record, out, scratch)
    return 0


@op(NARROW)
def scatter_narrow(record, frame, scratch, lo, hi):
    """`narrow_samples` with the record's weights."""
    w = slot(record, BACKWARD.w_transposed, scratch[0])
    return narrow_samples(record, scratch, w, lo, hi)
