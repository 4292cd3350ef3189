"""What a device must be able to do, so that a plan runs on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from fusednn.plan.cuda.program import Kernel


class Loaded(Protocol):
    """A kernel that a device can launch."""

    def blocks(self, tasks: int, rows: int) -> int:
        """The blocks of threads for so many tasks, of so many rows in all; 0: of other things."""

    def scratch(self, blocks: int, elements: int) -> int:
        """The bytes of scratch for so many blocks; a worker of the CPU needs so many elements."""


class Call(NamedTuple):
    """A launch of a kernel; all numbers but the first two are addresses on the device.

    Parameters
    ----------
    kernel : Loaded
    blocks : int
    record, frame, scratch, tasks : int
    n_tasks : int
    """

    kernel: Any
    blocks: int
    record: int
    frame: int
    scratch: int
    tasks: int
    n_tasks: int


class Device(Protocol):
    """A device with memory of its own; calls on it run in order, and may run later.

    It belongs to the thread that opened or took it.
    """

    @property
    def name(self) -> str:
        """What messages call it."""

    def take(self) -> None:
        """Makes the calling thread the one that uses it."""

    def load(self, kernel: Kernel, dtype: np.dtype) -> Loaded:
        """A kernel for a network's type.

        Raises
        ------
        NotImplementedError
            If the op does not run on this device; its argument is what to say of it.
        """

    def allocate(self, size: int) -> int:
        """The address of so many bytes, a multiple of 256.

        Raises
        ------
        MemoryError
            If there is no room; the message says how many bytes were asked for, and are free.
        """

    def free(self, address: int) -> None:
        """Frees what `allocate` gave."""

    def upload(self, address: int, source: np.ndarray) -> None:
        """Copies bytes of the host to the device; the host may overwrite them afterwards."""

    def download(self, target: np.ndarray, address: int) -> None:
        """Copies bytes of the device to the host, after all calls before."""

    def capture(self, calls: Sequence[Call]) -> Any:
        """What `replay` takes, to run these calls together."""

    def replay(self, captured: Any) -> None:
        """Runs captured calls."""

    def wait(self) -> None:
        """Waits for all calls before."""

    def close(self) -> None:
        """Gives up what the device holds."""
