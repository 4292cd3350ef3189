"""How many samples are answered together."""

from __future__ import annotations

import numpy as np

from fusednn.graph.network import Network

from .binding.recurrent import RECURRENCES
from .memory import sizes
from .memory.buffers import leading_dimension


def least_rows(network: Network) -> int:
    """The fewest samples of a block, and the fewest that are worth a thread."""
    return max(1, sizes.ANSWER_ROWS // network.positions)


def samples_together(network: Network) -> int:
    """The most samples of several rows that are answered together."""
    recurs = any(call.op in RECURRENCES for call in network.graph().calls)
    largest = max(a * b for _, a, b in network.products()) if recurs else 0
    return sizes.SERIES_SAMPLES if 0 < largest <= sizes.SERIES_WEIGHTS else sizes.TASK_SAMPLES


def row_bytes(network: Network, dtype: np.dtype) -> int:
    """About how many bytes the outputs of all layers take for one sample."""
    elements = sum(rows * leading_dimension(width, dtype) for rows, width in network.arrays())
    return elements * dtype.itemsize
