"""The end of a network in training: losses and their gradients at the logits, totals."""

from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.sync import call
from fusednn.kernels.operands import (
    COUNT,
    FLOAT64,
    FUNCTION,
    INT64,
    REALS,
    ROWS,
    maybe,
    op,
    operands,
    padded_width_of,
    width_of,
)

from .frames import sample_of, step_settings, step_totals
from .pointwise.elementwise import clear_columns

CHUNK_ROWS = 32
"""Rows that a loss gets at a time: they and their targets stay in the first-level cache."""

LOGITS = operands(
    dlogits=ROWS,  # its width is padded
    losses=FLOAT64,  # one for each sample
    row_losses=maybe(FLOAT64),  # scratch where samples have several rows: one for each row
    logits=ROWS,
    weights=maybe(REALS),
    constants=REALS,  # of the loss
    order=maybe(INT64),
    function=FUNCTION,
    outputs=width_of("logits"),  # C
    padded_out=width_of("dlogits"),
)
"""What all losses have, wherever their targets are."""
LOSS = operands(LOGITS, targets=ROWS, target_width=width_of("targets"))
KNOWN_LOSS = operands(
    LOSS,
    column_losses=FLOAT64,  # scratch: each row's loss in one column
    divisor=COUNT,  # a row's loss is the sum of its columns' losses divided by this
)
PICK = operands(
    dlogits=ROWS,  # its width is padded
    logits=ROWS,
    of=COUNT,  # an output of the sample, or -1: the largest of the row
    outputs=width_of("logits"),
    padded=padded_width_of("dlogits"),
)
TOTALS = operands(
    losses=FLOAT64,
    squares=FLOAT64,
    absolutes=maybe(FLOAT64),  # as many as squares
    n_squares=COUNT,
    groups=COUNT,  # of outputs, each with losses of its own
    losses_stride=COUNT,
)


@kernel
def turn_block(z, rows, stride, C, R):
    """z (C, R) = rows (R, C)^T; overwrites."""
    for c in range(C):
        for r in range(R):
            z[c * R + r] = rows[r * stride + c]


@kernel
def place_of(record, frame, sample, position):
    """The place, in the targets and in the weights, of a row of a sample of the buffers."""
    own = sample_of(record, frame, sample, LOSS.order)
    return own * record[records.POSITIONS] + position


@kernel
def losses_of(record, first):
    """The losses of rows from `first` on: of samples that have one row, or scratch."""
    if record[LOSS.row_losses] == 0:
        return advance(slot(record, LOSS.losses, 0.0), first)
    return advance(slot(record, LOSS.row_losses, 0.0), first)


@kernel
def add_losses(record, value, first, R):
    """losses of the samples of rows [first, first + R) += value (R,), from 0 at a first row."""
    if record[LOSS.row_losses] == 0:
        return
    losses, positions = slot(record, LOSS.losses, 0.0), record[records.POSITIONS]
    sample, position = first // positions, first % positions
    for r in range(R):
        if position == positions:
            sample, position = sample + 1, 0
        if position == 0:
            losses[sample] = 0.0
        losses[sample] += value[r]
        position += 1


@kernel
def read_block(record, frame, z, t, first, R):
    """z (C, R) = logits and t (T, R) = targets of rows [first, first + R); overwrites."""
    logits, stride = slot(record, LOSS.logits, z[0]), record[LOSS.logits_stride]
    turn_block(z, advance(logits, first * stride), stride, record[LOSS.outputs], R)
    targets, positions = slot(record, LOSS.targets, z[0]), record[records.POSITIONS]
    sample, position = first // positions, first % positions
    place = place_of(record, frame, sample, position)
    for r in range(R):
        if position == positions:
            sample, position = sample + 1, 0
            place = place_of(record, frame, sample, 0)
        target = advance(targets, place * record[LOSS.targets_stride])
        for c in range(record[LOSS.target_width]):
            t[c * R + r] = target[c]
        place, position = place + 1, position + 1


@kernel
def write_block(record, frame, value, z, first, R):
    """Rows [first, first + R): dlogits = weight scale z (C, R), overwrites; value *= weight."""
    dz, scale = slot(record, LOSS.dlogits, z[0]), step_settings(frame)[records.SCALE]
    positions = record[records.POSITIONS]
    sample, position = first // positions, first % positions
    place = place_of(record, frame, sample, position)
    for r in range(R):
        if position == positions:
            sample, position = sample + 1, 0
            place = place_of(record, frame, sample, 0)
        weight = 1.0
        if record[LOSS.weights] != 0:
            weight = float(slot(record, LOSS.weights, z[0])[place])
            value[r] = value[r] * weight
        place, position = place + 1, position + 1
        factor = cast(weight * scale, z[0])
        row = advance(dz, (first + r) * record[LOSS.dlogits_stride])
        for c in range(record[LOSS.outputs]):
            row[c] = z[c * R + r] * factor
        for c in range(record[LOSS.outputs], record[LOSS.padded_out]):
            row[c] = cast(0, z[0])


