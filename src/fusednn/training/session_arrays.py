"""What training changes in a plan: read, written, kept and taken back, wherever the plan runs.

On a device these arrays have copies, so all other code reads and writes them here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from fusednn.graph.network import Network
from fusednn.plan.binding.data import DenseRows, Source
from fusednn.plan.binding.next_tokens import NextTokens
from fusednn.plan.lengths import lengths_of
from fusednn.plan.training import Target, TrainingPlan

from .evaluations import Evaluations
from .step_settings import StepSettings
from .teams import Runner

State = tuple[int, list[np.ndarray]]


class SessionArrays:
    """Reads and writes the arrays of a `Session`, whose attributes it has."""

    network: Network
    target: Target | NextTokens
    source: Source
    plan: TrainingPlan
    orders: np.ndarray
    evaluations: Evaluations
    _shuffled: np.ndarray
    _lengths: np.ndarray | None
    _sort: Callable[[np.ndarray], None]
    _settings: StepSettings
    _team: Runner

    def state(self, memory: State | None = None) -> State:
        """All that training changes: batches that are over, parameters, moments.

        It overwrites another state, if there is one.
        """
        if memory is None:
            return self._settings.done, self.copies(self._changing())
        self.overwrite(memory[1], self._changing())
        return self._settings.done, memory[1]

    def restore(self, state: State) -> None:
        """Takes a `state` over."""
        self._settings.done, copies = state
        self.overwrite(self._changing(), copies)

    def copies(self, flats: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Copies of flat arrays, for `overwrite` alone: they hold values where the plan runs."""
        made = [np.empty_like(flat) for flat in flats]
        self.overwrite(made, flats)
        return made

    def overwrite(self, targets: Sequence[np.ndarray], sources: Sequence[np.ndarray]) -> None:
        """Overwrites flat arrays of the plan by `copies`, or the latter by the former."""
        self._team.copy(targets, sources)

    def is_finite(self) -> bool:
        """Whether the parameters that are trained are finite."""
        return self._team.is_finite(self.plan.parameters)

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """The flat parameters and their averages, as the plan has them at present."""
        flats = self.plan.parameters, self.plan.averages
        self._team.pull(flats)
        return flats

    def write(self, *arrays: np.ndarray) -> None:
        """Takes over other arrays, which the host has written again and programs read."""
        self._team.push(arrays)

    def gradient(self) -> list[np.ndarray]:
        """The stored gradients, as new arrays."""
        self._team.pull((self.plan.gradient,))
        return self.plan.layout.unpack(self.plan.gradient)

    def _changing(self) -> list[np.ndarray]:
        plan = self.plan
        normed = [normed.weights for normed in plan.normed]
        return [plan.parameters, plan.transposed, *plan.states, plan.averages, *normed]

    def load(self, arrays, moments=()) -> None:
        """Takes over parameters, and an optimizer's moments, which have their shapes."""
        self.plan.load(arrays)
        for flat, moment in zip(self.plan.states, moments, strict=False):
            self.plan.layout.pack(moment, flat)
        self._team.push(self._changing())

    def load_trained(self, arrays) -> None:
        """Takes over parameters, but not as their averages."""
        self.plan.load_trained(arrays)
        self._team.push(self._changing())

    def moments(self) -> list[list[np.ndarray]]:
        """The optimizer's moments, as new arrays."""
        self._team.pull(self.plan.states)
        return [self.plan.layout.unpack(flat) for flat in self.plan.states]

    def trained(self) -> list[np.ndarray]:
        """The parameters that are trained, as new arrays, whatever their averages."""
        self.read()
        return self.plan.layout.unpack(self.plan.parameters)

    def parameters(self) -> list[np.ndarray]:
        """The present parameters, as new arrays; averages where there are some."""
        self.read()
        return self.plan.layout.unpack(self.plan.served)

    def renew(self, X, target: Target, order: np.ndarray, l2: float) -> None:
        """Writes other data of the same shapes over its own; parameters and moments are zero."""
        assert isinstance(self.source, DenseRows)
        assert isinstance(self.target, Target)
        self.source.X[:], self.orders[:] = X, order
        if self._lengths is not None:
            self._shuffled, self._lengths = order.copy(), lengths_of(X, self.network.ops[0])
            for own in self.orders:
                self._sort(own)
        self.target.values[:] = target.values
        if self.target.weights is not None:
            self.target.weights[:] = target.weights
        for flat in self._changing():
            flat.fill(0)
        self._settings.renew(l2)
        self.evaluations.clear()
