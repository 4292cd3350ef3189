"""The average of the weights over the steps, beside the weights that are trained.

    a <- a + share (w - a)

Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", SIAM Journal on
Control and Optimization 30, 1992. The share is the step's: (1 - decay) / (1 - decay^t) in step t
makes a mean of the weights of all steps so far, which fall off exponentially, and nothing else.
"""

from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast

from .frames import step_settings

# operands of average_weights
W = 1
AVERAGE = 2


@kernel
def average_weights(record, frame, scratch, lo, hi):
    """Elements [lo, hi) of AVERAGE = AVERAGE + share (W - AVERAGE); in place."""
    w = advance(slot(record, W, scratch[0]), lo)
    average = advance(slot(record, AVERAGE, scratch[0]), lo)
    share = cast(step_settings(frame)[records.AVERAGE], scratch[0])
    for i in range(hi - lo):
        average[i] = average[i] + share * (w[i] - average[i])
    return 0
