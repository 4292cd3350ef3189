"""Runs plans on a device: what a `Team` of threads is on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from fusednn.plan.binding.program import Program
from fusednn.plan.cuda.checks import FiniteCheck, lower_check
from fusednn.plan.cuda.program import CudaProgram

from .by_itself import ByItself
from .by_launches import ByLaunches
from .copies import Copies
from .device import Device
from .preparing import prepared


class CudaTeam:
    """A device that runs programs, and its copies of their arrays.

    A context manager: the device is opened and given up with it. Between these, an array that the
    host has written must be pushed, and one that it reads must be pulled.

    Parameters
    ----------
    program : CudaProgram
        `run` accepts others too.
    opened : callable
        Opens the device.
    """

    def __init__(self, program: Program, opened: Callable[[], Device]):
        self._program, self._opened = program, opened
        self._device: Device | None = None
        self._prepared: dict[Program, ByLaunches | ByItself] = {}
        self._checks: dict[int, FiniteCheck] = {}

    def __enter__(self) -> CudaTeam:
        self._device = self._opened()
        self._copies = Copies(self._device)
        try:
            self._begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception) -> None:
        device, self._device, self._prepared, self._checks = self._device, None, {}, {}
        if device is not None:
            try:
                self._copies.close()
            finally:
                device.close()

    def _begin(self) -> None:
        """Prepares the program."""
        self._prepare(self._program)

    def take(self) -> None:
        """Makes the calling thread the one that uses the device."""
        assert self._device is not None
        self._device.take()

    def push(self, arrays: Iterable[np.ndarray]) -> None:
        """Takes over arrays that the host has written; before the first run it has no need to."""
        if self._device is not None:
            self._copies.push(arrays)

    def pull(self, arrays: Iterable[np.ndarray]) -> None:
        """Brings arrays of the host up to date."""
        if self._device is not None:
            self._copies.pull(arrays)

    def copy(self, targets: Iterable[np.ndarray], sources: Iterable[np.ndarray]) -> None:
        """Overwrites copies of arrays by those of others; the host sees nothing of it."""
        self._copies.copy(targets, sources)

    def is_finite(self, array: np.ndarray) -> bool:
        """Whether the copy of an array is finite."""
        if id(array) not in self._checks:
            self._checks[id(array)] = lower_check(array)
        program, found = self._checks[id(array)]
        found[:] = 0
        self.push((found,))
        self.run(0, 1, program)
        self.pull((found,))
        return not found[0]

    def run(
        self, first: int, last: int, program: Program | None = None, together: bool = True
    ) -> None:
        """Runs steps [first, last).

        Raises
        ------
        KeyboardInterrupt
            Between two steps: every parameter has been updated by whole steps.
        MemoryError
            If another program needs more memory than there is.
        """
        self._prepare(program or self._program).run(first, last)

    def _prepare(self, program: Program) -> ByLaunches | ByItself:
        found = self._prepared.get(program)
        if found is None:
            assert isinstance(program, CudaProgram)
            assert self._device is not None
            found = prepared(program, self._device, self._copies)
            self._prepared[program] = found
        return found
