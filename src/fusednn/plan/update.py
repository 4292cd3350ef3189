"""Lowering of a parameter stage: every tile of the weights and every bias to an optimizer."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fusednn.kernels.ops import dense
from fusednn.kernels.optimizers import OPTIMIZERS

from .forms import parts
from .program import Program, Task

BIAS_ROWS = 4
"""Cost of a bias in rows of weights: four sums wait for one another's additions."""


class Gradient(NamedTuple):
    """Where a layer's gradient comes from: an op each for a tile of weights and for the bias."""

    weights_op: object
    weights: dict
    bias_op: object
    bias: dict


class Updater:
    """The parameters of a network, and how a stage over them is lowered.

    Parameters
    ----------
    program : Program
    layout : ParameterLayout
    parameters, transposed : ndarray
        The flat vector and the transposed copy.
    batch : int
        Rows that the gradients are computed from.
    constants : sequence of float
        The optimizer's.
    """

    def __init__(self, program: Program, layout, parameters, transposed, batch: int, constants):
        self._program, self._layout, self._batch = program, layout, batch
        self._parameters, self._transposed = parameters, transposed
        self._constants = np.array([*constants, 0.0])  # never empty: its address is taken

    @property
    def n_tiles(self) -> int:
        """Tiles of weights in all layers."""
        return sum(len(form.tiles(self._batch)) for form in self._layout.forms)

    def lower(
        self, optimizer: str, states, gradients: list[Gradient], *, refresh: bool, squares=None
    ) -> list[Task]:
        """Tasks that hand each tile's gradient to an optimizer.

        Parameters
        ----------
        optimizer : str
            Key of `kernels.optimizers.OPTIMIZERS`.
        states : list of ndarray
            Its state, one to three arrays in the shape of the parameters.
        gradients : list of Gradient
            One per layer.
        refresh : bool
            Write the transposed copy too.
        squares : ndarray of float64, optional
            Receives each tile's sum of squared weights before the update.
        """
        step = {
            dense.STEP: (OPTIMIZERS[optimizer].step, "step"),
            dense.CONSTANTS: self._constants,
            dense.FACTORS: None,  # always written: a record ends with its largest slot
        }
        tasks: list[Task] = []
        counted = 0
        for layer, gradient in enumerate(gradients):
            form = self._layout.forms[layer]
            tiles = form.tiles(self._batch)
            transposed = self._layout.transposed(self._transposed, layer)
            weights = self._program.record(
                gradient.weights_op,
                {
                    **step,
                    **self._operands(self._layout.weights, layer, states),
                    **gradient.weights,
                    dense.TRANSPOSED: transposed if refresh else None,
                    dense.ROWS_IN: form.fan_in,
                    dense.COLUMNS: form.padded_out,
                    **form.operands(),
                    dense.SQUARES_OUT: None if squares is None else squares[counted:],
                },
            )
            bias = self._program.record(
                gradient.bias_op,
                {**step, **self._operands(self._layout.bias, layer, states), **gradient.bias},
            )
            chain = [weights]
            tasks += [Task(chain, j, i, cost=cost) for j, i, cost in tiles]
            chain = [bias]
            tasks += [
                Task(chain, lo, hi, cost=BIAS_ROWS * (hi - lo))
                for lo, hi in parts(form.padded_out, form.dtype)
            ]
            counted += len(tiles)
        return tasks

    def _operands(self, part, layer: int, states) -> dict:
        return {
            dense.PARAMETERS: part(self._parameters, layer),
            dense.STATE_1: part(states[0], layer),
            dense.STATE_2: part(states[min(1, len(states) - 1)], layer),
            dense.STATE_3: part(states[-1], layer),
        }
