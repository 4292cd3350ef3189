"""A GPU as a machine that plans are lowered for."""

from __future__ import annotations

from typing import NamedTuple

from fusednn.graph.network import Network
from fusednn.kernels.ops.products.partials import CHUNK_ROWS
from fusednn.plan.answer_sizes import row_bytes
from fusednn.plan.memory.memory import Memory

from .program import CudaProgram

ANSWER_BYTES = 1 << 28
"""About the bytes of all layers' outputs for the samples that are answered at once."""


class Gpu(NamedTuple):
    """A GPU: one worker, whose launches run for all samples of a batch."""

    @property
    def workers(self) -> int:
        """Launches follow one another."""
        return 1

    @property
    def loops(self) -> bool:
        """A few samples would leave most of it idle."""
        return False

    def program(
        self, dtype, scratch: int, memory: Memory | None = None, chunk: int = CHUNK_ROWS
    ) -> CudaProgram:
        """An empty program, as `Program` takes these."""
        return CudaProgram(dtype, self.workers, scratch, memory, chunk)

    def row_blocks(self, rows: int, positions: int, tile: int) -> list[tuple[int, int]]:
        """One task."""
        return [(0, rows)]

    def answer_rows(self, network: Network, samples: int, dtype) -> tuple[int, int]:
        """One task for each step."""
        rows = max(1, min(samples, ANSWER_BYTES // row_bytes(network, dtype)))
        return rows, rows
