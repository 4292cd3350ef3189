"""Copies, sums, a factor per column, and PReLU on rows."""

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
from fusednn.kernels.ops.pointwise import elementwise
from fusednn.kernels.ops.pointwise.elementwise import (
    ADD,
    COPY,
    PRELU,
    PRELU_BACKWARD,
    SCALE,
    SCALE_BACKWARD,
)


@twin(elementwise.copy_rows, over_padding=True)
def copy_rows(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, padded) = x (B, padded); overwrites."""
    x, out = slot(record, COPY.x, scratch[0]), slot(record, COPY.out, scratch[0])
    for row in range(first_row(lo), hi, groups()):
        here = advance(x, row * record[COPY.x_stride])
        there = advance(out, row * record[COPY.out_stride])
        for c in range(first_column(), record[COPY.padded], GROUP):
            there[c] = here[c]


@twin(elementwise.add_rows, over_padding=True)
def add_rows(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, padded) += other (B, padded); accumulates."""
    x, out = slot(record, ADD.other, scratch[0]), slot(record, ADD.out, scratch[0])
    for row in range(first_row(lo), hi, groups()):
        here = advance(x, row * record[ADD.other_stride])
        there = advance(out, row * record[ADD.out_stride])
        for c in range(first_column(), record[ADD.padded], GROUP):
            there[c] = there[c] + here[c]


@twin(elementwise.scale_rows, over_padding=True)
def scale_rows(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = (x (B, O) - mean) factor; overwrites, out may be x."""
    x, out = slot(record, SCALE.x, scratch[0]), slot(record, SCALE.out, scratch[0])
    mean, factor = slot(record, SCALE.mean, scratch[0]), slot(record, SCALE.factor, scratch[0])
    for row in range(first_row(lo), hi, groups()):
        here = advance(x, row * record[SCALE.x_stride])
        there = advance(out, row * record[SCALE.out_stride])
        for c in range(first_column(), record[SCALE.width], GROUP):
            there[c] = (here[c] - mean[c]) * factor[c]
        clear_columns(there, record[SCALE.width], record[SCALE.padded])


@twin(elementwise.scale_backward, over_padding=True)
def scale_backward(record, frame, scratch, lo, hi):
    """Rows [lo, hi): dx (B, O) <- dx factor (O,), products (B, O) from x to dx x; in place."""
    width, padded = record[SCALE_BACKWARD.width], record[SCALE_BACKWARD.padded]
    x = slot(record, SCALE_BACKWARD.products, scratch[0])
    d = slot(record, SCALE_BACKWARD.dx, scratch[0])
    factor = slot(record, SCALE_BACKWARD.factor, scratch[0])
    for row in range(first_row(lo), hi, groups()):
        here = advance(x, row * record[SCALE_BACKWARD.products_stride])
        there = advance(d, row * record[SCALE_BACKWARD.dx_stride])
        for c in range(first_column(), width, GROUP):
            dout = there[c]
            here[c] = dout * here[c]
            there[c] = dout * factor[c]
        clear_columns(here, width, padded)
        clear_columns(there, width, padded)


@twin(elementwise.prelu_forward, over_padding=True)
def prelu_forward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = x (B, O) where x > 0, else slope (O,) x; overwrites."""
    x, out = slot(record, PRELU.x, scratch[0]), slot(record, PRELU.out, scratch[0])
    slope, zero = slot(record, PRELU.slope, scratch[0]), cast(0, scratch[0])
    for row in range(first_row(lo), hi, groups()):
        here = advance(x, row * record[PRELU.x_stride])
        there = advance(out, row * record[PRELU.out_stride])
        for c in range(first_column(), record[PRELU.width], GROUP):
            below = slope[c] * here[c]
            there[c] = here[c] if here[c] > zero else below
        clear_columns(there, record[PRELU.width], record[PRELU.padded])


@twin(elementwise.prelu_backward, over_padding=True)
def prelu_backward(record, frame, scratch, lo, hi):
    """Rows [lo, hi): dx (B, O) <- dx out'(x), products (B, O) from x to dx min(x, 0); in place."""
    width, padded = record[PRELU_BACKWARD.width], record[PRELU_BACKWARD.padded]
    x = slot(record, PRELU_BACKWARD.products, scratch[0])
    d, slope = (
        slot(record, PRELU_BACKWARD.dx, scratch[0]),
        slot(record, PRELU_BACKWARD.slope, scratch[0]),
    )
    zero, one = cast(0, scratch[0]), cast(1, scratch[0])
    for row in range(first_row(lo), hi, groups()):
        here = advance(x, row * record[PRELU_BACKWARD.products_stride])
        there = advance(d, row * record[PRELU_BACKWARD.dx_stride])
        for c in range(first_column(), width, GROUP):
            above, dout, factor = here[c] > zero, there[c], slope[c]
            here[c] = dout * (zero if above else here[c])
            there[c] = dout * (one if above else factor)
        clear_columns(here, width, padded)
        clear_columns(there, width, padded)
