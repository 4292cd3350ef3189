"""The end of a network in a plan: loss and gradient at the logits, what is answered, sums."""

from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.sync import call

from .frames import sample_of, step_settings, step_totals

CHUNK_ROWS = 32
"""Rows handed to a loss at a time: they and their targets stay in the first-level cache."""

# operands shared by loss_gradient and emit_*
LOGITS = 1
LOGITS_STRIDE = 2
OUTPUTS = 3  # C
FUNCTION = 4  # address of the loss, or of the link (0: none)
ORDER = 5
HAS_ORDER = 6
# loss_gradient
TARGETS = 7
TARGET_WIDTH = 8
WEIGHTS = 9
HAS_WEIGHTS = 10
DZ = 11
DZ_STRIDE = 12
PADDED_OUT = 13
ROW_VALUES = 14  # float64, one per row
CONSTANTS = 15  # the loss's own
TARGETS_STRIDE = 16
# known_loss_gradient, besides
COLUMN_VALUES = 17  # float64, one per row: a column's losses
DIVISOR = 18  # of the losses of columns, in a row's
# emit_*
EMITTED = 7
EMITTED_STRIDE = 8
# sum_losses
VALUES = 1
SQUARES = 2
N_SQUARES = 3
GROUPS = 4  # of outputs, each with values of its own
VALUES_STRIDE = 5
ABSOLUTES = 6  # as many as SQUARES; or 0


@kernel
def turn_block(z, rows, stride, C, R):
    """z (C, R) = rows (R, C)^T."""
    for c in range(C):
        for r in range(R):
            z[c * R + r] = rows[r * stride + c]


@kernel
def read_block(record, frame, z, t, first, R):
    """z (C, R) = logits and t (T, R) = targets of rows [first, first + R)."""
    logits, stride = slot(record, LOGITS, z[0]), record[LOGITS_STRIDE]
    turn_block(z, advance(logits, first * stride), stride, record[OUTPUTS], R)
    targets = slot(record, TARGETS, z[0])
    for r in range(R):
        sample = sample_of(record, frame, first + r, ORDER)
        target = advance(targets, sample * record[TARGETS_STRIDE])
        for c in range(record[TARGET_WIDTH]):
            t[c * R + r] = target[c]


@kernel
def write_block(record, frame, value, z, first, R):
    """Rows [first, first + R) of DZ = weight x scale x z (C, R); value (R) times the weight."""
    dz, scale = slot(record, DZ, z[0]), step_settings(frame)[records.SCALE]
    for r in range(R):
        weight = 1.0
        if record[HAS_WEIGHTS] != 0:
            sample = sample_of(record, frame, first + r, ORDER)
            weight = float(slot(record, WEIGHTS, z[0])[sample])
            value[r] = value[r] * weight
        factor = cast(weight * scale, z[0])
        row = advance(dz, (first + r) * record[DZ_STRIDE])
        for c in range(record[OUTPUTS]):
            row[c] = z[c * R + r] * factor
        for c in range(record[OUTPUTS], record[PADDED_OUT]):
            row[c] = cast(0, z[0])


@kernel
def loss_gradient(record, frame, scratch, lo, hi):
    """Rows [lo, hi): DZ (B, O) = weight x scale x gradient at the logits; ROW_VALUES too."""
    C, width = record[OUTPUTS], record[TARGET_WIDTH]
    values, constants = slot(record, ROW_VALUES, 0.0), slot(record, CONSTANTS, scratch[0])
    status = 0
    first = lo
    while first < hi:
        R = min(CHUNK_ROWS, hi - first)
        z, t = scratch, advance(scratch, C * R)
        work = advance(t, width * R)
        read_block(record, frame, z, t, first, R)
        value = advance(values, first)
        status |= call(record, FUNCTION, (value, z, t, work, C, R, constants))
        write_block(record, frame, value, z, first, R)
        first += R
    return status


