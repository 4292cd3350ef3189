"""The batch's steps by code: as `kernels/ops/products/tokens.py`."""

import numpy as np
from fusednn.kernels import records
from fusednn.kernels.cuda.language import single
from fusednn.kernels.cuda.sorting import has_code, note_code, part_of, place_of, sort_entries
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.pointers import slot
from fusednn.kernels.ops.frames import sample_of
from fusednn.kernels.ops.products import tokens
from fusednn.kernels.ops.products.tokens import SORT, TOKENS, token_at


def go_through(record, frame, counts, first, writes, like):
    """Counts this thread's steps by their codes, or writes them where they belong."""
    rows, steps = slot(record, SORT.entry_rows, np.int32(0)), record[TOKENS.steps]
    begin, end = part_of(frame[records.SAMPLES] * steps)
    row, t = begin // steps, begin % steps
    for step in range(begin, end):
        single()
        sample = sample_of(record, frame, row, TOKENS.order)
        code = token_at(record, sample * record[TOKENS.data_stride] + t, like)
        if code != record[SORT.left_out]:
            if not writes:
                note_code(counts, code, first)
            elif has_code(code, first):
                rows[place_of(counts, code, first)] = step
        t += 1
        if t == steps:
            row, t = row + 1, 0


@twin(tokens.sort_tokens)
def sort_tokens(record, frame, scratch, lo, hi):
    """The batch's steps by code: starts (count + 1) and entry_rows (B T); overwrites."""
    starts = slot(record, SORT.starts, lo)
    sort_entries(record, frame, go_through, starts, record[TOKENS.count], scratch[0])
