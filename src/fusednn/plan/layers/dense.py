"""The dense layer: out = after(x w + b)."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from fusednn.kernels.ops import dense, few
from fusednn.plan.data import Input
from fusednn.plan.forms import Column, Form, Panels, Vectors
from fusednn.plan.rows import Block, Gradient, Rows

from .epilogue import NOTHING, Epilogue


class Dense(NamedTuple):
    """Parameters: weights (I, O), biases (O,).

    Parameters
    ----------
    fan_in, fan_out : int
    after : Epilogue
    first : bool
        No parameters come before: its input needs no gradient.
    last : bool
        Its output is the network's.
    bias : bool
        Whether the biases are trained; else they are zero.
    rate, decay : float
        Factors of the learning rate and of the weights' decay.
    max_norm : float
        The largest length of a unit's incoming weights; infinite is no bound.
    weight_norm : bool
        Whether the weights are directions v (I, O) and, a third parameter, lengths g (O,):
        w = v g / |v|.
    """

    fan_in: int
    fan_out: int
    after: Epilogue = NOTHING
    first: bool = False
    last: bool = False
    bias: bool = True
    rate: float = 1.0
    decay: float = 1.0
    max_norm: float = np.inf
    weight_norm: bool = False

    def forms(self, dtype) -> list[Form]:
        weights: Panels
        if self.last and not self.first and self.fan_out <= few.FEW:
            weights = Vectors(self.fan_in, self.fan_out, dtype)
        else:
            weights = Panels(self.fan_in, self.fan_out, dtype, transposed=not self.first)
        weights.factors = self.rate, 0.0 if self.weight_norm else self.decay
        weights.largest, weights.is_normed = self.max_norm, self.weight_norm
        bias = Column(self.fan_out, dtype)
        bias.factors = self.rate, 0.0
        if not self.weight_norm:
            return [weights, bias]
        lengths = Column(self.fan_out, dtype)
        lengths.factors = self.rate, 0.0
        return [weights, bias, lengths]

    def products(self) -> list[tuple[int, int]]:
        return [(self.fan_in, self.fan_out)]

    def joins_rows(self) -> bool:
        return False

    def is_random(self) -> bool:
        return self.after.dropout > 0

    def lower(self, rows: Rows, x: Block | Input) -> Block:
        w, b, *lengths = rows.take(2 + self.weight_norm)
        form = self.forms(rows.dtype)[0]
        assert isinstance(form, Panels)
        out = rows.block(self.fan_out)
        operands = {
            "W": rows.normed(form, w, lengths[0]) if lengths else rows.parameter(w),
            "B": rows.parameter(b),
            "OUT": out.values,
            "OUT_STRIDE": out.stride,
            "FAN_IN": self.fan_in,
            "FAN_OUT": self.fan_out if rows.plain else form.padded_out,
            "FLOOR": float(self.after.floor),
        }
        if isinstance(x, Input):
            gradient = x.lower_product(rows, operands, form)
        else:
            op = form.plain_op if rows.plain else form.forward_op
            read = {dense.X: x.values, dense.X_STRIDE: x.stride, dense.IN_PLACE: 0}
            read |= form.operands(rows.plain)
            rows.add(op, read | {getattr(dense, name): value for name, value in operands.items()})
            gradient = Gradient(
                form.update_op,
                {dense.GRADIENT_X: x.values, dense.GRADIENT_X_STRIDE: x.stride},
            )
        if rows.trains:
            rows.tape.append(partial(self._back, rows, (w, b), operands["W"], form, gradient))
        return self.after.lower(rows, out, floored=True)

    def _back(self, rows: Rows, numbers, weights, form: Panels, gradient: Gradient, d: Block):
        w, b = numbers
        dz = {
            dense.GRADIENT_DZ: d.values,
            dense.GRADIENT_DZ_STRIDE: d.stride,
            dense.GRADIENT_ZEROS: rows.zeros(max(form.padded_in, form.padded_out)),
        }
        rows.gradients[w] = Gradient(gradient.op, gradient.operands | dz)
        if self.bias:
            rows.gradients[b] = column_sums(rows, d)
        if self.first:
            return None
        dx, copy = rows.block(self.fan_in), rows.transposed(w)
        rows.add(
            form.backward_op,
            {
                dense.DX: dx.values,
                dense.DX_STRIDE: dx.stride,
                dense.DZ: d.values,
                dense.DZ_STRIDE: d.stride,
                dense.W_TRANSPOSED: weights if copy is None else copy,
                dense.ZEROS: rows.zeros(form.padded_in),
                dense.PADDED_IN: form.padded_in,
                dense.REAL_OUT: form.fan_out,
                dense.PADDED_OUT: form.padded_out,
                **form.operands(),
            },
        )
        return dx


def column_sums(rows: Rows, d: Block) -> Gradient:
    """The gradient of a vector that is added to each row, from that of the sum."""
    return Gradient(
        dense.update_bias,
        {
            dense.GRADIENT_X: np.ones(1, rows.dtype),
            dense.GRADIENT_DZ: d.values,
            dense.GRADIENT_DZ_STRIDE: d.stride,
            dense.GRADIENT_ZEROS: rows.zeros(d.width),
        },
    )
