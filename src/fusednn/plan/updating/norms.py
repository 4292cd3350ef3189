"""Stages over the columns of weights: bounds of their norms, and weight normalisation."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fusednn.kernels.ops.updates import column_norms as ops
from fusednn.plan.binding.program import Program, Task
from fusednn.plan.layout.forms import Panels
from fusednn.plan.layout.parameters import ParameterLayout


class NormedWeights(NamedTuple):
    """Weight-normalised weights, and the parameter numbers of their directions and norms."""

    form: Panels
    directions: int
    norms: int
    weights: np.ndarray

    def refresh(self, parameters) -> np.ndarray:
        """Computes the weights from all parameters, each in its form; returns them (I, O)."""
        v = np.empty(self.form.shape, self.weights.dtype)
        self.form.unpack(v, parameters[self.directions])
        w = normed_weights(v, parameters[self.norms][: self.form.fan_out])
        self.form.pack(self.weights, w)
        return w


def normed_weights(v: np.ndarray, norms: np.ndarray) -> np.ndarray:
    """v norms / |v| by column, 0 where |v| is 0. The bits are those of `normalise_columns`."""
    v_norms = np.sqrt(_column_squares(v))
    return v * np.divide(norms, v_norms, out=np.zeros_like(v_norms), where=v_norms > 0)


def _column_squares(v: np.ndarray) -> np.ndarray:
    """Sums of squares by column in the kernel's order, so that resumed training has its bits."""
    rows, width = v.shape
    squares = np.zeros((-(-rows // ops.BLOCK) * ops.BLOCK, width), v.dtype)
    np.multiply(v, v, out=squares[:rows])
    block = squares.reshape(-1, ops.BLOCK, width).sum(axis=0)
    while len(block) > 1:
        half = len(block) // 2
        block = block[:half] + block[half:]
    return block[0]


class Columns:
    """The stages over columns of a network's weights.

    Parameters
    ----------
    program : Program
    layout : ParameterLayout
    parameters, transposed : ndarray
        The flat vector and the transposed copy.
    largest : sequence of float
        The largest norm of a column of each parameter.
    """

    def __init__(self, program: Program, layout: ParameterLayout, parameters, transposed, largest):
        self._largest = largest
        self._program, self._layout = program, layout
        self._parameters, self._transposed = parameters, transposed

    def _tasks(self, form: Panels, op, operands: dict[str, Any]) -> list[Task]:
        chain = [self._program.record(op, operands | form.column_operands())]
        return [Task(chain, lo, hi) for lo, hi in form.columns()]

    def _copy(self, number: int) -> dict[str, np.ndarray]:
        """The operand of a parameter that has a copy of w^T."""
        copy = self._layout.transposed(self._transposed, number)
        return {} if copy is None else {"transposed": copy}

    def lower_bounds(self) -> list[Task]:
        """Tasks that scale down the columns whose norm exceeds the bound."""
        tasks: list[Task] = []
        for number, largest in enumerate(self._largest):
            form = self._layout.forms[number]
            if isinstance(form, Panels) and largest < np.inf:
                for w in form.matrices(self._layout.view(self._parameters, number)):
                    operands = {"w": w, "largest": float(largest), **self._copy(number)}
                    tasks += self._tasks(form, form.bound_op, operands)
        return tasks

    def lower_weights(self, normed: list[NormedWeights]) -> list[Task]:
        """Tasks that compute weights from directions and norms."""
        tasks: list[Task] = []
        for form, directions, norms, weights in normed:
            operands = {
                "w": weights,
                "v": self._layout.view(self._parameters, directions),
                "norms": self._layout.view(self._parameters, norms),
                **self._copy(directions),
            }
            tasks += self._tasks(form, form.normalise_op, operands)
        return tasks

    def lower_gradients(self, normed: list[NormedWeights], gradient: np.ndarray) -> list[Task]:
        """Tasks that convert a stored gradient of weights to those of directions and norms."""
        tasks: list[Task] = []
        for form, directions, norms, _ in normed:
            operands = {
                "v": self._layout.view(self._parameters, directions),
                "norms": self._layout.view(self._parameters, norms),
                "dw": self._layout.view(gradient, directions),
                "dnorms": self._layout.view(gradient, norms),
            }
            tasks += self._tasks(form, form.differentiate_op, operands)
        return tasks
