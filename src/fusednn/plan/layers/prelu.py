"""PReLU: a rectifier whose slope below zero is learned, one for each column."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from fusednn.kernels.ops import rows as ops
from fusednn.plan.buffers import padded
from fusednn.plan.data import Input
from fusednn.plan.rows import Block, Rows

from .columnwise import Columnwise, as_block
from .dense import column_sums


@dataclass(frozen=True)
class PReLU(Columnwise):
    """Parameters: slopes (width,).

    Parameters
    ----------
    width, after, rate
        As of every such op.
    """

    @property
    def vectors(self) -> int:
        return 1

    def lower(self, rows: Rows, x: Block | Input) -> Block:
        [number] = rows.take(1)
        x, out = rows.own(as_block(rows, x)), rows.block(self.width)
        operands = {
            ops.X: x.values,
            ops.STRIDE: x.stride,
            ops.OUT: out.values,
            ops.OUT_STRIDE: out.stride,
            ops.WIDTH: self.width,
            ops.PADDED: padded(self.width, rows.dtype),
            ops.SLOPE: rows.parameter(number),
        }
        rows.add(ops.prelu_forward, operands)
        if rows.trains:
            rows.tape.append(partial(self._back, rows, number, operands, x))
        return self.after.lower(rows, out)

    def _back(self, rows: Rows, number: int, operands, x: Block, d: Block) -> Block:
        d = rows.own(d)
        rows.add(ops.prelu_backward, {**operands, ops.D: d.values, ops.D_STRIDE: d.stride})
        rows.gradients[number] = column_sums(rows, x)  # which has become d min(x, 0)
        return d
