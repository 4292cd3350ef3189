"""Batch normalisation: of each column over the rows of a batch, or by running statistics."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from fusednn.kernels.intrinsics.tiles import ROWS
from fusednn.kernels.ops import batch_norm as ops
from fusednn.kernels.ops import dense
from fusednn.plan.buffers import aligned_zeros, padded
from fusednn.plan.data import Input
from fusednn.plan.rows import Block, Gradient, Rows

from .columnwise import Columnwise, as_block


@dataclass(frozen=True)
class BatchNorm(Columnwise):
    """Parameters: scale and shift, then the running mean and variance, of shape (width,) each.

    Parameters
    ----------
    width, after, rate
        As of every such op.
    momentum : float
        The share of a batch's statistics in the running ones.
    epsilon : float
        Added to the variance.
    """

    momentum: float = 0.1
    epsilon: float = 1e-5

    @property
    def vectors(self) -> int:
        return 4

    def joins_rows(self) -> bool:
        return True

    def lower(self, rows: Rows, x: Block | Input) -> Block:
        numbers = rows.take(4)
        scale, shift, mean, variance = map(rows.parameter, numbers)
        x, out = rows.own(as_block(rows, x)), rows.block(self.width)
        count = padded(self.width, rows.dtype)
        inverse = aligned_zeros(count, rows.dtype)
        operands = {
            ops.X: x.values,
            ops.STRIDE: x.stride,
            ops.OUT: out.values,
            ops.OUT_STRIDE: out.stride,
            ops.WIDTH: self.width,
            ops.PADDED: count,
            ops.MEAN: mean,
            ops.INVERSE: inverse,
            ops.SCALE: scale,
            ops.SHIFT: shift,
        }
        if rows.trains:
            chunks = -(-rows.count // ROWS)
            operands |= {
                ops.PARTIALS: aligned_zeros(2 * count * chunks, rows.dtype),
                ops.MEAN: aligned_zeros(count, rows.dtype),
                ops.RUNNING_MEAN: mean,
                ops.RUNNING_VARIANCE: variance,
                ops.EPSILON: self.epsilon,
                ops.MOMENTUM: self.momentum,
            }
            rows.add(ops.batch_partials, operands)
            rows.cut(ops.batch_statistics, operands)
            rows.tape.append(partial(self._back, rows, numbers[:2], operands))
        else:
            width = self.width

            def refresh():
                spread = variance[:width].astype(float) + self.epsilon
                inverse[:width] = 1 / np.sqrt(spread)

            rows.refresh.append(refresh)
        rows.add(ops.batch_norm_forward, operands)
        return self.after.lower(rows, out)

    def _back(self, rows: Rows, numbers, operands, d: Block) -> Block:
        d = rows.own(d)
        sums = [aligned_zeros(operands[ops.PADDED], rows.dtype) for _ in numbers]
        operands = operands | {ops.D: d.values, ops.DSCALE: sums[0], ops.DSHIFT: sums[1]}
        rows.add(ops.batch_norm_partials, operands)
        rows.cut(ops.batch_norm_sums, operands)
        rows.add(ops.batch_norm_backward, operands)
        for number, total in zip(numbers, sums, strict=True):
            rows.gradients[number] = Gradient(dense.apply_bias, {dense.GRADIENT_X: total})
        return d
