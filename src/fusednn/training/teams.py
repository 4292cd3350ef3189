"""What runs the plan of a device: the threads of the CPU, or a GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np

from fusednn.plan.binding.program import Program
from fusednn.plan.machines import Machine, Threads

from .threads.team import Team

if TYPE_CHECKING:
    from .cuda.device import Device

ON_CPU = frozenset({"cpu", "auto"})
"""The devices that are the CPU: no measurement says yet where "auto" had better be a GPU."""


class Runner(Protocol):
    """Runs programs; a context manager."""

    def __enter__(self) -> Runner: ...

    def __exit__(self, *exception) -> None: ...

    def run(
        self, first: int, last: int, program: Program | None = None, together: bool = True
    ) -> None:
        """Runs steps [first, last), as `Team.run` does."""

    def push(self, arrays: Iterable[np.ndarray]) -> None:
        """Takes over arrays that the host has written."""

    def pull(self, arrays: Iterable[np.ndarray]) -> None:
        """Brings arrays that the host reads up to date."""


def machine_of(device: str, workers: Callable[[], int]) -> Machine:
    """The machine that plans of a device are lowered for.

    Parameters
    ----------
    device : {"cpu", "cuda", "auto"}
    workers : callable
        Gives the number of threads, for the CPU.
    """
    if device in ON_CPU:
        return Threads(workers())
    from fusednn.plan.cuda.machine import Gpu

    return Gpu()


def open_device(device: str) -> Device:
    """Opens a device that is not the CPU.

    Raises
    ------
    ImportError, RuntimeError
        If it cannot be used; a sentence says why.
    """
    from .cuda.opening import opened

    return opened(device)


def team_of(
    device: str, program: Program, opening: Callable[[str], Device] = open_device
) -> Runner:
    """What runs a program, and others that are lowered for the same machine.

    Parameters
    ----------
    device : {"cpu", "cuda", "auto"}
    program : Program
    opening : callable
        Opens the device, if it is not the CPU.
    """
    if device in ON_CPU:
        return Team(program)
    from .cuda.team import CudaTeam

    return CudaTeam(program, partial(opening, device))
