"""What all recurrent ops share: the order of steps, the product with the state, the gradient.

A block of samples goes through the steps together, so the weights are read once for each step and
block. Rows of one step are as far apart as samples are.

Loops over the units of a row read and write several parts of it. LLVM would test once for all rows
whether these overlap; they do, and the loops would run without vectors. So a row's place is
computed from the record in each round of the loop over rows: then it tests the parts of one row.
"""

from fusednn.kernels._jit import kernel
from fusednn.kernels.gemm import multiply_panels
from fusednn.kernels.intrinsics.pointers import advance
from fusednn.kernels.intrinsics.scalars import cast

BLOCK = 32
"""The most samples that go through the steps together, which the scratch has room for."""


@kernel
def step_of(at, steps, reverse):
    """The step that comes `at`-th: from the first on, or with `reverse` from the last on."""
    return steps - 1 - at if reverse != 0 else at


@kernel
def multiply_state(
    z, z_sample, h, h_sample, w, depth, start, start_sample, samples, units, columns
):
    """z (B, columns) = start + h (B, units) w, with w in panels of `depth` rows; overwrites.

    `start` may be z.
    """
    lowest = cast(-float("inf"), z[0])
    multiply_panels(
        z, z_sample, h, h_sample, w, depth, start, start_sample, samples, units, columns, lowest,
        lowest,
    )  # fmt: skip


@kernel
def add_span(out, x, n):
    """out += x, n elements."""
    for c in range(n):
        out[c] = out[c] + x[c]


@kernel
def copy_span(out, x, n):
    """out = x, n elements."""
    for c in range(n):
        out[c] = x[c]


@kernel
def add_rows(out, out_stride, x, x_stride, rows, width):
    """out (rows, width) += x (rows, width)."""
    for row in range(rows):
        add_span(advance(out, row * out_stride), advance(x, row * x_stride), width)
