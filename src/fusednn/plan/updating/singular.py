"""Weights over their largest singular value: their memory, first vectors and tasks."""

from __future__ import annotations

import numpy as np

from fusednn.kernels.ops.updates import singular as ops
from fusednn.plan.binding.program import Program, Task
from fusednn.plan.layout.forms import Panels, Vectors
from fusednn.plan.layout.panels import panels
from fusednn.plan.memory.buffers import padded

FIRST_ITERATIONS = 50
"""Iterations of the power method from a random vector, before the first step of a fit."""


class SingularWeights:
    """A parameter, and the weights in use: it over an estimate of its largest singular value.

    Parameters
    ----------
    program : Program
    form : Panels
        That of both.
    parameter : ndarray
        In this form.
    transposed : ndarray or None
        The copy of w^T of the weights in use.

    Attributes
    ----------
    weights : ndarray
        Those in use, in this form.
    """

    def __init__(self, program: Program, form: Panels, parameter, transposed):
        self._program, self._form = program, form
        self._parameter, self._transposed = parameter, transposed
        self._units_are_rows = isinstance(form, Vectors)
        self._groups = len(form.matrices(parameter))
        rows, widths = form.fan_out, [form.padded_in]
        if not self._units_are_rows:
            each = [width for _, width in panels(form.padded_out, form.dtype)]
            rows, widths = form.fan_in, each * self._groups
        keep, dtype = program.memory.keep, form.dtype
        self.weights = keep(form.count, dtype)
        self._across, self._along = keep(padded(rows, dtype), dtype), keep(sum(widths), dtype)
        self._inverse = keep(padded(1, dtype), dtype)
        self._operands = {
            "fan_in": rows,
            "columns": form.padded_out,
            "transposed": transposed,
            "out": self.weights,
            "across": self._across,
            "along": self._along,
            "inverse": self._inverse,
            "widths": np.array(widths, np.int64),
            "panels": len(widths),
            "count": form.count,
            "long": sum(widths),
        }

    @property
    def flats(self) -> list[np.ndarray]:
        """All that changes with the parameter."""
        return [self.weights, self._across, self._along, self._inverse]

    def load(self, array: np.ndarray) -> None:
        """Estimates the singular value of an array of the form's shape, and sets the weights."""
        u, v, value = first_vectors(array.reshape(-1, array.shape[-1]).astype(float))
        self._form.pack(self.weights, array / value)
        if self._transposed is not None:
            self._form.pack_transposed(self._transposed, array / value)
        by_row, by_column = (u, v) if self._units_are_rows else (v, u)
        self._across[: len(by_row)] = by_row
        parts = by_column.reshape(self._groups, -1)
        self._along.reshape(self._groups, -1)[:, : parts.shape[1]] = parts
        self._inverse[0] = 1 / value

    def lower_update(self) -> Task:
        """The task that computes the weights from a parameter that has changed."""
        operands = {"w": self._parameter, "units_are_rows": int(self._units_are_rows)}
        return self._task(ops.scale_by_singular, operands)

    def lower_gradient(self, gradient: np.ndarray) -> Task:
        """The task that turns the gradient by the weights, in this form, to the parameter's."""
        return self._task(ops.differentiate_singular, {"dw": gradient})

    def _task(self, op, operands) -> Task:
        chain = [self._program.record(op, self._operands | operands)]
        return Task(chain, 0, 0, cost=float(self._form.count))


def first_vectors(w: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """The singular vectors u (O,) and v (I,) of the largest singular value of w (I, O), and this.

    Up to the power method's error; for w of zeros the value is 1. The same bits on every machine:
    einsum adds in one order.
    """
    random = np.random.RandomState(0)
    v: np.ndarray = random.normal(size=w.shape[:1])
    u: np.ndarray = random.normal(size=w.shape[1:])
    value = 1.0
    if not w.any():
        return u / _norm(u), v / _norm(v), value
    for _ in range(FIRST_ITERATIONS):
        u = np.einsum("io,i->o", w, v)
        u /= _norm(u)
        v = np.einsum("io,o->i", w, u)
        value = _norm(v)
        v /= value
    return u, v, value


def _norm(x: np.ndarray) -> float:
    return float(np.sqrt(np.einsum("i,i->", x, x)))
