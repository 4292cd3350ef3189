"""The places of rows in an exported network: buffers that later ops use again."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .dense import panel_width

LEAST_ROWS = 8
"""The fewest samples that a buffer has room for."""


class Buffer(NamedTuple):
    """Location of rows: the stride, the buffer (None is the caller's x), and rows per sample.

    `steps` is the C variable that holds the rows of samples that are series of any length; there
    is room for `positions`.
    """

    stride: int
    buffer: int | None = None
    positions: int = 1
    steps: str = ""

    @property
    def rows(self) -> str:
        """The number of rows, as a C expression."""
        return f"rows * {self.each}" if self.steps or self.positions > 1 else "rows"

    @property
    def each(self) -> str:
        """The rows of each sample, as a C expression."""
        return self.steps or str(self.positions)


class Buffers:
    """Gives places to the outputs of ops.

    Parameters
    ----------
    dtype : dtype

    Attributes
    ----------
    sizes : list of int
        For each buffer, the numbers that it holds per sample.
    has_scratch : bool
        Whether there must be room for `LEAST_ROWS` samples.
    """

    def __init__(self, dtype: np.dtype):
        self.sizes: list[int] = []
        self.has_scratch = False
        self._panel = panel_width(dtype)
        self._free: list[int] = []
        self._kept: set[int | None] = {None}

    def place(
        self, width: int, positions: int = 1, tight: bool = False, steps: str = ""
    ) -> Buffer:
        """A place for rows, each padded to whole panels unless they are `tight`."""
        stride = width if tight else -(-width // self._panel) * self._panel
        return Buffer(stride, self._take(stride * positions), positions, steps)

    def like(self, x: Buffer, width: int) -> Buffer:
        """A place for as many rows as x has."""
        return self.place(width, x.positions, steps=x.steps)

    def scratch(self, count: int) -> Buffer:
        """A place for `count` numbers, whatever the number of samples."""
        self.has_scratch = True
        return Buffer(1, self._take(-(-count // LEAST_ROWS)))

    def _take(self, size: int) -> int:
        if not self._free:
            self.sizes.append(0)
            self._free.append(len(self.sizes) - 1)
        buffer = min(self._free, key=lambda one: max(size - self.sizes[one], 0))
        self._free.remove(buffer)
        self.sizes[buffer] = max(self.sizes[buffer], size)
        return buffer

    def is_kept(self, place: Buffer) -> bool:
        """Whether it must not be overwritten: the caller's x, or what a residual block adds."""
        return place.buffer in self._kept

    def keep(self, place: Buffer) -> bool:
        """Keeps a place; returns whether it was not kept before."""
        new = place.buffer not in self._kept
        self._kept.add(place.buffer)
        return new

    def let_go(self, place: Buffer) -> None:
        """Ends that a place is kept."""
        self._kept.discard(place.buffer)

    def release(self, place: Buffer) -> None:
        """Frees a place unless it is kept."""
        if place.buffer not in self._kept:
            assert place.buffer is not None
            self._free.append(place.buffer)


def pointer(place: Buffer) -> str:
    """A C pointer to the first row."""
    return "x" if place.buffer is None else f"b{place.buffer}"
