"""The average of the weights over the steps, beside the weights that are trained.

    a <- a + share (w - a)

Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", SIAM Journal on
Control and Optimization 30, 1992. With the share (1 - decay) / (1 - decay^t) in step t, a is the
exponentially weighted mean of the weights after all steps so far; its first value does not count.
"""

from fusednn.kernels import records
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.operands import REALS, op, operands
from fusednn.kernels.ops.frames import step_settings

AVERAGE = operands(average=REALS, w=REALS)


@op(AVERAGE)
def average_weights(record, frame, scratch, lo, hi):
    """Elements [lo, hi) of average = average + share (w - average); in place."""
    w = advance(slot(record, AVERAGE.w, scratch[0]), lo)
    average = advance(slot(record, AVERAGE.average, scratch[0]), lo)
    share = cast(step_settings(frame)[records.AVERAGE], scratch[0])
    for i in range(hi - lo):
        average[i] = average[i] + share * (w[i] - average[i])
    return 0
