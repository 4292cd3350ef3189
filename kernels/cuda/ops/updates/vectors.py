"""The optimizer's step on vectors, or parts of them, whose gradient is in memory of the block.

As `step_bias` and `step_narrow` of the CPU: a part is at most four panels wide, and what the
totals need of it is summed by lanes in the CPU's order.
"""

from fusednn.kernels import records
from fusednn.kernels.cuda.language import barrier, local, shared, thread, threads
from fusednn.kernels.cuda.ops.updates.settings import add_sign
from fusednn.kernels.cuda.sums.lanes import add_lanes, lane_sum
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.tiles import ROW_PANELS, VECTORS
from fusednn.kernels.ops.updates.adjust import absolutes_factor
from fusednn.kernels.ops.updates.update import UPDATE, squares_factor


def part_of(lo, like):
    """The number of the part that begins at element lo."""
    return lo // (ROW_PANELS * VECTORS * lanes_of(like))


def sum_units(record, at, apart, units, n, factor, absolute, like):
    """The sum over units of the squares, or absolute values, of n parameters each.

    Unit u begins at element at + u apart. Only the first thread gets the sum.
    """
    sums, lanes = shared(256, 0.0), lanes_of(like)
    w = slot(record, UPDATE.parameters, like)
    for chain in range(thread(), units * lanes, threads()):
        own = advance(w, at + chain // lanes * apart)
        sums[chain] = lane_sum(own, chain % lanes, n, absolute)
    barrier()
    total = 0.0
    if thread() == 0:
        for unit in range(units):
            own = add_lanes(advance(sums, unit * lanes), lanes)
            total += own * factor if absolute else own
        if not absolute:
            total = total * factor
    barrier()
    return total


def note_part(record, at, apart, units, n, part, adjust, like):
    """What the totals need of a part's parameters before they change."""
    lanes = lanes_of(like)
    whole = (n + lanes - 1) // lanes * lanes  # padding is zero
    if record[UPDATE.squares_out] != 0:
        total = sum_units(record, at, apart, units, whole, squares_factor(record), False, like)
        if thread() == 0:
            slot(record, UPDATE.squares_out, 0.0)[part] = total
    if record[UPDATE.absolutes_out] != 0:
        total = 0.0
        if adjust is not None:
            factor = absolutes_factor(record)
            total = sum_units(record, at, apart, units, whole, factor, True, like)
        if thread() == 0:
            slot(record, UPDATE.absolutes_out, 0.0)[part] = total


def step_one(record, own, g, at, decays, step):
    """The step on element `at` of the parameters, whose gradient is g."""
    w, s1 = slot(record, UPDATE.parameters, g), slot(record, UPDATE.state_1, g)
    s2, s3 = slot(record, UPDATE.state_2, g), slot(record, UPDATE.state_3, g)
    slope = local(1, g)
    slope[0] = g
    decay = cast(0, g)
    if decays:
        decay = cast(own[records.DECAY], g)
        if own[records.L1] != 0.0:
            slope[0] = add_sign(g, w[at], cast(own[records.L1] * absolutes_factor(record), g))
    constants = slot(record, UPDATE.constants, 0.0)
    step(
        advance(w, at), slope, advance(s1, at), advance(s2, at), advance(s3, at), 1, decay, own,
        constants,
    )  # fmt: skip


def step_part(record, own, g, lo, hi, step, adjust, like):
    """The step on elements [lo, hi) of a vector: without decay unless the record says otherwise.

    Each thread steps on the elements whose gradient it has written to g.
    """
    decays = record[UPDATE.decays] != 0
    if decays:
        note_part(record, lo, 0, 1, hi - lo, part_of(lo, like), adjust, like)
    for c in range(thread(), hi - lo, threads()):
        step_one(record, own, g[c], lo + c, decays, step)
