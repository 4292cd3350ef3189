"""The dense layer with weights of less precision, for inference: out = after(x w + b)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fusednn.kernels.intrinsics.integers import DOT, MOST_WORDS
from fusednn.kernels.ops import dense, reduced
from fusednn.plan.buffers import aligned_zeros
from fusednn.plan.data import Input
from fusednn.plan.forms import Column, Form, Vectors
from fusednn.plan.reduced import Halves, Integers
from fusednn.plan.rows import Block, Rows

from .dense import Dense
from .epilogue import NOTHING, Epilogue
from .layer import Layer
from .residual import Residual

HALF, INTEGER = "bfloat16", "int8"
STORAGES = HALF, INTEGER


class ReducedDense(NamedTuple):
    """Parameters: weights (I, O), biases (O,), both float32 as users see them.

    Parameters
    ----------
    fan_in, fan_out : int
    storage : str
        HALF: weights are rounded to bfloat16, and all is computed in float32. INTEGER: weights
        are integers times a factor of their column, and the rows of the input are rounded to
        integers from 0 to 255, less a zero and times a factor of the row; sums are exact.
    after : Epilogue
    """

    fan_in: int
    fan_out: int
    storage: str
    after: Epilogue = NOTHING

    def forms(self, dtype) -> list[Form]:
        kind = Halves if self.storage == HALF else Integers
        return [kind(self.fan_in, self.fan_out), Column(self.fan_out, dtype)]

    def products(self) -> list[tuple[int, int]]:
        return [(self.fan_in, self.fan_out)]

    def joins_rows(self) -> bool:
        return False

    def is_random(self) -> bool:
        return False

    def lower(self, rows: Rows, x: Block | Input) -> Block:
        w, b = map(rows.parameter, rows.take(2))
        form, out = self.forms(rows.dtype)[0], rows.block(self.fan_out)
        if isinstance(x, Input):
            operands = x.read(rows)
        else:
            operands = {dense.X: x.values, dense.X_STRIDE: x.stride, dense.IN_PLACE: 0}
        operands |= {
            dense.W: w,
            dense.B: b,
            dense.OUT: out.values,
            dense.OUT_STRIDE: out.stride,
            dense.FAN_IN: self.fan_in,
            dense.FLOOR: float(self.after.floor),
        }
        if isinstance(form, Integers):
            operands |= _rounded(rows, form, w)
            operands[dense.FAN_OUT] = form.padded_out
            rows.add(reduced.integer_forward, operands)
        else:
            assert isinstance(form, Halves)
            operands[dense.FAN_OUT] = form.padded_out
            rows.add(reduced.half_forward, operands)
        return self.after.lower(rows, out, floored=True)


def _rounded(rows: Rows, form: Integers, w: np.ndarray) -> dict:
    """Where the weights' factors and sums are, and where rows are rounded to."""
    panels, factors, sums = form.parts(w)
    stride = form.words + -form.words % 16  # of 64 bytes
    return {
        dense.W: panels,
        reduced.FACTORS: factors,
        reduced.SUMS: sums,
        reduced.ROUNDED: aligned_zeros(rows.count * stride, np.int32),
        reduced.ROUNDED_STRIDE: stride,
        reduced.ZEROS: aligned_zeros(rows.count, np.int32),
        reduced.SCALES: aligned_zeros(rows.count, np.float32),
    }


def with_storage(ops: Sequence[Layer], storage: str) -> tuple[Layer, ...]:
    """Ops whose dense layers keep their weights so.

    A last layer of few units stays as it is, and with integers one of very many inputs, whose
    sums would not be exact.

    Parameters
    ----------
    ops : sequence of Layer
        As `folded` leaves them.
    storage : {"bfloat16", "int8"}

    Raises
    ------
    ValueError
        If the host lacks what it needs.
    """
    if storage == INTEGER and DOT is None:
        raise ValueError(
            'weights="int8" needs a CPU with AVX-512 VNNI, AVX-VNNI, or on ARM the dot product;'
            ' this one has none of them. weights="bfloat16" works everywhere.'
        )
    return tuple(_with_storage(op, storage) for op in ops)


def _with_storage(op: Layer, storage: str) -> Layer:
    if isinstance(op, Residual):
        return op._replace(inner=with_storage(op.inner, storage))
    if not isinstance(op, Dense) or isinstance(op.forms(np.float32)[0], Vectors):
        return op
    if storage == INTEGER and op.fan_in > 4 * MOST_WORDS:
        return op
    return ReducedDense(op.fan_in, op.fan_out, storage, op.after)
