"""What a device must be able to do, so that a plan runs on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from fusednn.plan.cuda.program import Kernel


class Loaded(Protocol):
    """A kernel that a device can launch."""

    def blocks(self, tasks: int, rows: int, record: np.ndarray) -> int:
        """The blocks of threads for so many tasks of a record, of so many rows in all; 0: of other
        things."""

    def scratch(self, blocks: int, elements: int, record: np.ndarray) -> int:
        """The bytes of scratch for so many blocks; a worker of the CPU needs so many elements."""


class LoadedProgram(Protocol):
    """A program that a device can run by itself."""

    @property
    def blocks(self) -> int:
        """The blocks of threads that run it."""

    @property
    def shared(self) -> int:
        """The bytes of a block's shared memory that are its ops' own; a multiple of 16."""

    @property
    def scratch(self) -> int:
        """The elements of scratch for each block."""


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

    @property
    def shared(self) -> int:
        """The most bytes of shared memory that a block can have; 0: no program runs by itself."""

    def take(self) -> None:
        """Makes the calling thread the one that uses it."""

    def has(self, kernel: Kernel) -> bool:
        """Whether it can load a kernel."""

    def load(self, kernel: Kernel, dtype: np.dtype) -> Loaded:
        """A kernel for a network's type."""

    def spare(self) -> int:
        """The bytes of its memory that are free."""

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

    def pin(self, array: np.ndarray) -> None:
        """Makes `send` copy a contiguous array of the host while the host goes on."""

    def send(self, address: int, source: np.ndarray) -> None:
        """As `upload`, but the host leaves the bytes alone until it has waited."""

    def download(self, target: np.ndarray, address: int) -> None:
        """Copies bytes of the device to the host, after all calls before."""

    def copy(self, target: int, source: int, size: int) -> None:
        """Copies bytes of the device to others, after all calls before."""

    def capture(self, calls: Sequence[Call]) -> Any:
        """What `replay` takes, to run these calls together."""

    def replay(self, captured: Any) -> None:
        """Runs captured calls."""

    def load_program(
        self, kernels: Sequence[Kernel], dtype: np.dtype, alone: bool
    ) -> LoadedProgram:
        """A program of these kernels, in the order of their numbers.

        Parameters
        ----------
        kernels : sequence of Kernel
        dtype : dtype
        alone : bool
            Whether one block runs it, in its shared memory.
        """

    def run_program(
        self, program: Any, shared: int, words: int, scratch: int, first: int, last: int
    ) -> None:
        """Runs steps [first, last) of a program.

        Parameters
        ----------
        program : LoadedProgram
        shared : int
            Bytes of a block's shared memory.
        words, scratch : int
            Their addresses.
        first, last : int
        """

    def wait(self) -> None:
        """Waits for all calls before."""

    def close(self) -> None:
        """Gives up what the device holds."""
