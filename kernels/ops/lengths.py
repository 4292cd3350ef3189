"""The steps of padded series: counted in the data, and those of what windows make of them.

A padded series has NaN in all features of the steps behind its last one. Each op runs for a
series' own steps: a row runs for LENGTHS rows of it (`records.py`), or the op reads them itself.
What lies behind them in an array may be anything, unless an op reads it, as windows do; then it is
cleared.
"""

from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.operands import COUNT, INT64, ROWS, maybe, op, operands, padded_width_of

from .frames import sample_of
from .pointwise.elementwise import clear_columns

COUNTED = operands(
    counts=INT64,  # by row of the buffers
    data=ROWS,  # a row for each sample
    order=maybe(INT64),
    steps=COUNT,
    features=COUNT,
    step=COUNT,  # elements from one step to the next
    feature=COUNT,  # and from one feature to the next
)
WINDOWS = operands(counts=INT64, steps=INT64)
"""`steps` by place in the epoch's order."""
LONGER = operands(counts=INT64, first=INT64, second=INT64)
CHANGED = operands(
    counts=INT64,
    lengths=INT64,
    factor=COUNT,
    added=COUNT,
    divisor=COUNT,
    overhang=COUNT,  # steps of padding before a series whose last window may overhang; or -1
)
CLEAR = operands(
    out=ROWS,  # a row for each sample
    lengths=INT64,
    steps=COUNT,
    step=COUNT,
    padded=padded_width_of("out"),
)


@kernel
def count_of(record, lengths_slot, sample, steps):
    """The steps of a sample: those that slot `lengths_slot` points to, or all if it holds 0."""
    if record[lengths_slot] == 0:
        return steps
    return slot(record, lengths_slot, sample)[sample]


@kernel
def is_padding(x, features, feature):
    """Whether all features of a step are NaN."""
    for c in range(features):
        value = x[c * feature]
        if value == value:
            return False
    return True


@op(COUNTED)
def count_steps(record, frame, scratch, lo, hi):
    """counts (B,) of rows [lo, hi): the steps up to the last that is no padding, at least 1."""
    counts, data = slot(record, COUNTED.counts, lo), slot(record, COUNTED.data, scratch[0])
    features, feature = record[COUNTED.features], record[COUNTED.feature]
    for row in range(lo, hi):
        sample = sample_of(record, frame, row, COUNTED.order)
        x, last = advance(data, sample * record[COUNTED.data_stride]), record[COUNTED.steps]
        while last > 1 and is_padding(
            advance(x, (last - 1) * record[COUNTED.step]), features, feature
        ):
            last -= 1
        counts[row] = last
    return 0


@op(WINDOWS)
def window_lengths(record, frame, scratch, lo, hi):
    """counts (B,) of rows [lo, hi): the steps of the batch's windows, which may be 0."""
    counts, steps = slot(record, WINDOWS.counts, lo), slot(record, WINDOWS.steps, lo)
    for row in range(lo, hi):
        counts[row] = steps[frame[records.START] + frame[records.SHIFT] + row]
    return 0


@op(LONGER)
def longer(record, frame, scratch, lo, hi):
    """counts (B,) of rows [lo, hi): the larger of two; overwrites."""
    counts, first = slot(record, LONGER.counts, lo), slot(record, LONGER.first, lo)
    second = slot(record, LONGER.second, lo)
    for row in range(lo, hi):
        counts[row] = max(first[row], second[row])
    return 0


@op(CHANGED)
def change_lengths(record, frame, scratch, lo, hi):
    """counts (B,) of rows [lo, hi): (lengths factor + added) / divisor, rounded down, at least 1.

    The windows over a series are such a number; one more may overhang.
    """
    counts, lengths = slot(record, CHANGED.counts, lo), slot(record, CHANGED.lengths, lo)
    divisor, before = record[CHANGED.divisor], record[CHANGED.overhang]
    for row in range(lo, hi):
        length = lengths[row]
        total = length * record[CHANGED.factor] + record[CHANGED.added]
        count = total // divisor
        if before >= 0 and total % divisor != 0 and count * divisor < before + length:
            count += 1
        counts[row] = max(1, count)
    return 0


@op(CLEAR)
def clear_steps(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of out (steps, padded): zeros behind their own steps."""
    out, lengths = slot(record, CLEAR.out, scratch[0]), slot(record, CLEAR.lengths, lo)
    step, padded = record[CLEAR.step], record[CLEAR.padded]
    for sample in range(lo, hi):
        there = advance(out, sample * record[CLEAR.out_stride])
        for at in range(lengths[sample], record[CLEAR.steps]):
            clear_columns(advance(there, at * step), 0, padded)
    return 0
