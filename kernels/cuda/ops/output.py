"""Losses and their gradients at the logits, and totals: the CPU's losses, on one row at a time.

A block has some samples, so that it can add up the losses of their rows.
"""

import numpy as np
from fusednn.kernels import records
from fusednn.kernels.cuda.language import barrier, block, blocks, local, thread, threads
from fusednn.kernels.cuda.ops.softmax_rows import TILE, is_softmax, rows_at_once, soften_rows
from fusednn.kernels.cuda.spreading import everyone, first, is_inside
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


def samples_at_once(record, rows):
    """The samples that a block takes at once: those of about so many rows, at least one."""
    return max(1, rows // record[records.POSITIONS])


def last_sample(record, hi):
    """The sample behind those of the rows before hi."""
    return (hi + record[records.POSITIONS] - 1) // record[records.POSITIONS]


def note_loss(record, value, row):
    """Writes a row's loss: that of a sample, if it has one row."""
    if record[LOSS.row_losses] != 0:
        slot(record, LOSS.row_losses, 0.0)[row] = value
    else:
        slot(record, LOSS.losses, 0.0)[row] = value


def add_losses(record, lo, hi, first, last):
    """The losses of samples [first, last): sums over those of their rows that are in [lo, hi)."""
    barrier()
    losses, positions = slot(record, LOSS.losses, 0.0), record[records.POSITIONS]
    if record[LOSS.row_losses] != 0:
        of_rows = slot(record, LOSS.row_losses, 0.0)
        for sample in range(first + thread(), last, threads()):
            total = losses[sample] if lo > sample * positions else 0.0
            for row in range(max(lo, sample * positions), min(hi, (sample + 1) * positions)):
                if is_inside(record, row):
                    total += of_rows[row]
            losses[sample] = total


def target_of(record, frame, row, like):
    """The place of a row's targets and weight, and the pointer to its targets."""
    positions, targets = record[records.POSITIONS], slot(record, LOSS.targets, like)
    place = place_of(record, frame, row // positions, row % positions)
    return place, advance(targets, place * record[LOSS.targets_stride])


def by_rows(record, frame, lo, hi, loss_of_row, function, like):
    """The losses of rows [lo, hi), and those of samples, sums over their rows; a thread has a row.

    loss_of_row(record, frame, row, dz, work, function) gives a row's loss; dz begins as its logits
    and becomes their gradient.
    """
    work, positions, end = local(4, like), record[records.POSITIONS], last_sample(record, hi)
    group = samples_at_once(record, threads())
    for sample in range(lo // positions + block() * group, end, blocks() * group):
        last = min(sample + group, end)
        top, bottom = max(lo, sample * positions), min(hi, last * positions)
        for row in range(top + thread(), bottom, threads()):
            if is_inside(record, row):
                dz = advance(slot(record, LOSS.dlogits, like), row * record[LOSS.dlogits_stride])
                logits_of(record, dz, row)
                value = loss_of_row(record, frame, row, dz, work, function)
                note_loss(record, value, row)
        add_losses(record, lo, hi, sample, last)


def loss_of_target(record, frame, row, dz, work, function):
    """A row's loss; dz <- its gradient."""
    value, constants = local(1, 0.0), slot(record, LOSS.constants, dz[0])
    place, target = target_of(record, frame, row, cast(0, dz[0]))
    function(value, dz, target, work, record[LOSS.outputs], 1, constants)
    return finish_row(record, frame, dz, value[0], place)


@twin(output.loss_gradient, over_padding=True)
def loss_gradient(record, frame, scratch, lo, hi, function):
    """Rows [lo, hi): dlogits (B, O) = weight x scale x gradient; overwrites."""
    by_rows(record, frame, lo, hi, loss_of_target, function, cast(0, scratch[0]))


@twin(output.loss_gradient, where=is_softmax)
def loss_gradient_of_softmax(record, frame, scratch, lo, hi, function):
    """`loss_gradient` of the softmax cross-entropy: all threads of a block have its rows."""
    scale, positions = step_settings(frame)[records.SCALE], record[records.POSITIONS]
    group, like = samples_at_once(record, WARP), cast(0, scratch[0])
    for sample in range(
        lo // positions + block() * group, last_sample(record, hi), blocks() * group
    ):
        last = min(sample + group, last_sample(record, hi))
        first, end = max(lo, sample * positions), min(hi, last * positions)
        rows = rows_at_once(end - first)
        for top in range(first, end, rows):
            own, label, weight = top + thread(), 0, 1.0
            has_row = thread() < min(rows, end - top) and is_inside(record, own)
            if has_row:
                place, target = target_of(record, frame, own, like)
                label = np.int64(target[0])
                if record[LOSS.weights] != 0:
                    weight = float(slot(record, LOSS.weights, like)[place])
            factor = cast(weight * scale, like)
            n = min(rows, end - top)
            value = soften_rows(record, top, n, TILE // rows, label, factor)
            if has_row:
                note_loss(record, value * weight, own)
        add_losses(record, lo, hi, sample, last)


def loss_of_known(record, frame, row, dz, work, function):
    """A row's loss at the targets that are no NaN; dz <- its gradient."""
    value, constants, total = local(1, 0.0), slot(record, LOSS.constants, dz[0]), 0.0
    width, divisor = record[LOSS.target_width], float(record[KNOWN_LOSS.divisor])
    per_target, zero = record[LOSS.outputs] // width, cast(0, dz[0])
    place, target = target_of(record, frame, row, zero)
    for c in range(width):
        own, known = advance(dz, c * per_target), advance(target, c)
        if known[0] == known[0]:
            function(value, own, known, work, per_target, 1, constants)
            total += value[0] / divisor
        else:
            for o in range(per_target):
                own[o] = zero
    return finish_row(record, frame, dz, total, place)


@twin(output.known_loss_gradient, over_padding=True)
def known_loss_gradient(record, frame, scratch, lo, hi, function):
    """`loss_gradient` where a NaN is an unknown target, with loss 0 and gradient 0; overwrites."""
    by_rows(record, frame, lo, hi, loss_of_known, function, cast(0, scratch[0]))


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
