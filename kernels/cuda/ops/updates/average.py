"""The average of the weights over the steps: as `kernels/ops/updates/average.py`."""

from fusednn.kernels import records
from fusednn.kernels.cuda.language import thread, threads
from fusednn.kernels.cuda.twins import BLOCK, twin
from fusednn.kernels.intrinsics.pointers import slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops.frames import step_settings
from fusednn.kernels.ops.updates import average as cpu
from fusednn.kernels.ops.updates.average import AVERAGE


@twin(cpu.average_weights, spread=BLOCK)
def average_weights(record, frame, scratch, lo, hi):
    """Elements [lo, hi) of average = average + share (w - average); in place."""
    w = slot(record, AVERAGE.w, scratch[0])
    average = slot(record, AVERAGE.average, scratch[0])
    share = cast(step_settings(frame)[records.AVERAGE], scratch[0])
    for i in range(lo + thread(), hi, threads()):
        average[i] = average[i] + share * (w[i] - average[i])
