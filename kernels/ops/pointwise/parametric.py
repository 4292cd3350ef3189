"""An activation of which each column has as much as it learned, beside the identity.

    out = (1 - share) x + share f(x)        dout/dx = 1 + share (f'(x) - 1)

Holzmüller, Grinsztajn and Steinwart, "Better by default", NeurIPS 2024. With a share of 1 it is f
to the last bit. The sums over the batch of dout (f(x) - x) are the gradients of the shares.
"""

from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.intrinsics.sync import call
from fusednn.kernels.operands import (
    FUNCTION,
    REALS,
    ROWS,
    maybe,
    op,
    operands,
    padded_width_of,
    width_of,
)
from fusednn.kernels.ops.pointwise.elementwise import clear_columns

FORWARD = operands(
    out=ROWS,
    slopes=maybe(ROWS),  # these two for the way back
    excess=maybe(ROWS),
    x=ROWS,
    share=REALS,
    constants=REALS,  # the activation's
    function=FUNCTION,  # with slopes and without a derivative it writes the activation's too
    derivative=maybe(FUNCTION),  # from the activation's output, where there are slopes
    width=width_of("out"),
    padded=padded_width_of("out"),
)


@kernel
def blend_row(out, x, share, n):
    """out <- (1 - share) x + share out, n elements."""
    one = cast(1, out[0])
    for c in range(n):
        out[c] = (one - share[c]) * x[c] + share[c] * out[c]


@kernel
def note_row(slopes, excess, out, x, share, n):
    """excess = out - x, overwrites; slopes <- 1 + share (slopes - 1); n elements."""
    one = cast(1, out[0])
    for c in range(n):
        excess[c] = out[c] - x[c]
        slopes[c] = one + share[c] * (slopes[c] - one)


@kernel
def activate_row(record, out, slopes, n):
    """out <- f(out), and slopes = f' there, n elements; a status."""
    constants, one = slot(record, FORWARD.constants, out[0]), cast(1, out[0])
    if record[FORWARD.derivative] == 0:
        return call(record, FORWARD.function, (out, slopes, n, constants))
    status = call(record, FORWARD.function, (out, n, constants))
    for c in range(n):
        slopes[c] = one
    return status | call(record, FORWARD.derivative, (slopes, out, n, constants))


@op(FORWARD)
def parametric_forward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = (1 - share) x + share f(x); where asked for, of slopes (B, O)
    its derivative and of excess (B, O) = f(x) - x; overwrites (Holzmüller et al., 2024).
    """
    width, padded, status = record[FORWARD.width], record[FORWARD.padded], 0
    share = slot(record, FORWARD.share, scratch[0])
    for row in range(lo, hi):
        x = advance(slot(record, FORWARD.x, scratch[0]), row * record[FORWARD.x_stride])
        out = advance(slot(record, FORWARD.out, scratch[0]), row * record[FORWARD.out_stride])
        for c in range(padded):
            out[c] = x[c]
        if record[FORWARD.slopes] == 0 or record[FORWARD.excess] == 0:
            constants = slot(record, FORWARD.constants, scratch[0])
            status |= call(record, FORWARD.function, (out, padded, constants))
        else:
            at, there = row * record[FORWARD.slopes_stride], row * record[FORWARD.excess_stride]
            slopes = advance(slot(record, FORWARD.slopes, scratch[0]), at)
            excess = advance(slot(record, FORWARD.excess, scratch[0]), there)
            status |= activate_row(record, out, slopes, padded)
            note_row(slopes, excess, out, x, share, width)
            clear_columns(slopes, width, padded)
            clear_columns(excess, width, padded)
        blend_row(out, x, share, width)
        clear_columns(out, width, padded)
    return status
