"""Applies a layer's factors and an L1 term to an update.

It is called by address before the optimizer's step, so that updates without factors or L1 need
not compile it: in `update_weights` it took 0.3 s of a first fit's compilation.
"""

from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.sums import sum_absolutes
from fusednn.kernels.ops.frames import step_settings

from .update import UPDATE


@kernel
def absolutes_factor(record):
    """The factor of the L1 term, and of absolutes_out."""
    return 1.0 if record[UPDATE.factors] == 0 else slot(record, UPDATE.factors, 0.0)[3]


@kernel
def adjust(record, frame, g, w, n, tile):
    """Writes the worker's own settings, the step's times `factors`; adds the L1 term's gradient of
    n weights w to g, and their absolute values to the tile's sum.
    """
    settings, own = step_settings(frame), slot(frame, records.OWN_SETTINGS, 0.0)
    for i in range(records.SETTINGS_WIDTH):
        own[i] = settings[i]
    if record[UPDATE.factors] != 0:
        factors = slot(record, UPDATE.factors, 0.0)
        own[records.RATE] *= factors[0]
        own[records.SECOND_RATE] *= factors[0]
        own[records.DECAY] *= factors[1]
    if n > 0 and record[UPDATE.absolutes_out] != 0:
        whole = (n + lanes_of(g[0]) - 1) // lanes_of(g[0]) * lanes_of(g[0])  # padding is zero
        absolutes = sum_absolutes(w, whole) * absolutes_factor(record)
        slot(record, UPDATE.absolutes_out, 0.0)[tile] += absolutes
    if settings[records.L1] != 0.0:
        add_signs(settings[records.L1] * absolutes_factor(record), g, w, n)
    return 0


@kernel
def add_signs(share, g, w, n):
    """g += share sign(w), n elements: the L1 term's gradient, 0 where a weight is."""
    above, zero = cast(share, g[0]), cast(0, g[0])
    for i in range(n):
        below = -above if w[i] < zero else zero
        g[i] = g[i] + (above if w[i] > zero else below)
