"""Losses and their gradients at the logits, and totals: the CPU's losses, on one row at a time."""

from fusednn.kernels import records
from fusednn.kernels.cuda.language import local
from fusednn.kernels.cuda.spreading import everyone, first
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops import output
from fusednn.kernels.ops.frames import step_settings, step_totals
from fusednn.kernels.ops.output import KNOWN_LOSS, LOSS, PICK, TOTALS, place_of

WARP = 32
"""Threads that run together: sums that are chains are those of different warps."""


def logits_of(record, dz, row):
    """Copies a row's logits to its gradient, where the loss works on them."""
    logits = advance(slot(record, LOSS.logits, dz[0]), row * record[LOSS.logits_stride])
    for c in range(record[LOSS.outputs]):
        dz[c] = logits[c]


def finish_row(record, frame, dz, value, place):
    """dz <- weight scale dz, and its padding 0; the row's loss times its weight."""
    scale, weight = step_settings(frame)[records.SCALE], 1.0
    if record[LOSS.weights] != 0:
        weight = float(slot(record, LOSS.weights, dz[0])[place])
        value = value * weight
    factor, zero = cast(weight * scale, dz[0]), cast(0, dz[0])
    for c in range(record[LOSS.outputs]):
        dz[c] = dz[c] * factor
    for c in range(record[LOSS.outputs], record[LOSS.padded_out]):
        dz[c] = zero
    return value


def add_loss(record, value, sample, row, position):
    """Writes a row's loss, or adds it to those of the sample's rows before."""
    losses = slot(record, LOSS.losses, 0.0)
    if record[LOSS.row_losses] != 0:
        slot(record, LOSS.row_losses, 0.0)[row] = value
        before = losses[sample] if position > 0 else 0.0
        value = before + value
    losses[sample] = value


@twin(output.loss_gradient)
def loss_gradient(record, frame, scratch, lo, hi, function):
    """Rows [lo, hi): dlogits (B, O) = weight x scale x gradient; overwrites. A thread has samples.

    The losses of samples are sums over their rows.
    """
    dlogits, targets = (
        slot(record, LOSS.dlogits, scratch[0]),
        slot(record, LOSS.targets, scratch[0]),
    )
    constants, positions = slot(record, LOSS.constants, scratch[0]), record[records.POSITIONS]
    value, work = local(1, 0.0), local(4, scratch[0])
    for sample in range(lo // positions + first(), (hi + positions - 1) // positions, everyone()):
        for position in range(positions):
            row, place = sample * positions + position, place_of(record, frame, sample, position)
            if lo <= row < hi:
                dz = advance(dlogits, row * record[LOSS.dlogits_stride])
                target = advance(targets, place * record[LOSS.targets_stride])
                logits_of(record, dz, row)
                function(value, dz, target, work, record[LOSS.outputs], 1, constants)
                loss = finish_row(record, frame, dz, value[0], place)
                add_loss(record, loss, sample, row, position)


@twin(output.known_loss_gradient)
def known_loss_gradient(record, frame, scratch, lo, hi, function):
    """`loss_gradient` where a NaN is an unknown target, with loss 0 and gradient 0; overwrites."""
    dlogits, targets = (
        slot(record, LOSS.dlogits, scratch[0]),
        slot(record, LOSS.targets, scratch[0]),
    )
    constants, positions = slot(record, LOSS.constants, scratch[0]), record[records.POSITIONS]
    width, zero = record[LOSS.target_width], cast(0, scratch[0])
    per_target, divisor = record[LOSS.outputs] // width, float(record[KNOWN_LOSS.divisor])
    value, work = local(1, 0.0), local(4, scratch[0])
    for sample in range(lo // positions + first(), (hi + positions - 1) // positions, everyone()):
        for position in range(positions):
            row, place = sample * positions + position, place_of(record, frame, sample, position)
            if lo <= row < hi:
                dz = advance(dlogits, row * record[LOSS.dlogits_stride])
                target = advance(targets, place * record[LOSS.targets_stride])
                logits_of(record, dz, row)
                loss = 0.0
                for c in range(width):
                    own, known = advance(dz, c * per_target), advance(target, c)
                    if known[0] == known[0]:
                        function(value, own, known, work, per_target, 1, constants)
                        loss += value[0] / divisor
                    else:
                        for o in range(per_target):
                            own[o] = zero
                loss = finish_row(record, frame, dz, loss, place)
                add_loss(record, loss, sample, row, position)


@twin(output.pick)
def pick(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of dlogits (B, O): 1 at the output `of` of each sample, or at the first of the
    largest logits (B, O) of each row; 0 elsewhere; overwrites.
    """
    logits, dlogits = slot(record, PICK.logits, scratch[0]), slot(record, PICK.dlogits, scratch[0])
    zero, one = cast(0, scratch[0]), cast(1, scratch[0])
    for row in range(lo + first(), hi, everyone()):
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
        for c in range(record[PICK.padded]):
            dz[c] = zero
        if 0 <= best < record[PICK.outputs]:
            dz[best] = one


def chain_of(values, n, total):
    """total + values[0] + values[1] + ..., in this order."""
    for i in range(n):
        total += values[i]
    return total


@twin(output.sum_losses)
def sum_losses(record, frame, scratch, lo, hi):
    """The step's totals: losses by group and row, squared weights by tile, float64; overwrites.

    Each is one chain of additions, as on the CPU: three threads have one each.
    """
    if first() % WARP == 0:
        totals = step_totals(frame)
        for part in range(first() // WARP, 3, everyone() // WARP):
            if part == 0:
                values, total = slot(record, TOTALS.losses, 0.0), 0.0
                for group in range(record[TOTALS.groups]):
                    own = advance(values, group * record[TOTALS.losses_stride])
                    total = chain_of(own, frame[records.SAMPLES], total)
                totals[records.LOSS] = total
            elif part == 1:
                squares = slot(record, TOTALS.squares, 0.0)
                totals[records.SQUARES] = chain_of(squares, record[TOTALS.n_squares], 0.0)
            elif record[TOTALS.absolutes] != 0:
                absolutes = slot(record, TOTALS.absolutes, 0.0)
                totals[records.ABSOLUTES] = chain_of(absolutes, record[TOTALS.n_squares], 0.0)
