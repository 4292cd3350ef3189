"""Whether weights are finite: as `kernels/ops/updates/finite.py`."""

from fusednn.kernels.cuda.language import block, blocks, thread, threads
from fusednn.kernels.cuda.twins import GRID, twin
from fusednn.kernels.intrinsics.pointers import slot
from fusednn.kernels.ops.updates import finite as cpu
from fusednn.kernels.ops.updates.finite import FINITE, is_finite


@twin(cpu.find_not_finite, spread=GRID)
def find_not_finite(record, frame, scratch, lo, hi):
    """found (1) = 1 if one of elements [lo, hi) of w is not finite; otherwise leaves it."""
    w, found = slot(record, FINITE.w, scratch[0]), slot(record, FINITE.found, lo)
    for i in range(lo + block() * threads() + thread(), hi, blocks() * threads()):
        if not is_finite(w[i]):
            found[0] = 1  # all threads that write it write the same
