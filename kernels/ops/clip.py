"""Clipping of a stored gradient, before the optimizer takes it.

    g <- g min(1, norm / (|g| + 1e-6))     |g| over all parameters of the network
    g <- max(-value, min(value, g))

Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", ICML 2013,
section 3.2, with PyTorch's 1e-6.
"""

import math

from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.layout import sum_squares
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast

# operands of all three
GRADIENT = 1
PARTS = 2  # float64, the sum of squares of each part
PART = 3  # elements of a part, whole vectors
N_PARTS = 4
FACTOR = 5  # address of one float64
NORM = 6
VALUE = 7


@kernel
def gradient_squares(record, frame, scratch, lo, hi):
    """The sum of squares of elements [lo, hi), one part; overwrites its place in PARTS."""
    g = advance(slot(record, GRADIENT, scratch[0]), lo)
    slot(record, PARTS, 0.0)[lo // record[PART]] = sum_squares(g, hi - lo)
    return 0


@kernel
def clip_factor(record, frame, scratch, lo, hi):
    """FACTOR from the parts' sums, added up in their order; overwrites."""
    parts, total = slot(record, PARTS, 0.0), 0.0
    for part in range(record[N_PARTS]):
        total += parts[part]
    factor = number(record, NORM, 0.0) / (math.sqrt(total) + 1e-6)
    slot(record, FACTOR, 0.0)[0] = 1.0 if factor > 1.0 else factor
    return 0


@kernel
def clip_gradient(record, frame, scratch, lo, hi):
    """Elements [lo, hi) times FACTOR, then within [-VALUE, VALUE]; in place."""
    g = advance(slot(record, GRADIENT, scratch[0]), lo)
    factor = cast(slot(record, FACTOR, 0.0)[0], scratch[0])
    value = number(record, VALUE, scratch[0])
    for i in range(hi - lo):
        v = g[i] * factor
        v = value if v > value else v
        g[i] = -value if v < -value else v
    return 0
