"""What a pass of adversarial training shows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fusednn.plan.memory.buffers import Block


class Pass(NamedTuple):
    """What a pass shows.

    Parameters
    ----------
    generator_loss, discriminator_loss : float
        Means over its steps.
    accuracy : float
        The share of rows that the discriminator judges rightly.
    variety : float
        The mean standard deviation of the columns of the last generated rows, as a share of that
        of the data in the same batch; within classes, if there are some.
    push : float
        The mean norm of the gradient by the last generated rows, each as a part of its batch.
    """

    generator_loss: float
    discriminator_loss: float
    accuracy: float
    variety: float
    push: float


def variety_of(made: np.ndarray, data: np.ndarray, codes: np.ndarray | None) -> float:
    """How much generated rows spread, as a share of what rows of data of these classes do."""
    own, beside = (spread_of(rows.astype(float), codes) for rows in (made, data))
    return own / beside if beside > 0 else 1.0


def spread_of(rows: np.ndarray, codes: np.ndarray | None) -> float:
    """The mean standard deviation of columns; with classes that about the means of these."""
    if codes is None:
        return float(rows.std(axis=0).mean())
    _, places, counts = np.unique(codes, return_inverse=True, return_counts=True)
    means = np.zeros((len(counts), rows.shape[1]))
    np.add.at(means, places, rows)
    off = rows - (means / counts[:, np.newaxis])[places]
    return float(np.sqrt((off**2).mean(axis=0)).mean())


def push_of(dmade: np.ndarray) -> float:
    """The mean norm of the gradient by generated rows, each as a part of its batch."""
    return float(np.sqrt((dmade.astype(float) ** 2).sum(axis=1)).mean() * len(dmade))


def rows_of(block: Block, count: int) -> np.ndarray:
    """The first rows of a block, as a copy."""
    rows = block.values[: count * block.stride].reshape(count, -1)
    return rows[:, : block.width].copy()
