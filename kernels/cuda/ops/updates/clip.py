"""Clipping of a stored gradient: as `kernels/ops/updates/clip.py`."""

import math

from fusednn.kernels.cuda.language import barrier, shared, thread, threads
from fusednn.kernels.cuda.sums.lanes import add_lanes, lane_sum
from fusednn.kernels.cuda.twins import BLOCK, twin
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops.updates import clip
from fusednn.kernels.ops.updates.clip import CLIP


@twin(clip.gradient_squares, spread=BLOCK)
def gradient_squares(record, frame, scratch, lo, hi):
    """The sum of squares of elements [lo, hi), one part; overwrites its place in parts."""
    g, lanes = advance(slot(record, CLIP.gradient, scratch[0]), lo), lanes_of(scratch[0])
    sums = shared(256, 0.0)
    for lane in range(thread(), lanes, threads()):
        sums[lane] = lane_sum(g, lane, hi - lo, False)
    barrier()
    if thread() == 0:
        slot(record, CLIP.parts, 0.0)[lo // record[CLIP.part]] = add_lanes(sums, lanes)
    barrier()


@twin(clip.clip_factor, spread=BLOCK)
def clip_factor(record, frame, scratch, lo, hi):
    """factor from the parts' sums, added up in their order; overwrites."""
    if thread() == 0:
        parts, total = slot(record, CLIP.parts, 0.0), 0.0
        for part in range(record[CLIP.n_parts]):
            total += parts[part]
        factor = number(record, CLIP.norm, 0.0) / (math.sqrt(total) + 1e-6)
        slot(record, CLIP.factor, 0.0)[0] = 1.0 if factor > 1.0 else factor


@twin(clip.clip_gradient, spread=BLOCK)
def clip_gradient(record, frame, scratch, lo, hi):
    """Elements [lo, hi) times factor, then within [-value, value]; in place."""
    g = slot(record, CLIP.gradient, scratch[0])
    factor = cast(slot(record, CLIP.factor, 0.0)[0], scratch[0])
    value = number(record, CLIP.value, scratch[0])
    for i in range(lo + thread(), hi, threads()):
        v = g[i] * factor
        v = value if v > value else v
        g[i] = -value if v < -value else v
