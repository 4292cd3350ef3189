"""The answers of a network in a plan: its outputs, and what follows from them."""

from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.sync import call
from fusednn.kernels.operands import ANY_ROWS, FUNCTION, ROWS, maybe, op, operands, width_of

from .gather import copy_row
from .output import CHUNK_ROWS, turn_block

EMIT = operands(
    emitted=ANY_ROWS,
    logits=ROWS,
    function=maybe(FUNCTION),  # the link
    outputs=width_of("logits"),
)
EMIT_ROWS = operands(emitted=ANY_ROWS, x=ROWS, width=width_of("x"))
"""`emitted` has the same slots as in EMIT."""


@kernel
def linked_block(record, z, first, R):
    """z (C, R) = link(logits) of rows [first, first + R); uses work after z; the link's status."""
    C, stride = record[EMIT.outputs], record[EMIT.logits_stride]
    turn_block(z, advance(slot(record, EMIT.logits, z[0]), first * stride), stride, C, R)
    if record[EMIT.function] == 0:
        return 0
    return call(record, EMIT.function, (z, advance(z, C * R), C, R))


@kernel
def emitted_row(record, frame, row, like):
    """The row of `emitted` for a row of the buffers: its place in the order of the samples."""
    first = (frame[records.START] + frame[records.SHIFT]) * record[records.POSITIONS]
    return advance(slot(record, EMIT.emitted, like), (first + row) * record[EMIT.emitted_stride])


@op(EMIT)
def emit_outputs(record, frame, scratch, lo, hi):
    """Rows [lo, hi): emitted (n, C) = link(logits); overwrites."""
    status = 0
    for first in range(lo, hi, CHUNK_ROWS):
        R = min(CHUNK_ROWS, hi - first)
        status |= linked_block(record, scratch, first, R)
        for r in range(R):
            row = emitted_row(record, frame, first + r, scratch[0])
            for c in range(record[EMIT.outputs]):
                row[c] = scratch[c * R + r]
    return status


@op(EMIT_ROWS)
def emit_rows(record, frame, scratch, lo, hi):
    """Rows [lo, hi): emitted (n, C) = x (B, C); overwrites."""
    x, stride = slot(record, EMIT_ROWS.x, scratch[0]), record[EMIT_ROWS.x_stride]
    for row in range(lo, hi):
        there = emitted_row(record, frame, row, scratch[0])
        copy_row(there, advance(x, row * stride), record[EMIT_ROWS.width])
    return 0


@op(EMIT)
def emit_both(record, frame, scratch, lo, hi):
    """Rows [lo, hi): emitted (n, 2) = 1 - p and p = link(logit); overwrites."""
    status = 0
    for first in range(lo, hi, CHUNK_ROWS):
        R = min(CHUNK_ROWS, hi - first)
        status |= linked_block(record, scratch, first, R)
        for r in range(R):
            row = emitted_row(record, frame, first + r, scratch[0])
            row[0], row[1] = cast(1, scratch[0]) - scratch[r], scratch[r]
    return status


@op(EMIT)
def emit_largest(record, frame, scratch, lo, hi):
    """Rows [lo, hi): emitted (n,) int64 = the first largest column of link(logits); overwrites."""
    status = 0
    for first in range(lo, hi, CHUNK_ROWS):
        R = min(CHUNK_ROWS, hi - first)
        status |= linked_block(record, scratch, first, R)
        for r in range(R):
            best = 0
            for c in range(1, record[EMIT.outputs]):
                if scratch[c * R + r] > scratch[best * R + r]:
                    best = c
            emitted_row(record, frame, first + r, 0)[0] = best
    return status


@op(EMIT)
def emit_above_half(record, frame, scratch, lo, hi):
    """Rows [lo, hi): emitted (n, C) int64 = whether link(logits) is above 0.5; overwrites."""
    status = 0
    for first in range(lo, hi, CHUNK_ROWS):
        R = min(CHUNK_ROWS, hi - first)
        status |= linked_block(record, scratch, first, R)
        for r in range(R):
            row = emitted_row(record, frame, first + r, 0)
            for c in range(record[EMIT.outputs]):
                row[c] = int(scratch[c * R + r] > cast(0.5, scratch[0]))
    return status
