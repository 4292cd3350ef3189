"""Runs a plan whose samples are sent some steps at a time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from fusednn.plan.binding.program import Program
from fusednn.training.parts.staging import Staged

from .device import Device
from .team import CudaTeam


class StagedTeam(CudaTeam):
    """As `CudaTeam`; before the steps of a part run, its samples are sent.

    They are gathered while the steps before run. A copy follows these steps: it should take a
    fraction of the time of gathering, so a stream of its own would hide little.

    Parameters
    ----------
    program, opened
        As `CudaTeam` takes them.
    staged : Staged
    """

    def __init__(self, program: Program, opened: Callable[[], Device], staged: Staged):
        super().__init__(program, opened)
        self._staged = staged

    def _begin(self) -> None:
        super()._begin()
        assert self._device is not None
        for place in self._staged.places:
            self._device.pin(place)

    def run(
        self, first: int, last: int, program: Program | None = None, together: bool = True
    ) -> None:
        """Runs steps [first, last), as `CudaTeam.run` does."""
        if program is not None and program is not self._program:
            super().run(first, last, program)
            return
        at = first
        while at < last:
            _, behind = self._staged.part_of(at)
            for array, values in self._staged.to_send(at):
                self._copies.send(array, values)
            stop = min(last, behind)
            self._prepare(self._program).run(at, stop, partial(self._staged.gather, behind))
            at = stop
