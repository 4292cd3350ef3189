"""Recurrences with rounded weights, for inference: the ways forward with other products."""

import numpy as np
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.lanes import use_full_vectors
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.operands import op
from fusednn.kernels.reduced import multiply_halves, multiply_integers

from . import gru, lstm, rnn
from .walk import FORWARD, walk_forward


@kernel
def multiply_by_halves(record, sums, sums_sample, h, h_sample, start, start_sample, lo, samples):
    """`multiply_floats` with w in bfloat16."""
    multiply_halves(
        sums, sums_sample, h, h_sample, slot(record, FORWARD.w, sums[0]), start, start_sample,
        samples, record[FORWARD.units], record[FORWARD.columns], cast(-float("inf"), sums[0]),
    )  # fmt: skip


@kernel
def multiply_by_integers(record, sums, sums_sample, h, h_sample, start, start_sample, lo, samples):
    """`multiply_floats` with w in integers; each state is rounded to integers on the way.

    Sample by sample, since a product of several would begin with the same row for all.
    """
    word, real = np.int32(0), sums[0]
    w, column_sums = slot(record, FORWARD.w, word), slot(record, FORWARD.column_sums, word)
    factors, scale = slot(record, FORWARD.factors, real), slot(record, FORWARD.scales, real)
    rounded = advance(slot(record, FORWARD.rounded, word), lo * record[FORWARD.rounded_stride])
    zero_point = advance(slot(record, FORWARD.zero_points, word), lo)
    for row in range(samples):
        multiply_integers(
            advance(sums, row * sums_sample), 0, advance(h, row * h_sample), 0, rounded, 0,
            zero_point, advance(scale, lo), w, column_sums, factors,
            advance(start, row * start_sample), 1, record[FORWARD.units], record[FORWARD.columns],
            cast(-float("inf"), real),
        )  # fmt: skip


@op(rnn.FORWARD)
def half_rnn(record, frame, scratch, lo, hi):
    """`rnn_forward` with w in bfloat16."""
    use_full_vectors(scratch[0])
    walk_forward(record, scratch[0], lo, hi, multiply_by_halves, True, rnn.run_cell)
    return 0


@op(lstm.FORWARD)
def half_lstm(record, frame, scratch, lo, hi):
    """`lstm_forward` with w in bfloat16."""
    use_full_vectors(scratch[0])
    walk_forward(record, scratch[0], lo, hi, multiply_by_halves, True, lstm.run_cell)
    return 0


@op(gru.FORWARD)
def half_gru(record, frame, scratch, lo, hi):
    """`gru_forward` with w in bfloat16."""
    use_full_vectors(scratch[0])
    walk_forward(record, scratch[0], lo, hi, multiply_by_halves, False, gru.run_cell)
    return 0


@op(rnn.FORWARD)
def integer_rnn(record, frame, scratch, lo, hi):
    """`rnn_forward` with w in integers."""
    use_full_vectors(scratch[0])
    walk_forward(record, scratch[0], lo, hi, multiply_by_integers, True, rnn.run_cell)
    return 0


@op(lstm.FORWARD)
def integer_lstm(record, frame, scratch, lo, hi):
    """`lstm_forward` with w in integers."""
    use_full_vectors(scratch[0])
    walk_forward(record, scratch[0], lo, hi, multiply_by_integers, True, lstm.run_cell)
    return 0


@op(gru.FORWARD)
def integer_gru(record, frame, scratch, lo, hi):
    """`gru_forward` with w in integers."""
    use_full_vectors(scratch[0])
    walk_forward(record, scratch[0], lo, hi, multiply_by_integers, False, gru.run_cell)
    return 0
