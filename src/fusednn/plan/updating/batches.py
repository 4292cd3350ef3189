"""How samples are dealt out: to batches, to blocks of a batch, and to tasks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from fusednn.graph.network import Network
from fusednn.kernels.intrinsics.shapes import SHAPE
from fusednn.kernels.ops.updates import update
from fusednn.plan.memory import sizes

from .rule import Rule


def rows_at_once(network: Network, rule: Rule, batch: int) -> int:
    """Rows of a batch that go forward and back at once, if they do not end with a single row.

    Statistics of a batch are those of a block, so a network that has some takes it whole.
    """
    block = min(batch, rule.block or batch)
    if network.needs_batches():
        return block
    most = sizes.BLOCK_LIMIT // network.positions
    return min(block, most if network.positions == 1 else max(most, sizes.LEAST_BLOCK))


def is_blocked(network: Network, rule: Rule, batch: int) -> bool:
    """Whether the gradient of a batch goes to memory, block by block."""
    stored = rule.optimizer is None or rule.clips or network.is_normed()
    return stored or batch > rows_at_once(network, rule, batch)


def starts_of(samples: int, batch: int, joined: bool) -> np.ndarray:
    """Where batches begin; with `joined` a last one of one row belongs to the one before."""
    starts = np.arange(0, samples, batch)
    return starts[:-1] if joined and len(starts) > 1 and samples - starts[-1] == 1 else starts


def most_tasks(network: Network, batch: int, dtype) -> int:
    """About the tasks of the longest stage: many more workers would have nothing to do."""
    panel, products = SHAPE.panel(np.dtype(dtype).itemsize), network.products()
    tiles = [-(-a // update.TILE_ROWS) * -(-b // panel) for _, a, b in products]
    blocks = -(-min(batch, sizes.BLOCK_LIMIT) // samples_per_tile(network))
    return max(blocks, sum(tiles) + len(tiles))


def samples_per_tile(network: Network) -> int:
    """Samples that blocks have multiples of: rows of a register tile, which are also a chunk's.

    Samples of many rows are tiles by themselves, but chunks must not be cut anywhere.
    """
    return SHAPE.rows if network.positions == 1 or network.leaves_chunks() else 1


def row_blocks(
    batch: int, workers: int, positions: int = 1, tile: int = SHAPE.rows
) -> list[tuple[int, int]]:
    """Blocks of a batch: two per worker, of whole tiles of samples, at most 128 rows each.

    Two per worker let a slow core hand work over; their sizes differ by one tile at most, since
    the stage ends with the last of them.
    """
    tiles = -(-batch // tile)
    wanted = 1 if workers == 1 else 2 * workers
    count = min(tiles, max(wanted, -(-batch * positions // sizes.TASK_ROWS)))
    edges = [tiles * i // count * tile for i in range(count + 1)]
    return [(lo, min(hi, batch)) for lo, hi in pairwise(edges)]
