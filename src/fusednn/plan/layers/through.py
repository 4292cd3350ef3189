"""Ops without trained parameters: an epilogue by itself, noise, and fixed scaling of columns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from fusednn.kernels.ops import noise
from fusednn.kernels.ops import rows as ops
from fusednn.plan.buffers import padded
from fusednn.plan.data import Input
from fusednn.plan.rows import Block, Rows

from .columnwise import Columnwise, as_block


@dataclass(frozen=True)
class Through(Columnwise):
    """An epilogue where no other op has room for it."""

    def lower(self, rows: Rows, x: Block | Input) -> Block:
        return self.after.lower(rows, as_block(rows, x))


@dataclass(frozen=True)
class Noise(Columnwise):
    """Adds normal noise in training.

    Parameters
    ----------
    width, after, rate
        As of every such op.
    deviation : float
        The noise's.
    """

    deviation: float = 0.0

    def is_random(self) -> bool:
        return self.deviation > 0 or super().is_random()

    def lower(self, rows: Rows, x: Block | Input) -> Block:
        x = as_block(rows, x)
        if rows.noisy and self.deviation > 0:
            x = rows.own(x)
            rows.add(
                noise.gaussian_noise,
                {
                    noise.OUT: x.values,
                    noise.STRIDE: x.stride,
                    noise.WIDTH: x.width,
                    noise.KEY: rows.key,
                    noise.LAYER: rows.next_stream(),
                    noise.DEVIATION: float(self.deviation),
                },
            )
        return self.after.lower(rows, x)


@dataclass(frozen=True)
class Scale(Columnwise):
    """(x - mean) factor, by column.

    Parameters: mean and factor (width,), found in the data before training.
    """

    @property
    def vectors(self) -> int:
        return 2

    def lower(self, rows: Rows, x: Block | Input) -> Block:
        mean, factor = map(rows.parameter, rows.take(2))
        x, out = as_block(rows, x), rows.block(self.width)
        rows.add(
            ops.scale_rows,
            {
                ops.X: x.values,
                ops.STRIDE: x.stride,
                ops.OUT: out.values,
                ops.OUT_STRIDE: out.stride,
                ops.WIDTH: self.width,
                ops.PADDED: padded(self.width, rows.dtype),
                ops.MEAN: mean,
                ops.FACTOR: factor,
            },
        )
        if rows.trains:
            rows.tape.append(partial(self._back, rows, factor))
        return self.after.lower(rows, out)

    def _back(self, rows: Rows, factor: np.ndarray, d: Block) -> Block:
        d = rows.own(d)
        rows.add(
            ops.scale_rows,
            {
                ops.X: d.values,
                ops.STRIDE: d.stride,
                ops.OUT: d.values,
                ops.OUT_STRIDE: d.stride,
                ops.WIDTH: self.width,
                ops.PADDED: padded(self.width, rows.dtype),
                ops.MEAN: rows.zeros(self.width),
                ops.FACTOR: factor,
            },
        )
        return d
