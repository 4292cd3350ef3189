"""The last steps of a series that arrives step by step, as a causal convolution reads them."""

from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.operands import COUNT, ROWS, op, operands, padded_width_of, width_of

from .gather import copy_row
from .pointwise.elementwise import clear_columns

REMEMBER = operands(
    out=ROWS,  # as ring and place, a row for each sample
    ring=ROWS,
    place=ROWS,  # of the oldest row of the ring, a whole number
    x=ROWS,
    taps=COUNT,  # rows of a sample of out
    dilation=COUNT,  # steps from one of them to the next
    length=COUNT,  # rows of the ring: dilation (taps - 1) + 1
    out_row=COUNT,  # elements from one row of a sample to the next
    ring_row=COUNT,  # likewise
    width=width_of("out"),
    padded=padded_width_of("out"),
)


@kernel
def remember_sample(record, out, ring, place, x):
    """OUT (taps, WIDTH) from RING (length, WIDTH), whose oldest row becomes X (WIDTH,)."""
    width, length, oldest = record[REMEMBER.width], record[REMEMBER.length], int(place[0])
    copy_row(advance(ring, oldest * record[REMEMBER.ring_row]), x, width)
    place[0] = cast((oldest + 1) % length, place[0])
    for tap in range(record[REMEMBER.taps]):
        at = (oldest + 1 + tap * record[REMEMBER.dilation]) % length
        there = advance(out, tap * record[REMEMBER.out_row])
        copy_row(there, advance(ring, at * record[REMEMBER.ring_row]), width)
        clear_columns(there, width, record[REMEMBER.padded])


@op(REMEMBER)
def remember(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of out (taps, I): every dilation-th of the last steps, the newest x (I,).

    Ring and place are changed in place.
    """
    out, ring = slot(record, REMEMBER.out, scratch[0]), slot(record, REMEMBER.ring, scratch[0])
    place, x = slot(record, REMEMBER.place, scratch[0]), slot(record, REMEMBER.x, scratch[0])
    for sample in range(lo, hi):
        remember_sample(
            record,
            advance(out, sample * record[REMEMBER.out_stride]),
            advance(ring, sample * record[REMEMBER.ring_stride]),
            advance(place, sample * record[REMEMBER.place_stride]),
            advance(x, sample * record[REMEMBER.x_stride]),
        )
    return 0
