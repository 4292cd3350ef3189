"""Where device="auto" trains: by a table of what was measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from fusednn.graph.network import Network

from .session import Session
from .teams import ON_CPU, check_runs
from .threads.work import step_flops


class Measured(NamedTuple):
    """A device that runs steps of so much work, and of more, faster than those before.

    Parameters
    ----------
    step_flops : float
        Multiply-adds of a step, counted twice.
    device : {"cpu", "cuda"}
    by : str
        The note that has the figures.
    """

    step_flops: float
    device: str
    by: str


MEASURED: tuple[Measured, ...] = ()
"""From little to much work. No step was timed on a GPU yet: without a row, all run on the CPU."""


def device_of(asked: str, network: Network, batch: int) -> str:
    """The device to train on: the one that is asked for, or that of the table for "auto".

    Parameters
    ----------
    asked : {"cpu", "cuda", "auto"}
    network : Network
    batch : int
        Samples of a step.
    """
    if asked != "auto":
        return asked
    found = "cpu"
    for row in MEASURED:
        if step_flops(network, batch) >= row.step_flops:
            found = row.device
    return found


def placed(make: Callable[[str], Session], asked: str, network: Network, batch: int) -> Session:
    """A session on the device to train on.

    For "auto" it is on the CPU where a GPU cannot be used, or has no kernels for the network.

    Parameters
    ----------
    make : callable
        From a device to a session.
    asked, network, batch
        As `device_of` takes them.
    """
    device = device_of(asked, network, batch)
    if asked != "auto" or device in ON_CPU:
        return make(device)
    try:
        session = make(device)
        check_runs(device, session.plan.program)
    except (ImportError, RuntimeError):
        return make("cpu")
    return session
