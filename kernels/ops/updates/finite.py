"""Whether weights are finite, where they lie: beside a device they would have to be fetched."""

from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.operands import INT64, REALS, op, operands

FINITE = operands(found=INT64, w=REALS)


@kernel
def is_finite(x):
    """Whether x is neither NaN nor infinite."""
    limit = cast(float("inf"), x)
    return -limit < x and x < limit


@op(FINITE)
def find_not_finite(record, frame, scratch, lo, hi):
    """found (1) = 1 if one of elements [lo, hi) of w is not finite; otherwise leaves it."""
    w, found = slot(record, FINITE.w, scratch[0]), slot(record, FINITE.found, lo)
    for i in range(lo, hi):
        if not is_finite(w[i]):
            found[0] = 1
    return 0
