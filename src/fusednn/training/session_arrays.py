"""What training changes in a plan: read, written, kept and taken back, wherever the plan runs.

On a device these arrays have copies, so all other code reads and writes them here.
"""

from __future__ import annotations

import numpy as np

from fusednn.plan.training import TrainingPlan

from .step_settings import StepSettings
from .teams import Runner


class SessionArrays:
    """Reads and writes the arrays of a `Session`, whose attributes it has."""

    plan: TrainingPlan
    _settings: StepSettings
    _team: Runner

    def state(self) -> tuple[int, list[np.ndarray]]:
        """All that training changes: batches that are over, parameters, moments; copies."""
        self._team.pull(self._changing())
        return self._settings.done, [flat.copy() for flat in self._changing()]

    def restore(self, state: tuple[int, list[np.ndarray]]) -> None:
        """Takes a `state` over."""
        self._settings.done, copies = state
        for flat, copy in zip(self._changing(), copies, strict=True):
            flat[:] = copy
        self._team.push(self._changing())

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """The flat parameters and their averages, as the plan has them at present."""
        flats = self.plan.parameters, self.plan.averages
        self._team.pull(flats)
        return flats

    def write(self, *flats: np.ndarray) -> None:
        """Takes over flat arrays of the plan that have been written."""
        self._team.push(flats)

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
