"""Lowering of a parameter stage: every tile of the weights and every bias to an optimizer."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fusednn.kernels.intrinsics.shapes import SHAPE
from fusednn.kernels.intrinsics.tiles import ROW_PANELS
from fusednn.kernels.ops import dense, few
from fusednn.kernels.optimizers import OPTIMIZERS

from .parameters import ParameterLayout, has_few, panels
from .program import Program, Task

FAR_BYTES = 1 << 23
"""A layer's input larger than this comes from memory each time the tiles of a panel need it."""

FAR_PANELS = 8
"""Panels that then share one walk over it: 2048-2048-2048-10 at batch 2048 takes 217 ms instead
of 328; networks whose input stays near lose some per cent."""

BIAS_ROWS = 4
"""Cost of a bias in rows of weights: four sums wait for one another's additions."""


class Gradient(NamedTuple):
    """Where a layer's gradient comes from: an op each for a tile of weights and for the bias."""

    weights_op: object
    weights: dict
    bias_op: object
    bias: dict


def few_operands(layout: ParameterLayout, layer: int) -> dict:
    """What a layer of few units needs besides what a dense one does."""
    if not has_few(layout.sizes, layer):
        return {}
    return {few.UNITS: layout.sizes[-1], few.W_STRIDE: layout.padded[layer]}


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
        return sum(len(self._weight_tiles(layer)) for layer in range(len(self._layout)))

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
        }
        tasks: list[Task] = []
        counted = 0
        for layer, gradient in enumerate(gradients):
            tiles = self._weight_tiles(layer)
            copied = layer > 0 and not has_few(self._layout.sizes, layer)
            transposed = self._layout.transposed(self._transposed, layer) if copied else None
            weights = self._program.record(
                gradient.weights_op,
                {
                    **step,
                    **self._operands(self._layout.weights, layer, states),
                    **gradient.weights,
                    dense.TRANSPOSED: transposed if refresh else None,
                    dense.ROWS_IN: self._layout.sizes[layer],
                    dense.COLUMNS: self._layout.padded[layer + 1],
                    **few_operands(self._layout, layer),
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
            parts = self._parts(self._layout.padded[layer + 1])
            tasks += [Task(chain, lo, hi, cost=BIAS_ROWS * (hi - lo)) for lo, hi in parts]
            counted += len(tiles)
        return tasks

    def _weight_tiles(self, layer: int) -> list[tuple[int, int, int]]:
        """(column, row, elements) of each tile, panel by panel, so that dz of a panel stays near.

        Of vectors (first, last, elements) of each part.
        """
        fan_in = self._layout.sizes[layer]
        if has_few(self._layout.sizes, layer):
            units = self._layout.sizes[-1]
            return [(lo, hi, units * (hi - lo)) for lo, hi in self._parts(fan_in)]
        rows = range(0, fan_in, dense.TILE_ROWS)
        columns = list(panels(self._layout.padded[layer + 1], self._layout.dtype))
        input_bytes = self._batch * fan_in * self._layout.dtype.itemsize
        together = FAR_PANELS if input_bytes > FAR_BYTES else 1
        return [
            (j, i, width * min(dense.TILE_ROWS, fan_in - i))
            for first in range(0, len(columns), together)
            for i in rows
            for j, width in columns[first : first + together]
        ]

    def _parts(self, count: int) -> list[tuple[int, int]]:
        """A vector's parts of four panels."""
        width = ROW_PANELS * SHAPE.panel(self._layout.dtype.itemsize)
        return [(lo, min(count, lo + width)) for lo in range(0, count, width)]

    def _operands(self, part, layer: int, states) -> dict:
        return {
            dense.PARAMETERS: part(self._parameters, layer),
            dense.STATE_1: part(states[0], layer),
            dense.STATE_2: part(states[min(1, len(states) - 1)], layer),
            dense.STATE_3: part(states[-1], layer),
        }
