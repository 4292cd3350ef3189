"""The settings of a step with a layer's factors, and the L1 term: as `kernels/ops/updates/adjust`.

They are in shared memory of the block: on the CPU a worker has memory of its own for them.
"""

from fusednn.kernels import records
from fusednn.kernels.cuda.language import barrier, shared, thread, threads
from fusednn.kernels.intrinsics.pointers import slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops.frames import step_settings
from fusednn.kernels.ops.updates.update import UPDATE


def own_settings(record, frame):
    """The step's settings times the record's factors, in shared memory; all threads take part."""
    own, settings = shared(16, 0.0), step_settings(frame)
    barrier()  # another record's may be in use
    for i in range(thread(), records.SETTINGS_WIDTH, threads()):
        own[i] = settings[i] * factor_of(record, i)
    barrier()
    return own


def factor_of(record, setting):
    """The factor of one setting."""
    if record[UPDATE.factors] == 0:
        return 1.0
    factors = slot(record, UPDATE.factors, 0.0)
    if setting == records.RATE or setting == records.SECOND_RATE:
        return factors[0]
    return factors[1] if setting == records.DECAY else 1.0


def add_sign(g, w, share):
    """g + share sign(w): the L1 term's gradient, 0 where a weight is."""
    zero = cast(0, share)
    below = -share if w < zero else zero
    return g + (share if w > zero else below)
