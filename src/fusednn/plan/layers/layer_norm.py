"""Layer normalisation: of each row by itself; with or without its mean."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from fusednn.kernels.ops import layer_norm as ops
from fusednn.plan.buffers import aligned_zeros, padded
from fusednn.plan.data import Input
from fusednn.plan.rows import Block, Rows

from .columnwise import Columnwise, as_block
from .dense import column_sums


@dataclass(frozen=True)
class LayerNorm(Columnwise):
    """Parameters: scale and, where centered, shift, of shape (width,).

    Parameters
    ----------
    width, after, rate
        As of every such op.
    centered : bool
        Whether the mean is taken away and a shift added; else it is RMSNorm.
    epsilon : float
        Added to the variance, or to the mean square.
    """

    centered: bool = True
    epsilon: float = 1e-5

    @property
    def vectors(self) -> int:
        return 1 + self.centered

    def lower(self, rows: Rows, x: Block | Input) -> Block:
        numbers = rows.take(1 + self.centered)
        x, out = rows.own(as_block(rows, x)), rows.block(self.width)
        operands = {
            ops.X: x.values,
            ops.STRIDE: x.stride,
            ops.OUT: out.values,
            ops.OUT_STRIDE: out.stride,
            ops.WIDTH: self.width,
            ops.PADDED: padded(self.width, rows.dtype),
            ops.SCALE: rows.parameter(numbers[0]),
            ops.SHIFT: rows.parameter(numbers[1]) if self.centered else None,
            ops.CENTERED: int(self.centered),
            ops.INVERSE: aligned_zeros(rows.count, rows.dtype),
            ops.EPSILON: self.epsilon,
        }
        rows.add(ops.layer_norm_forward, operands)
        if rows.trains:
            rows.tape.append(partial(self._back, rows, numbers, operands, x))
        return self.after.lower(rows, out)

    def _back(self, rows: Rows, numbers, operands, x: Block, d: Block) -> Block:
        dx = rows.block(self.width)
        read = {ops.D: d.values, ops.D_STRIDE: d.stride}
        rows.add(
            ops.layer_norm_backward,
            {**operands, **read, ops.DX: dx.values, ops.DX_STRIDE: dx.stride},
        )
        rows.gradients[numbers[0]] = column_sums(rows, x)  # which has become d xhat
        if self.centered:
            rows.gradients[numbers[1]] = column_sums(rows, d)
        return dx
