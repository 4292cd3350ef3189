"""Default layers and batch sizes, and the options that scikit-learn shares."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

SMALL_ROWS = 10_000


class Settings(NamedTuple):
    """Options that fusednn and scikit-learn share."""

    hidden: tuple[int, ...]
    batch: int
    epochs: int
    seed: int

    def parameters(self) -> dict:
        """Keyword arguments for an estimator of either library."""
        return {
            "hidden_layer_sizes": self.hidden,
            "batch_size": self.batch,
            "max_iter": self.epochs,
            "random_state": self.seed,
        }


def usual_layers(rows: int) -> tuple[int, ...]:
    """Default units of the hidden layers, by the number of rows."""
    return (128, 64) if rows < SMALL_ROWS else (256, 128)


def usual_batch(rows: int) -> int:
    """Default size of a mini-batch, by the number of rows."""
    return 32 if rows < SMALL_ROWS else 200


def network_in_words(
    sizes: Sequence[int], activation: str, batch: int, dtype: str, jobs: int | None
) -> str:
    """
    Describe a network and its training in one line.

    Parameters
    ----------
    sizes : sequence of int
        Sizes of the layers, from the inputs to the outputs.
    activation : str
    batch : int
    dtype : str
    jobs : int or None

    Returns
    -------
    str
    """
    weights = sum((a + 1) * b for a, b in pairwise(sizes))
    threads = "n_jobs automatic" if jobs is None else f"n_jobs {jobs}"
    return (
        f"network {'-'.join(map(str, sizes))} ({weights:,} parameters), {activation}, Adam,"
        f" batches of {batch}, {dtype}, {threads}"
    )