@op(LOSS)
def loss_gradient(record, frame, scratch, lo, hi):
    """Rows [lo, hi): dlogits (B, O) = weight x scale x gradient; overwrites.

    The losses of samples are sums over their rows.
    """
    C, width = record[LOSS.outputs], record[LOSS.target_width]
    constants = slot(record, LOSS.constants, scratch[0])
    status = 0
    first = lo
    while first < hi:
        R = min(CHUNK_ROWS, hi - first)
        z, t = scratch, advance(scratch, C * R)
        work = advance(t, width * R)
        read_block(record, frame, z, t, first, R)
        value = losses_of(record, first)
        status |= call(record, LOSS.function, (value, z, t, work, C, R, constants))
        write_block(record, frame, value, z, first, R)
        add_losses(record, value, first, R)
        first += R
    return status


@op(KNOWN_LOSS)
def known_loss_gradient(record, frame, scratch, lo, hi):
    """`loss_gradient` where a NaN is an unknown target, with loss 0 and gradient 0; overwrites.

    The loss gets one column of a block's targets at a time. Each unknown target is replaced by a
    known one of the column, so that the loss gets only valid targets.
    """
    C, width = record[LOSS.outputs], record[LOSS.target_width]
    per_target = C // width
    constants = slot(record, LOSS.constants, scratch[0])
    divisor, zero = float(record[KNOWN_LOSS.divisor]), cast(0, scratch[0])
    status = 0
    first = lo
    while first < hi:
        R = min(CHUNK_ROWS, hi - first)
        z, t = scratch, advance(scratch, C * R)
        filled = advance(t, width * R)
        work = advance(filled, R)
        read_block(record, frame, z, t, first, R)
        value = losses_of(record, first)
        column = advance(slot(record, KNOWN_LOSS.column_losses, 0.0), first)
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
                    record, LOSS.function, (column, own, filled, work, per_target, R, constants)
                )
            for r in range(R):
                if target[r] == target[r]:
                    value[r] += column[r] / divisor
                else:
                    for o in range(per_target):
                        own[o * R + r] = zero
        write_block(record, frame, value, z, first, R)
        add_losses(record, value, first, R)
        first += R
    return status


@op(PICK)
def pick(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of dlogits (B, O): 1 at the output `of` of each sample, whose rows follow one
    another, or at the first of the largest logits (B, O) of each row; 0 elsewhere; overwrites.
    """
    logits, dlogits = slot(record, PICK.logits, scratch[0]), slot(record, PICK.dlogits, scratch[0])
    for row in range(lo, hi):
        z = advance(logits, row * record[PICK.logits_stride])
        dz = advance(dlogits, row * record[PICK.dlogits_stride])
        best = record[PICK.of]
        if best < 0:
            best = 0
            for c in range(1, record[PICK.outputs]):
                if z[c] > z[best]:
                    best = c
        else:
            best -= row % record[records.POSITIONS] * record[PICK.outputs]
        clear_columns(dz, 0, record[PICK.padded])
        if 0 <= best < record[PICK.outputs]:
            dz[best] = cast(1, z[0])
    return 0


@op(TOTALS)
def sum_losses(record, frame, scratch, lo, hi):
    """The step's totals: losses by group and row, squared weights by tile, float64; overwrites."""
    values, squares = slot(record, TOTALS.losses, 0.0), slot(record, TOTALS.squares, 0.0)
    totals = step_totals(frame)
    total = 0.0
    for group in range(record[TOTALS.groups]):
        first = group * record[TOTALS.losses_stride]
        for r in range(frame[records.SAMPLES]):
            total += values[first + r]
    totals[records.LOSS] = total
    total = 0.0
    for tile in range(record[TOTALS.n_squares]):
        total += squares[tile]
    totals[records.SQUARES] = total
    if record[TOTALS.absolutes] != 0:
        absolutes = slot(record, TOTALS.absolutes, 0.0)
        total = 0.0
        for tile in range(record[TOTALS.n_squares]):
            total += absolutes[tile]
        totals[records.ABSOLUTES] = total
    return 0
