"""The update stages of adversarial training, on the parameters of both networks."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import numpy as np

from fusednn.graph.gradients import Sum
from fusednn.graph.parameters import Parameter
from fusednn.kernels.ops import game, output
from fusednn.kernels.ops.updates import average
from fusednn.kernels.optimizers import OPTIMIZERS

from .binding.lowering import Lowering
from .binding.products import GradientOp, gradient_op
from .binding.program import Program, Task
from .layout.forms import Panels
from .layout.parameters import ParameterLayout
from .updating.rule import Rule
from .updating.singular import SingularWeights
from .updating.updater import Updater

PART = 4096
"""Elements of a task that averages or clips parameters."""

Stage = tuple[list[Task], np.ndarray | None]


class GameUpdates:
    """Lowers the updates of a generator and a discriminator.

    Parameters
    ----------
    program : Program
    layout : ParameterLayout
    facts : sequence of Parameter
        The facts of each parameter, the generator's first.
    parameters, transposed : ndarray
        The flat vector and the transposed copy.
    states : list of ndarray
        Those of the optimizer.
    count : int
        The number of the generator's parameters.
    """

    def __init__(
        self, program: Program, layout: ParameterLayout, facts: Sequence[Parameter],
        parameters: np.ndarray, transposed: np.ndarray, states: list[np.ndarray], count: int,
    ):  # fmt: skip
        self._program, self._layout, self._facts = program, layout, facts
        self._parameters, self._transposed, self._states = parameters, transposed, states
        self._count = count
        self._gradient = np.zeros(0, program.dtype)
        self._scaled: dict[int, SingularWeights] = {}

    def _trained(self) -> list[int]:
        """The numbers of the discriminator's trained parameters."""
        facts = self._facts
        return [at for at in range(self._count, len(facts)) if facts[at].trained]

    def scaled_weights(self) -> dict[int, SingularWeights]:
        """The discriminator's weights that are divided by their largest singular value."""
        for number in range(self._count, len(self._facts)):
            form = self._layout.forms[number]
            if self._facts[number].name == "weights":
                assert isinstance(form, Panels)
                self._scaled[number] = SingularWeights(
                    self._program,
                    form,
                    self._layout.view(self._parameters, number),
                    self._layout.transposed(self._transposed, number),
                )
        return self._scaled

    def of_rows(
        self, lowering: Lowering, rule: Rule, rows: int, first: int, kept: str = ""
    ) -> Stage:
        """The stage that updates parameters, and adds up the losses of the step.

        Parameters
        ----------
        lowering : Lowering
            Its graph has the parameters from number `first` on.
        rule : Rule
        rows : int
            Those of the batch.
        first : int
        kept : {"", "store", "accumulate"}
            What is done to the stored gradient instead of an update.
        """
        gradients = {
            first + number: gradient_op(lowering, number, gradient)
            for number, gradient in lowering.graph.gradients.items()
        }
        updater = self._updater(lowering, rule, rows, first)
        squares = self._program.memory.borrow(updater.n_tiles, np.float64)
        states = self._states
        if kept:
            states = [self._stored()]
        name = kept or rule.optimizer
        assert name is not None
        tasks = updater.lower(name, states, gradients, refresh=not kept, squares=squares)
        assert lowering.graph.losses is not None
        values = lowering.values(lowering.graph.losses)
        operands = {
            "losses": values.reshape(-1),
            "squares": squares,
            "n_squares": len(squares),
            "groups": 1,
            "losses_stride": lowering.rows,
        }
        return tasks, self._program.record(output.sum_losses, operands)

    def of_stored(self, lowering: Lowering, rule: Rule, rows: int) -> list[Stage]:
        """The stages that update the discriminator from the stored gradient."""
        layout, scaled = self._layout, self._scaled
        from_memory = {
            number: GradientOp(
                layout.forms[number].apply_op, {"gradient": layout.view(self._stored(), number)}
            )
            for number in self._trained()
        }
        updater = self._updater(lowering, rule, rows, self._count, scaled)
        assert rule.optimizer is not None
        tasks = updater.lower(rule.optimizer, self._states, from_memory, refresh=True)
        if not scaled:
            return [(tasks, None)]
        turned = [
            one.lower_gradient(layout.view(self._stored(), number))
            for number, one in scaled.items()
        ]
        return [
            (turned, None),
            (tasks, None),
            ([one.lower_update() for one in scaled.values()], None),
        ]

    def _stored(self) -> np.ndarray:
        """The stored gradient of all parameters."""
        if not len(self._gradient):
            self._gradient = self._program.memory.keep(self._layout.count, self._program.dtype)
        return self._gradient

    def _updater(
        self, lowering: Lowering, rule: Rule, rows: int, first: int, without=()
    ) -> Updater:
        decoupled = rule.optimizer is not None and OPTIMIZERS[rule.optimizer].decoupled
        positions = {
            first + number: gradient.dz.positions
            for number, gradient in lowering.graph.gradients.items()
            if isinstance(gradient, Sum)
        }
        return Updater(
            self._program,
            self._layout,
            self._facts,
            without,
            self._parameters,
            self._transposed,
            rows,
            positions,
            rule.constants,
            decoupled,
            False,
        )

    def averaging(self, averages: np.ndarray) -> Stage:
        """The stage that averages the generator's parameters."""
        operands = {"average": averages, "w": self._parameters}
        record = self._program.record(average.average_weights, operands)
        count = sum(form.count for form in self._layout.forms[: self._count])
        return _parts(record, count), None

    def clipping(self, largest: float) -> list[Stage]:
        """The stage that bounds the discriminator's trained parameters, if there is a bound."""
        if largest == inf:
            return []
        layout, tasks = self._layout, []
        for number in self._trained():
            copy = layout.transposed(self._transposed, number)
            for flat in (layout.view(self._parameters, number), copy):
                if flat is not None:
                    operands = {"w": flat, "bound": float(largest)}
                    record = self._program.record(game.clip_weights, operands)
                    tasks += _parts(record, len(flat))
        return [(tasks, None)]


def _parts(record: np.ndarray, count: int) -> list[Task]:
    """Tasks of a record over `count` elements."""
    return [Task([record], lo, min(lo + PART, count)) for lo in range(0, count, PART)]
