"""The answers of a network: its outputs, and what follows from them. A thread has a row.

Where an answer is no output, the link works on the logits in place: nobody reads them after it.
"""

from fusednn.kernels.cuda.language import local
from fusednn.kernels.cuda.spreading import everyone, first, is_inside
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops import answers
from fusednn.kernels.ops.answers import EMIT, EMIT_ROWS, emitted_row


def logits_of(record, row, like):
    """A row of the logits."""
    return advance(slot(record, EMIT.logits, like), row * record[EMIT.logits_stride])


def link_row(record, z, function):
    """z <- link(z), if there is a link; work is for one row."""
    if function is not None:
        function(z, local(4, z[0]), record[EMIT.outputs], 1)


@twin(answers.emit_outputs, over_padding=True)
def emit_outputs(record, frame, scratch, lo, hi, function):
    """Rows [lo, hi): emitted (n, C) = link(logits); overwrites."""
    for row in range(lo + first(), hi, everyone()):
        if is_inside(record, row):
            z, there = (
                logits_of(record, row, scratch[0]),
                emitted_row(record, frame, row, scratch[0]),
            )
            for c in range(record[EMIT.outputs]):
                there[c] = z[c]
            link_row(record, there, function)


@twin(answers.emit_rows)
def emit_rows(record, frame, scratch, lo, hi):
    """Rows [lo, hi): emitted (n, C) = x (B, C); overwrites."""
    x, stride = slot(record, EMIT_ROWS.x, scratch[0]), record[EMIT_ROWS.x_stride]
    for row in range(lo + first(), hi, everyone()):
        here, there = advance(x, row * stride), emitted_row(record, frame, row, scratch[0])
        for c in range(record[EMIT_ROWS.width]):
            there[c] = here[c]


@twin(answers.emit_both, over_padding=True)
def emit_both(record, frame, scratch, lo, hi, function):
    """Rows [lo, hi): emitted (n, 2) = 1 - p and p = link(logit); overwrites."""
    for row in range(lo + first(), hi, everyone()):
        if is_inside(record, row):
            z, p = logits_of(record, row, scratch[0]), local(1, scratch[0])
            p[0] = z[0]
            link_row(record, p, function)
            there = emitted_row(record, frame, row, scratch[0])
            there[0], there[1] = cast(1, scratch[0]) - p[0], p[0]


@twin(answers.emit_largest, over_padding=True)
def emit_largest(record, frame, scratch, lo, hi, function):
    """Rows [lo, hi): emitted (n,) int64 = the first largest column of link(logits); overwrites
    the logits too.
    """
    for row in range(lo + first(), hi, everyone()):
        if is_inside(record, row):
            z, best = logits_of(record, row, scratch[0]), 0
            link_row(record, z, function)
            for c in range(1, record[EMIT.outputs]):
                if z[c] > z[best]:
                    best = c
            emitted_row(record, frame, row, 0)[0] = best


@twin(answers.emit_above_half, over_padding=True)
def emit_above_half(record, frame, scratch, lo, hi, function):
    """Rows [lo, hi): emitted (n, C) int64 = whether link(logits) is above 0.5; overwrites the
    logits too.
    """
    for row in range(lo + first(), hi, everyone()):
        if is_inside(record, row):
            z, there = logits_of(record, row, scratch[0]), emitted_row(record, frame, row, 0)
            link_row(record, z, function)
            for c in range(record[EMIT.outputs]):
                there[c] = int(z[c] > cast(0.5, scratch[0]))
