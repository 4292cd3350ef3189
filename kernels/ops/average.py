"""The average of the weights over the steps, beside the weights that are trained.

    a <- a + (1 - decay) (w - a)

Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", SIAM Journal on
Control and Optimization 30, 1992, with weights that fall off exponentially.
"""

from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast

# operands of average_weights
W = 1
AVERAGE = 2
DECAY = 3


@kernel
def average_weights(record, frame, scratch, lo, hi):
    """Elements [lo, hi) of AVERAGE = AVERAGE + (1 - DECAY) (W - AVERAGE); in place."""
    w = advance(slot(record, W, scratch[0]), lo)
    average = advance(slot(record, AVERAGE, scratch[0]), lo)
    share = cast(1.0 - number(record, DECAY, 0.0), scratch[0])
    for i in range(hi - lo):
        average[i] = average[i] + share * (w[i] - average[i])
    return 0
