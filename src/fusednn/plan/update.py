"""Lowering of a parameter stage: every tile of the weights and every bias to an optimizer."""

from __future__ import annotations

import numpy as np

from fusednn.kernels.ops import dense
from fusednn.kernels.ops.adjust import adjust
from fusednn.kernels.optimizers import OPTIMIZERS

from .parameters import ParameterLayout
from .program import Program, Task
from .rows import Gradient


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
    decoupled : bool
        Whether the optimizer takes decay from the weights rather than through the gradient.
    l1 : bool
        Whether there is an L1 term.
    """

    def __init__(
        self, program: Program, layout: ParameterLayout, parameters, transposed, batch: int,
        constants, decoupled: bool, l1: bool,
    ):  # fmt: skip
        self._program, self._layout = program, layout
        self._tiles = [form.tiles(batch) for form in layout.forms]
        self._parameters, self._transposed = parameters, transposed
        self._decoupled, self._l1 = decoupled, l1
        self._constants = np.array([*constants, 0.0])  # never empty: its address is taken

    @property
    def n_tiles(self) -> int:
        """Tiles of weights of all layers."""
        return sum(len(self._tiles[number]) for number in self._layout.matrices)

    def lower(
        self,
        optimizer: str,
        states,
        gradients: dict[int, Gradient],
        *,
        refresh: bool,
        squares=None,
        absolutes=None,
    ) -> list[Task]:
        """Tasks that hand each tile's gradient to an optimizer.

        Parameters
        ----------
        optimizer : str
            Key of `kernels.optimizers.OPTIMIZERS`.
        states : list of ndarray
            Its state, one to three arrays in the shape of the parameters.
        gradients : dict of int to Gradient
            By the numbers of the parameters.
        refresh : bool
            Write the transposed copy too.
        squares, absolutes : ndarray of float64, optional
            Receive each tile's sum of squared or absolute weights before the update.
        """
        step = {
            dense.STEP: (OPTIMIZERS[optimizer].step, "step"),
            dense.CONSTANTS: self._constants,
        }
        tasks: list[Task] = []
        counted = 0
        for number in sorted(gradients):
            form, gradient = self._layout.forms[number], gradients[number]
            factors = self._factors(form)
            adjusts = factors is not None or self._l1
            operands = {
                **step,
                dense.PARAMETERS: self._layout.view(self._parameters, number),
                dense.STATE_1: self._layout.view(states[0], number),
                dense.STATE_2: self._layout.view(states[min(1, len(states) - 1)], number),
                dense.STATE_3: self._layout.view(states[-1], number),
                dense.FACTORS: factors,
                dense.ADJUST: (adjust, "adjust") if adjusts else None,
                **gradient.operands,
                **form.update_operands(),
            }
            if form.is_matrix:
                copy = self._layout.transposed(self._transposed, number)
                operands[dense.TRANSPOSED] = copy if refresh and not form.is_normed else None
                operands[dense.SQUARES_OUT] = None if squares is None else squares[counted:]
                operands[dense.ABSOLUTES_OUT] = None if absolutes is None else absolutes[counted:]
                counted += len(self._tiles[number])
            chain = [self._program.record(gradient.op, operands)]
            tasks += [Task(chain, lo, hi, cost=cost) for lo, hi, cost in self._tiles[number]]
        return tasks

    def _factors(self, form) -> np.ndarray | None:
        """A parameter's factors of rate, decay and squares, where it has some of its own."""
        if form.factors == (1.0, 1.0) or (not form.is_matrix and form.factors[0] == 1.0):
            return None
        rate, decay = form.factors
        return np.array([rate, decay * rate if self._decoupled else decay, decay])