@kernel
def known_loss_gradient(record, frame, scratch, lo, hi):
    """`loss_gradient` of the targets that are known: a NaN has no loss, and no gradient.

    A column of the targets at a time, whose unknown ones are another known one's of the block
    while the loss sees them: it is spared what it does not take.
    """
    C, width = record[OUTPUTS], record[TARGET_WIDTH]
    per_target = C // width
    values, constants = slot(record, ROW_VALUES, 0.0), slot(record, CONSTANTS, scratch[0])
    divisor, zero = float(record[DIVISOR]), cast(0, scratch[0])
    status = 0
    first = lo
    while first < hi:
        R = min(CHUNK_ROWS, hi - first)
        z, t = scratch, advance(scratch, C * R)
        filled = advance(t, width * R)
        work = advance(filled, R)
        read_block(record, frame, z, t, first, R)
        value = advance(values, first)
        column = advance(slot(record, COLUMN_VALUES, 0.0), first)
        for r in range(R):
            value[r] = 0.0
        for c in range(width):
            own, target = advance(z, c * per_target * R), advance(t, c * R)
            known = -1
            for r in range(R):
                if target[r] == target[r]:
                    known = r
            if known >= 0:
                for r in range(R):
                    filled[r] = target[r] if target[r] == target[r] else target[known]
                status |= call(
                    record, FUNCTION, (column, own, filled, work, per_target, R, constants)
                )
            for r in range(R):
                if target[r] == target[r]:
                    value[r] += column[r] / divisor
                else:
                    for o in range(per_target):
                        own[o * R + r] = zero
        write_block(record, frame, value, z, first, R)
        first += R
    return status


@kernel
def linked_block(record, z, first, R):
    """z (C, R) = link(logits) of rows [first, first + R), and work behind it; the status."""
    C, stride = record[OUTPUTS], record[LOGITS_STRIDE]
    turn_block(z, advance(slot(record, LOGITS, z[0]), first * stride), stride, C, R)
    if record[FUNCTION] == 0:
        return 0
    return call(record, FUNCTION, (z, advance(z, C * R), C, R))


@kernel
def emitted_row(record, frame, row, like):
    """Where a row of the buffers is answered: at its place in the order."""
    place = frame[records.START] + frame[records.SHIFT] + row
    return advance(slot(record, EMITTED, like), place * record[EMITTED_STRIDE])


@kernel
def emit_outputs(record, frame, scratch, lo, hi):
    """Rows [lo, hi): EMITTED (n, C) = link(logits)."""
    status = 0
    for first in range(lo, hi, CHUNK_ROWS):
        R = min(CHUNK_ROWS, hi - first)
        status |= linked_block(record, scratch, first, R)
        for r in range(R):
            row = emitted_row(record, frame, first + r, scratch[0])
            for c in range(record[OUTPUTS]):
                row[c] = scratch[c * R + r]
    return status


@kernel
def emit_both(record, frame, scratch, lo, hi):
    """Rows [lo, hi): EMITTED (n, 2) = 1 - p and p = link(logit)."""
    status = 0
    for first in range(lo, hi, CHUNK_ROWS):
        R = min(CHUNK_ROWS, hi - first)
        status |= linked_block(record, scratch, first, R)
        for r in range(R):
            row = emitted_row(record, frame, first + r, scratch[0])
            row[0], row[1] = cast(1, scratch[0]) - scratch[r], scratch[r]
    return status


@kernel
def emit_largest(record, frame, scratch, lo, hi):
    """Rows [lo, hi): EMITTED (n,) int64 = the first column of the largest of link(logits)."""
    status = 0
    for first in range(lo, hi, CHUNK_ROWS):
        R = min(CHUNK_ROWS, hi - first)
        status |= linked_block(record, scratch, first, R)
        for r in range(R):
            best = 0
            for c in range(1, record[OUTPUTS]):
                if scratch[c * R + r] > scratch[best * R + r]:
                    best = c
            emitted_row(record, frame, first + r, 0)[0] = best
    return status


@kernel
def emit_above_half(record, frame, scratch, lo, hi):
    """Rows [lo, hi): EMITTED (n, C) int64 = whether link(logits) is above 0.5."""
    status = 0
    for first in range(lo, hi, CHUNK_ROWS):
        R = min(CHUNK_ROWS, hi - first)
        status |= linked_block(record, scratch, first, R)
        for r in range(R):
            row = emitted_row(record, frame, first + r, 0)
            for c in range(record[OUTPUTS]):
                row[c] = int(scratch[c * R + r] > cast(0.5, scratch[0]))
    return status


@kernel
def sum_losses(record, frame, scratch, lo, hi):
    """The step's totals: losses by group and row, squared weights by tile, in float64."""
    values, squares = slot(record, VALUES, 0.0), slot(record, SQUARES, 0.0)
    totals = step_totals(frame)
    total = 0.0
    for group in range(record[GROUPS]):
        first = group * record[VALUES_STRIDE]
        for r in range(frame[records.ROWS]):
            total += values[first + r]
    totals[records.LOSS] = total
    total = 0.0
    for tile in range(record[N_SQUARES]):
        total += squares[tile]
    totals[records.SQUARES] = total
    if record[ABSOLUTES] != 0:
        absolutes = slot(record, ABSOLUTES, 0.0)
        total = 0.0
        for tile in range(record[N_SQUARES]):
            total += absolutes[tile]
        totals[records.ABSOLUTES] = total
    return 0
