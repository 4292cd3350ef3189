"""Rotary positions: a thread turns pairs of a row's columns."""

from fusednn.kernels import records
from fusednn.kernels.cuda.spreading import GROUP, first_column, first_row, groups
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.ops.attention import rotate as cpu
from fusednn.kernels.ops.attention.rotate import ROTATE


@twin(cpu.rotate)
def rotate(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B T, columns): the first heads turned by their step; in place."""
    half, out = record[ROTATE.half], slot(record, ROTATE.out, scratch[0])
    for row in range(first_row(lo), hi, groups()):
        here = advance(out, row * record[ROTATE.out_stride])
        cosines = slot(record, ROTATE.turns, scratch[0])
        cosines = advance(cosines, row % record[records.POSITIONS] * 2 * half)
        for pair in range(first_column(), record[ROTATE.heads] * half, GROUP):
            c = pair % half
            at = 2 * pair - c
            first, second = here[at], here[at + half]
            here[at] = first * cosines[c] - second * cosines[half + c]
            here[at + half] = second * cosines[c] + first * cosines[half + c]
