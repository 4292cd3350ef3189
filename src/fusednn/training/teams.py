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
    from .parts.staging import Staged

DEVICES = "cpu", "cuda", "auto"
"""The devices that a user may ask for."""

ON_CPU = frozenset({"cpu", "auto"})
"""The devices that are the CPU; for a fit `placing` may choose another in place of "auto"."""


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

    def copy(self, targets: Iterable[np.ndarray], sources: Iterable[np.ndarray]) -> None:
        """Overwrites arrays with others, where programs run; the host reads neither."""

    def is_finite(self, array: np.ndarray) -> bool:
        """Whether an array is finite, where programs run."""


def check_name(device: str) -> None:
    """Refuses a device that does not exist.

    Raises
    ------
    ValueError
        If its name is none of `DEVICES`.
    """
    if device not in DEVICES:
        names = ", ".join(map(repr, DEVICES))
        raise ValueError(f"device must be one of {names}; got {device!r}.")


def machine_of(device: str, workers: Callable[[], int]) -> Machine:
    """The machine that plans of a device are lowered for.

    Parameters
    ----------
    device : {"cpu", "cuda", "auto"}
    workers : callable
        Gives the number of threads, for the CPU.

    Raises
    ------
    ValueError
        If there is no such device: an attribute of a fitted estimator may be set to anything.
    """
    if device in ON_CPU:
        return Threads(workers())
    check_name(device)
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


def check_program(program: Program, device: Device) -> None:
    """Refuses a program that was lowered for a device which has no kernels for it.

    Raises
    ------
    NotImplementedError
        If so; it names the layer.
    """
    from fusednn.plan.cuda.program import CudaProgram

    from .cuda.refusals import check_kernels

    assert isinstance(program, CudaProgram)
    check_kernels(program, device)


def check_runs(device: str, program: Program) -> None:
    """Opens a device that is not the CPU, and refuses a program as `check_program` does.

    Raises
    ------
    ImportError, RuntimeError
        If the device cannot be used, or has no kernels for it.
    """
    found = open_device(device)
    try:
        check_program(program, found)
    finally:
        found.close()


def spare_of(device: str) -> Callable[[], int] | None:
    """What opens a device and gives the bytes of its memory that are free; None for the CPU."""

    def spare() -> int:
        found = open_device(device)
        try:
            return found.spare()
        finally:
            found.close()

    return None if device in ON_CPU else spare


def team_of(
    device: str, program: Program, opening: Callable[[str], Device] = open_device,
    staged: Staged | None = None,
) -> Runner:  # fmt: skip
    """What runs a program, and others that are lowered for the same machine.

    Parameters
    ----------
    device : {"cpu", "cuda", "auto"}
    program : Program
    opening : callable
        Opens the device, if it is not the CPU.
    staged : Staged, optional
        What sends the data of a program, where the device has no room for them.
    """
    if device in ON_CPU:
        return Team(program)
    if staged is not None:
        from .cuda.staged_team import StagedTeam

        return StagedTeam(program, partial(opening, device), staged)
    from .cuda.team import CudaTeam

    return CudaTeam(program, partial(opening, device))
