"""The loss of a network that predicts the next token at each step of a window over codes.

The target of a step is the code behind it, so those of all windows are read from the one array
that the windows lie in.
"""

from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.sync import call
from fusednn.kernels.operands import ANY_ROWS, COUNT, op, operands

from .frames import sample_of
from .output import CHUNK_ROWS, LOGITS, add_losses, losses_of, turn_block, write_block
from .products.tokens import integer_at

NEXT_TOKENS = operands(LOGITS, codes=ANY_ROWS, kind=COUNT)
"""`codes` begin behind the first code; sample s of the order begins at place s."""


@kernel
def read_codes(record, frame, z, t, first, R):
    """z (C, R) = logits and t (R,) = targets of rows [first, first + R); overwrites."""
    logits, stride = slot(record, LOGITS.logits, z[0]), record[LOGITS.logits_stride]
    turn_block(z, advance(logits, first * stride), stride, record[LOGITS.outputs], R)
    positions, kind = record[records.POSITIONS], record[NEXT_TOKENS.kind]
    for r in range(R):
        place = sample_of(record, frame, (first + r) // positions, LOGITS.order)
        place += (first + r) % positions
        t[r] = cast(integer_at(record, NEXT_TOKENS.codes, kind, place), t[0])


@op(NEXT_TOKENS)
def next_token_loss(record, frame, scratch, lo, hi):
    """Rows [lo, hi): dlogits (B, O) = scale x gradient; overwrites.

    The losses of samples are sums over their rows.
    """
    C, constants = record[LOGITS.outputs], slot(record, LOGITS.constants, scratch[0])
    status, first = 0, lo
    while first < hi:
        R = min(CHUNK_ROWS, hi - first)
        z, t = scratch, advance(scratch, C * R)
        read_codes(record, frame, z, t, first, R)
        value = losses_of(record, first)
        status |= call(record, LOGITS.function, (value, z, t, advance(t, R), C, R, constants))
        write_block(record, frame, value, z, first, R)
        add_losses(record, value, first, R)
        first += R
    return status
