"""Blocks of adjacent tiles of weights that read far rows together, in sums over runs of rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from fusednn.graph.calls import Graph
from fusednn.graph.gradients import Sum
from fusednn.kernels.intrinsics.shapes import SHAPE
from fusednn.kernels.ops.products.runs import MOST_PANELS, MOST_TILES
from fusednn.kernels.ops.updates.update import TILE_ROWS
from fusednn.plan.memory.buffers import padded

LEAST_BLOCKS = 8
"""Blocks that are left for workers to share, where fewer could be larger."""


class FarBlocks(NamedTuple):
    """Blocks of `rows` x `columns` of weights (fan_in, padded_out); those at the edges are cut."""

    fan_in: int
    padded_out: int
    rows: int
    columns: int

    def tasks(self) -> Iterator[tuple[int, int, float]]:
        """(column, row, elements) of each block."""
        for j in range(0, self.padded_out, self.columns):
            for i in range(0, self.fan_in, self.rows):
                height, width = (
                    min(self.rows, self.fan_in - i),
                    min(self.columns, self.padded_out - j),
                )
                yield j, i, height * width

    @property
    def elements(self) -> int:
        """The sums of a block."""
        return self.rows * self.columns


def far_blocks(fan_in: int, padded_out: int, dtype) -> FarBlocks:
    """The largest blocks that a worker has room for, while there are some to share."""
    rows = TILE_ROWS * min(-(-fan_in // TILE_ROWS), MOST_TILES)
    panel = SHAPE.panel(np.dtype(dtype).itemsize)
    found = FarBlocks(fan_in, padded_out, rows, MOST_PANELS * panel)
    while found.columns > panel and len(list(found.tasks())) < LEAST_BLOCKS:
        found = found._replace(columns=found.columns // 2)
    return found


def far_elements(graph: Graph, dtype) -> int:
    """The elements of a worker's scratch that the gradients of a graph need for such blocks."""
    found = [0]
    for gradient in graph.gradients.values():
        if isinstance(gradient, Sum) and gradient.runs is not None:
            assert gradient.x is not None
            fan_in = len(gradient.runs.taps) * gradient.x.width
            found.append(far_blocks(fan_in, padded(gradient.dz.width, dtype), dtype).elements)
    return max(found)
