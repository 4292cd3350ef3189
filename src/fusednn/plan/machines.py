"""What a plan is lowered for: who makes its program, and how its samples are shared out."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from fusednn.graph.network import Network
from fusednn.kernels.ops.products.partials import CHUNK_ROWS

from .answer_sizes import least_rows, row_bytes, samples_together
from .binding.program import Program
from .memory import sizes
from .memory.memory import Memory
from .updating.batches import row_blocks


class Machine(Protocol):
    """What runs a plan. No bit of a result depends on it."""

    @property
    def workers(self) -> int:
        """Who run tasks at the same time, each with memory of its own."""

    @property
    def loops(self) -> bool:
        """Whether samples of several rows run in loops of a few."""

    def program(
        self, dtype, scratch: int, memory: Memory | None = None, chunk: int = CHUNK_ROWS
    ) -> Program:
        """An empty program, as `Program` takes these."""

    def row_blocks(self, rows: int, positions: int, tile: int) -> list[tuple[int, int]]:
        """The samples of each task of a row stage of training.

        Parameters
        ----------
        rows : int
            Samples that the buffers have room for.
        positions : int
            Rows of a sample.
        tile : int
            Tasks are cut at multiples of so many samples.
        """

    def answer_rows(self, network: Network, samples: int, dtype) -> tuple[int, int]:
        """The samples of a task and of a step, to answer so many."""


class Threads(NamedTuple):
    """Threads of the CPU.

    Parameters
    ----------
    workers : int
    """

    workers: int = 1

    @property
    def loops(self) -> bool:
        """Their arrays stay in the caches."""
        return True

    def program(
        self, dtype, scratch: int, memory: Memory | None = None, chunk: int = CHUNK_ROWS
    ) -> Program:
        """An empty program, as `Program` takes these."""
        return Program(dtype, self.workers, scratch, memory, chunk)

    def row_blocks(self, rows: int, positions: int, tile: int) -> list[tuple[int, int]]:
        """About two tasks for each thread."""
        return row_blocks(rows, self.workers, positions, tile)

    def answer_rows(self, network: Network, samples: int, dtype) -> tuple[int, int]:
        """Several tasks for each thread: others take those of a slow core."""
        fair = samples // (4 * self.workers)
        if network.positions > 1:  # samples run in loops
            most = samples if self.workers == 1 else fair
            return max(1, min(samples_together(network), most)), sizes.STEP_ROWS
        least = least_rows(network)
        block = min(sizes.ANSWER_BYTES // row_bytes(network, dtype), fair) // least * least
        return min(max(least, block), max(1, samples)), sizes.STEP_ROWS


ONE_THREAD = Threads(1)
