"""Arrays of a network: their shapes and what they have values for; no addresses, no memory."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

SAMPLES, ROWS, CHUNKS, NETWORK = "samples", "rows", "chunks", "network"
"""What an array has values for: each sample of a batch, each row of its samples (one number), each
chunk of its rows, or the network."""

REAL, FLOAT64, INT64 = "real", "float64", "int64"
"""Types of elements: the network's type, or the same in every network."""


@dataclass(frozen=True, eq=False, slots=True)
class Array:
    """Values without an address; two arrays are equal only if they are the same object.

    Parameters
    ----------
    shape : tuple of int
        The shape of one sample, chunk or network; its last axis is a row, the others are
        positions. Over ROWS all axes are positions.
    over : str
        SAMPLES, ROWS, CHUNKS or NETWORK.
    element : str
        REAL, FLOAT64 or INT64.
    rows : int
        Over CHUNKS: the rows of each sample, which are divided into chunks.
    """

    shape: tuple[int, ...]
    over: str = SAMPLES
    element: str = REAL
    rows: int = 1

    @property
    def width(self) -> int:
        """Elements of a row."""
        return self.shape[-1]

    @property
    def positions(self) -> int:
        """Rows of each sample."""
        return prod(self.shape if self.over == ROWS else self.shape[:-1])
