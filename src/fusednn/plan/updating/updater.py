"""Lowering of a parameter stage: an optimizer step on every tile of weights and every bias."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from fusednn.graph.calls import Graph
from fusednn.graph.gradients import Both, Sum, Sums
from fusednn.graph.parameters import Parameter
from fusednn.kernels.ops.updates.adjust import adjust
from fusednn.kernels.optimizers import OPTIMIZERS
from fusednn.plan.binding.products import GradientOp
from fusednn.plan.binding.program import Program, Task
from fusednn.plan.layout.parameters import ParameterLayout


class Updater:
    """The parameters of a network, and how a stage over them is lowered.

    Parameters
    ----------
    program : Program
    layout : ParameterLayout
    facts : sequence of Parameter
        The facts of each parameter.
    normed : collection of int
        The parameter numbers of the directions of weight-normalised weights.
    parameters, transposed : ndarray
        The flat vector and the transposed copy.
    batch : int
        Samples that the gradients are computed from.
    positions : mapping of int to int
        By parameter number: the rows per sample that its gradient is a sum over; 1 if missing.
    constants : sequence of float
        The optimizer's.
    decoupled : bool
        Whether the optimizer takes decay from the weights rather than through the gradient.
    l1 : bool
        Whether there is an L1 term.
    """

    def __init__(
        self, program: Program, layout: ParameterLayout, facts: Sequence[Parameter],
        normed: Collection[int], parameters, transposed, batch: int, positions: Mapping[int, int],
        constants, decoupled: bool, l1: bool,
    ):  # fmt: skip
        self._program, self._layout, self._facts, self._normed = program, layout, facts, normed
        self._rows = rows = [positions.get(number, 1) for number in range(len(layout.forms))]
        self._tiles = [
            [(lo, hi, cost * own) for lo, hi, cost in form.tiles(batch * own)]
            for form, own in zip(layout.forms, rows, strict=True)
        ]
        self._parameters, self._transposed = parameters, transposed
        self._decoupled, self._l1 = decoupled, l1
        self._constants = np.array([*constants, 0.0])  # never empty: its address is taken

    @property
    def n_tiles(self) -> int:
        """Tiles of weights of all layers."""
        return sum(
            len(tiles)
            for tiles, form in zip(self._tiles, self._layout.forms, strict=True)
            if form.decays
        )

    def lower(
        self,
        optimizer: str,
        states,
        gradients: dict[int, GradientOp],
        *,
        refresh: bool,
        squares=None,
        absolutes=None,
    ) -> list[Task]:
        """Tasks that apply an optimizer to each tile's gradient.

        Parameters
        ----------
        optimizer : str
            Key of `kernels.optimizers.OPTIMIZERS`.
        states : list of ndarray
            Its state, one to three arrays laid out like the parameters.
        gradients : dict of int to GradientOp
            By the numbers of the parameters.
        refresh : bool
            Write the transposed copy too.
        squares, absolutes : ndarray of float64, optional
            Receive each tile's sum of squared or absolute weights before the update.
        """
        step = {"step": (OPTIMIZERS[optimizer].step, "step")}
        tasks: list[Task] = []
        counted = 0
        for number in sorted(gradients):
            form, gradient = self._layout.forms[number], gradients[number]
            factors = self._factors(number, OPTIMIZERS[optimizer].linear)
            adjusts = factors is not None or self._l1
            operands = {
                **step,
                "constants": self._constants_of(number, OPTIMIZERS[optimizer].epsilon),
                "parameters": self._layout.view(self._parameters, number),
                "state_1": self._layout.view(states[0], number),
                "state_2": self._layout.view(states[min(1, len(states) - 1)], number),
                "state_3": self._layout.view(states[-1], number),
                "factors": factors,
                "adjust": (adjust, "adjust") if adjusts else None,
                **gradient.operands,
                **form.update_operands(),
            }
            if form.decays:
                if refresh and number not in self._normed:
                    operands["transposed"] = self._layout.transposed(self._transposed, number)
                operands["squares_out"] = None if squares is None else squares[counted:]
                operands["absolutes_out"] = None if absolutes is None else absolutes[counted:]
                counted += len(self._tiles[number])
            chain = [self._program.record(gradient.op, operands)]
            bounds = self._tiles[number]
            if gradient.tasks is not None:
                rows = self._rows[number]
                bounds = [(lo, hi, cost * rows) for lo, hi, cost in gradient.tasks]
            tasks += [Task(chain, lo, hi, cost=cost) for lo, hi, cost in bounds]
        return tasks

    def _factors(self, number: int, linear: bool) -> np.ndarray | None:
        """A parameter's factors of rate, decay, squares and L1; None if it needs none.

        Where w = s W and W is trained, W's gradient is s times that of w, and a step of w is s
        times that of W: so s^2 times that of the optimizer if its steps are linear in gradients.
        """
        facts = self._facts[number]
        rate, decay, scale = facts.rate, facts.decay, facts.scale
        if rate == scale == 1.0 and (decay == 1.0 or not self._layout.forms[number].decays):
            return None
        squares = decay / scale**2
        taken = decay * rate if self._decoupled else squares
        return np.array([rate * scale ** (1 + linear), taken, squares, decay / scale])

    def _constants_of(self, number: int, epsilon: int | None) -> np.ndarray:
        """The optimizer's constants for a parameter: epsilon has the unit of its gradient."""
        scale = self._facts[number].scale
        if epsilon is None or scale == 1.0:
            return self._constants
        constants = self._constants.copy()
        constants[epsilon] /= scale
        return constants


def positions_of(graph: Graph) -> dict[int, int]:
    """By parameter number: the rows per sample that its gradient is a sum over."""
    found = dict(graph.gradients)
    for number, gradient in graph.gradients.items():
        if isinstance(gradient, Both | Sums):
            found[number] = gradient[0]
    return {
        number: gradient.dz.positions
        for number, gradient in found.items()
        if isinstance(gradient, Sum)
    }
