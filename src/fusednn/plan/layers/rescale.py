"""The scaling of a fitted scaler before a network, where it is not folded into a layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fusednn.kernels.ops import rescale as ops
from fusednn.plan.buffers import padded
from fusednn.plan.data import Input
from fusednn.plan.forms import Column, Form
from fusednn.plan.rows import Block, Rows

from .columnwise import Columnwise, as_block


@dataclass(frozen=True)
class Rescale(Columnwise):
    """min(max((x + before) factor / divisor + after, low), high) by column.

    Rounded step by step, as scikit-learn's scalers do. Parameters: before, factor, divisor,
    after, low and high (width,), float64 in every network; only for inference.
    """

    @property
    def vectors(self) -> int:
        return 6

    def forms(self, dtype) -> list[Form]:
        return [Column(self.width, np.float64) for _ in range(self.vectors)]

    def lower(self, rows: Rows, x: Block | Input) -> Block:
        numbers = rows.take(self.vectors)
        before, factor, divisor, after, low, high = map(rows.parameter, numbers)
        x, out = as_block(rows, x), rows.block(self.width)
        rows.add(
            ops.rescale_rows,
            {
                ops.X: x.values,
                ops.STRIDE: x.stride,
                ops.OUT: out.values,
                ops.OUT_STRIDE: out.stride,
                ops.WIDTH: self.width,
                ops.PADDED: padded(self.width, rows.dtype),
                ops.BEFORE: before,
                ops.FACTOR: factor,
                ops.DIVISOR: divisor,
                ops.AFTER: after,
                ops.LOW: low,
                ops.HIGH: high,
            },
        )
        return self.after.lower(rows, out)
