"""How samples are divided into batches, blocks of a batch, and tasks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from fusednn.graph.network import Network
from fusednn.kernels.intrinsics.shapes import SHAPE
from fusednn.kernels.ops.products.partials import CHUNK_ROWS
from fusednn.kernels.ops.updates import update
from fusednn.plan.memory import sizes

from .rule import Rule


def rows_at_once(network: Network, rule: Rule, batch: int) -> int:
    """Samples of a batch that are processed at once, without a single last one that is joined.

    BatchNorm takes its statistics from what is processed at once, so it needs the whole batch, or
    `rule.block`. Windows of series carry the states of all samples of a batch on.
    """
    block = min(batch, rule.block or batch)
    if network.needs_batches() or rule.window:
        return block
    most = sizes.BLOCK_LIMIT // network.positions
    return min(block, most if network.positions == 1 else max(most, sizes.LEAST_BLOCK))


def is_blocked(network: Network, rule: Rule, batch: int) -> bool:
    """Whether the gradient of a batch is stored in memory, block by block."""
    stored = rule.optimizer is None or rule.clips or network.is_normed()
    return stored or batch > rows_at_once(network, rule, batch)


def starts_of(samples: int, batch: int, joined: bool) -> np.ndarray:
    """The first sample of each batch; `joined`: a last batch of one is joined to that before."""
    starts = np.arange(0, samples, batch)
    return starts[:-1] if joined and len(starts) > 1 and samples - starts[-1] == 1 else starts


def most_tasks(network: Network, batch: int, dtype) -> int:
    """About the number of tasks of the longest stage; more workers would have nothing to do."""
    panel, products = SHAPE.panel(np.dtype(dtype).itemsize), network.products()
    tiles = [-(-a // update.TILE_ROWS) * -(-b // panel) for _, a, b in products]
    block = min(batch, sizes.BLOCK_LIMIT)
    blocks = -(-block // samples_per_tile(network, block))
    return max(blocks, sum(tiles) + len(tiles))


def samples_per_chunk(network: Network, block: int) -> int:
    """Samples whose sums are added up before those of others, of `block` samples.

    Samples of several rows make an even number of chunks of nearly one size, so that two
    workers have as much to do.
    """
    if network.positions == 1:
        return CHUNK_ROWS
    pairs = -(-block // (2 * CHUNK_ROWS))
    return -(-block // (2 * pairs))


def keeps_chunks(network: Network) -> bool:
    """Whether tasks are cut between chunks alone: for whole register tiles, or for sums.

    A sample of many rows fills tiles by itself.
    """
    return network.positions == 1 or network.leaves_chunks()


def samples_per_tile(network: Network, block: int) -> int:
    """Tasks of `block` samples are cut at multiples of so many."""
    return samples_per_chunk(network, block) if keeps_chunks(network) else 1


def row_blocks(
    batch: int, workers: int, positions: int = 1, tile: int = SHAPE.rows
) -> list[tuple[int, int]]:
    """Blocks of a batch: two per worker, of whole tiles of samples, about 128 rows at most, or
    32 samples of several rows.

    With two per worker, others can take work from a slow core. The sizes differ by one tile at
    most, since the stage ends with the last block.
    """
    tiles = -(-batch // tile)
    wanted = 1 if workers == 1 else 2 * workers
    most = sizes.TASK_ROWS if positions == 1 else sizes.TASK_SAMPLES
    count = min(tiles, max(wanted, -(-batch // most)))
    edges = [tiles * i // count * tile for i in range(count + 1)]
    return [(lo, min(hi, batch)) for lo, hi in pairwise(edges)]
