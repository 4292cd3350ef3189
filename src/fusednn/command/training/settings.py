"""What the commands train unless told otherwise, and options that both libraries take."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

SMALL_ROWS = 10_000


class Settings(NamedTuple):
    """Options that both libraries take."""

    hidden: tuple[int, ...]
    batch: int
    epochs: int
    seed: int

    def parameters(self) -> dict:
        """As keyword arguments of either library's estimators."""
        return {
            "hidden_layer_sizes": self.hidden,
            "batch_size": self.batch,
            "max_iter": self.epochs,
            "random_state": self.seed,
        }


def usual_layers(rows: int) -> tuple[int, ...]:
    """Units of the hidden layers for a table of so many rows."""
    return (128, 64) if rows < SMALL_ROWS else (256, 128)


def usual_batch(rows: int) -> int:
    """Samples of a mini-batch for a table of so many rows."""
    return 32 if rows < SMALL_ROWS else 200


def network_in_words(
    sizes: Sequence[int], activation: str, batch: int, dtype: str, jobs: int | None
) -> str:
    """
    What is going to be trained.

    Parameters
    ----------
    sizes : sequence of int
        Of the layers, from the inputs to the outputs.
    activation : str
    batch : int
    dtype : str
    jobs : int or None

    Returns
    -------
    str
        One line.
    """
    weights = sum((a + 1) * b for a, b in pairwise(sizes))
    threads = "n_jobs automatic" if jobs is None else f"n_jobs {jobs}"
    return (
        f"network {'-'.join(map(str, sizes))} ({weights:,} parameters), {activation}, Adam,"
        f" batches of {batch}, {dtype}, {threads}"
    )
