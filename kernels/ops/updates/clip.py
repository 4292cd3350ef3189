"""Clipping of a stored gradient, before the optimizer takes it.

    g <- g min(1, norm / (|g| + 1e-6))     |g| over all parameters of the network
    g <- max(-value, min(value, g))

Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", ICML 2013,
section 3.2, with PyTorch's 1e-6.
"""

import math

from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.sums import sum_squares
from fusednn.kernels.operands import COUNT, FLOAT64, NUMBER, REALS, op, operands

CLIP = operands(
    gradient=REALS,
    parts=FLOAT64,  # the sum of squares of each part
    factor=FLOAT64,  # one element
    part=COUNT,  # elements of a part, whole vectors
    n_parts=COUNT,
    norm=NUMBER,
    value=NUMBER,
)


@op(CLIP)
def gradient_squares(record, frame, scratch, lo, hi):
    """The sum of squares of elements [lo, hi), one part; overwrites its place in parts."""
    g = advance(slot(record, CLIP.gradient, scratch[0]), lo)
    slot(record, CLIP.parts, 0.0)[lo // record[CLIP.part]] = sum_squares(g, hi - lo)
    return 0


@op(CLIP)
def clip_factor(record, frame, scratch, lo, hi):
    """factor from the parts' sums, added up in their order; overwrites."""
    parts, total = slot(record, CLIP.parts, 0.0), 0.0
    for part in range(record[CLIP.n_parts]):
        total += parts[part]
    factor = number(record, CLIP.norm, 0.0) / (math.sqrt(total) + 1e-6)
    slot(record, CLIP.factor, 0.0)[0] = 1.0 if factor > 1.0 else factor
    return 0


@op(CLIP)
def clip_gradient(record, frame, scratch, lo, hi):
    """Elements [lo, hi) times factor, then within [-value, value]; in place."""
    g = advance(slot(record, CLIP.gradient, scratch[0]), lo)
    factor = cast(slot(record, CLIP.factor, 0.0)[0], scratch[0])
    value = number(record, CLIP.value, scratch[0])
    for i in range(hi - lo):
        v = g[i] * factor
        v = value if v > value else v
        g[i] = -value if v < -value else v
    return 0
