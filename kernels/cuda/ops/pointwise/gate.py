"""The gate of SwiGLU: a thread has a column of both halves."""

from fusednn.kernels.cuda.spreading import (
    GROUP,
    clear_columns,
    first_column,
    first_row,
    groups,
)
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.maths import sigmoid
from fusednn.kernels.ops.pointwise import gate as cpu
from fusednn.kernels.ops.pointwise.gate import BACKWARD, FORWARD


@twin(cpu.gate)
def gate(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = silu(a) b of x = [a, b] (B, 2 O); overwrites."""
    x, out = slot(record, FORWARD.x, scratch[0]), slot(record, FORWARD.out, scratch[0])
    width = record[FORWARD.width]
    for row in range(first_row(lo), hi, groups()):
        here = advance(x, row * record[FORWARD.x_stride])
        there = advance(out, row * record[FORWARD.out_stride])
        for c in range(first_column(), width, GROUP):
            a = here[c]
            there[c] = a * sigmoid(a) * here[width + c]
        clear_columns(there, width, record[FORWARD.padded])


@twin(cpu.gate_backward)
def gate_backward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of dx (B, 2 O) from dout (B, O) and x; overwrites."""
    x, dx = slot(record, BACKWARD.x, scratch[0]), slot(record, BACKWARD.dx, scratch[0])
    dout, half = slot(record, BACKWARD.dout, scratch[0]), record[BACKWARD.half]
    one = cast(1, scratch[0])
    for row in range(first_row(lo), hi, groups()):
        here = advance(x, row * record[BACKWARD.x_stride])
        there = advance(dx, row * record[BACKWARD.dx_stride])
        slopes = advance(dout, row * record[BACKWARD.dout_stride])
        for c in range(first_column(), half, GROUP):
            d, a, b = slopes[c], here[c], here[half + c]
            share = sigmoid(a)
            there[c] = d * b * share * (one + a * (one - share))
            there[half + c] = d * a * share
        clear_columns(there, record[BACKWARD.width], record[BACKWARD.padded])
