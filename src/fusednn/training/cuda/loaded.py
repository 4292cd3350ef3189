"""Kernels and programs that a GPU has loaded, and who makes their machine code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from fusednn.kernels.cuda.compiling.cache import cubin_of, program_of
from fusednn.kernels.cuda.twins import GRID, THREAD, Twin
from fusednn.plan.cuda.program import Kernel

THREADS = 256
"""Threads of a block."""

BLOCKS_EACH = 4
"""Blocks for each multiprocessor, at most, of launches that share their work out themselves."""


class Cubin(Protocol):
    """Machine code of a kernel or a program."""

    @property
    def name(self) -> str:
        """The name of its entry."""

    @property
    def code(self) -> bytes:
        """A cubin."""

    @property
    def shared(self) -> int:
        """The bytes of shared memory that its ops need, of a block."""

    @property
    def scratch(self) -> int:
        """The elements of scratch that they need, for each block."""


Compiled = Callable[[Kernel, np.dtype, tuple[int, int]], Cubin]
"""Gives the machine code of a kernel, for a type and a compute capability."""

CompiledProgram = Callable[[Sequence[Kernel], np.dtype, tuple[int, int], bool], Cubin]
"""The same of a program; the last argument is whether it is for one block alone."""


def compiled_kernel(kernel: Kernel, dtype: np.dtype, capability: tuple[int, int]) -> Cubin:
    """The machine code that Numba's compiler makes, or has made."""
    return cubin_of(kernel.op, dtype, _functions(kernel), capability)


def compiled_program(
    kernels: Sequence[Kernel], dtype: np.dtype, capability: tuple[int, int], alone: bool
) -> Cubin:
    """The same of a program."""
    ops = [(kernel.op, _functions(kernel)) for kernel in kernels]
    return program_of(ops, dtype, capability, alone)


def _functions(kernel: Kernel) -> dict[str, Any]:
    return {name: function for name, function, _ in kernel.functions}


class GpuKernel(NamedTuple):
    """A loaded kernel."""

    function: Any
    twin: Twin
    processors: int
    item: int

    def blocks(self, tasks: int, rows: int, record: np.ndarray) -> int:
        """As many as have work, and no more than run at the same time."""
        most = BLOCKS_EACH * self.processors
        spread = self.twin.spread
        if spread == GRID:
            return min(most, self.twin.blocks_with_work(rows, record)) if rows else most
        if spread == THREAD:
            return min(most, -(-rows // THREADS)) if rows else most
        return min(most, tasks)

    def scratch(self, blocks: int, elements: int, record: np.ndarray) -> int:
        """The bytes of all blocks."""
        return blocks * self.twin.elements(record) * self.item


class GpuProgram(NamedTuple):
    """A loaded program.

    Parameters
    ----------
    function : Any
    blocks : int
        One alone, or one for each multiprocessor: all must run at the same time.
    shared : int
        Bytes of a block's shared memory that are its ops' own.
    scratch : int
        Elements of scratch for each block.
    """

    function: Any
    blocks: int
    shared: int
    scratch: int
