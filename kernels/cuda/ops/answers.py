"""A network's answers: a thread for each row. Links work where the logits are, which no op of the
plan reads after them.
"""

from fusednn.kernels.cuda.language import local
from fusednn.kernels.cuda.spreading import everyone, first
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops import answers
from fusednn.kernels.ops.answers import EMIT, EMIT_ROWS, emitted_row

WORK = 4
"""The most elements that a link works with for one row."""


def linked_row(record, row, like, function):
    """link(logits) of a row, in the place of the logits."""
    z = advance(slot(record, EMIT.logits, like), row * record[EMIT.logits_stride])
    if function is not None:
        function(z, local(WORK, like), record[EMIT.outputs], 1)
    return z


@twin(answers.emit_outputs)
def emit_outputs(record, frame, scratch, lo, hi, function):
    """Rows [lo, hi): emitted (n, C) = link(logits); overwrites, the logits too."""
    for row in range(lo + first(), hi, everyone()):
        z = linked_row(record, row, scratch[0], function)
        there = emitted_row(record, frame, row, scratch[0])
        for c in range(record[EMIT.outputs]):
            there[c] = z[c]


@twin(answers.emit_rows)
def emit_rows(record, frame, scratch, lo, hi):
    """Rows [lo, hi): emitted (n, C) = x (B, C); overwrites."""
    x, width = slot(record, EMIT_ROWS.x, scratch[0]), record[EMIT_ROWS.width]
    for i in range(lo * width + first(), hi * width, everyone()):
        row, c = i // width, i % width
        emitted_row(record, frame, row, scratch[0])[c] = x[row * record[EMIT_ROWS.x_stride] + c]


@twin(answers.emit_both)
def emit_both(record, frame, scratch, lo, hi, function):
    """Rows [lo, hi): emitted (n, 2) = 1 - p and p = link(logit); overwrites, the logits too."""
    for row in range(lo + first(), hi, everyone()):
        z = linked_row(record, row, scratch[0], function)
        there = emitted_row(record, frame, row, scratch[0])
        there[0] = cast(1, scratch[0]) - z[0]
        there[1] = z[0]


@twin(answers.emit_largest)
def emit_largest(record, frame, scratch, lo, hi, function):
    """Rows [lo, hi): emitted (n,) int64 = the first largest column of link(logits); overwrites,
    the logits too.
    """
    for row in range(lo + first(), hi, everyone()):
        z, best = linked_row(record, row, scratch[0], function), 0
        for c in range(1, record[EMIT.outputs]):
            if z[c] > z[best]:
                best = c
        emitted_row(record, frame, row, 0)[0] = best


@twin(answers.emit_above_half)
def emit_above_half(record, frame, scratch, lo, hi, function):
    """Rows [lo, hi): emitted (n, C) int64 = whether link(logits) is above 0.5; overwrites, the
    logits too.
    """
    for row in range(lo + first(), hi, everyone()):
        z = linked_row(record, row, scratch[0], function)
        there = emitted_row(record, frame, row, 0)
        for c in range(record[EMIT.outputs]):
            there[c] = int(z[c] > cast(0.5, scratch[0]))
