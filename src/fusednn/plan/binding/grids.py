"""Where windows begin and where their taps are: in a sample as it lies or in a frame of zeros."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fusednn.graph.arrays import Array
from fusednn.graph.windows import Windows
from fusednn.plan.memory.buffers import padded

from .data import DenseRows
from .lowering import Lowering


class Grid(NamedTuple):
    """Pixels in memory.

    Parameters
    ----------
    width : int
        Pixels of a row.
    pixel, channels : int
        Elements from one pixel to the next, and those of a pixel.
    """

    width: int
    pixel: int
    channels: int

    def starts(self, windows: Windows) -> np.ndarray:
        """The offset of the first tap of each window."""
        return self._offsets(windows.counts, windows.stride)

    def taps(self, windows: Windows) -> np.ndarray:
        """The offset of each tap from the first of its window."""
        return self._offsets(windows.kernel, windows.dilation)

    def elements(self, windows: Windows) -> np.ndarray:
        """The offset of each element of a window from its first: by tap, then by channel."""
        return np.add.outer(self.taps(windows), np.arange(self.channels)).reshape(-1)

    def _offsets(self, counts: tuple[int, ...], steps: tuple[int, ...]) -> np.ndarray:
        (rows, columns), (down, right) = counts, steps
        y, x = np.arange(rows) * down, np.arange(columns) * right
        return ((y[:, np.newaxis] * self.width + x) * self.pixel).reshape(-1)

    def runs(self, windows: Windows) -> tuple[np.ndarray, int]:
        """The offsets of the runs of contiguous elements of a window, and their length."""
        taps, columns = self.taps(windows), windows.kernel[1]
        if self.pixel == self.channels and windows.dilation[1] == 1:
            return taps[::columns].copy(), columns * self.channels
        return taps, self.channels


class Group(NamedTuple):
    """One group of the channels of an array, or all of them.

    Parameters
    ----------
    first, size : int
        Its first channel, and their number.
    is_all : bool
        Whether it has all channels.
    cleared : int
        Elements of the padding behind the channels of the last of several groups; else 0.
    """

    first: int
    size: int
    is_all: bool
    cleared: int

    @property
    def kept(self) -> int:
        """Its channels, if others may follow them in memory; else 0."""
        return 0 if self.is_all else self.size


def groups_of(channels: int, groups: int, dtype) -> list[Group]:
    """The groups of so many channels."""
    size = channels // groups
    rest = padded(channels, dtype) - channels if groups > 1 else 0
    return [
        Group(group * size, size, groups == 1, rest if group == groups - 1 else 0)
        for group in range(groups)
    ]


def reading(
    lowering: Lowering, x: Array, windows: Windows, group: Group
) -> tuple[dict[str, Any], Grid]:
    """The operands that say where windows of a group are read, and the grid of pixels there."""
    operands, pixel = _samples(lowering, x, windows)
    channels = group.size
    lanes = padded(1, lowering.dtype)
    is_framed = any(map(any, windows.padding))
    is_framed = is_framed or (pixel != channels and channels < 2 * lanes)
    grid = Grid(windows.framed[1], channels, channels)
    operands |= {
        "is_framed": bool(is_framed),
        "channel": group.first,
        "channels": channels,
        "repeats": 1,
        "frame_pixel": channels,
    }
    return operands, grid if is_framed else Grid(windows.sizes[1], pixel, channels)


def reading_lanes(
    lowering: Lowering, x: Array, sizes: tuple[int, ...], repeats: int
) -> tuple[dict[str, Any], tuple[int, int]]:
    """The same for vectors of all channels, each `repeats` times side by side; no zeros around.

    Returns
    -------
    operands : dict
    grid : tuple of int
        Pixels of a row, and elements of a pixel.
    """
    nowhere = (0, 0)
    operands, pixel = _samples(lowering, x, Windows(sizes, sizes, (1, 1), (nowhere,) * 2, (1, 1)))
    wide = padded(operands["channels"] * repeats, lowering.dtype)
    is_framed = repeats > 1 or pixel < wide
    operands |= {
        "is_framed": is_framed,
        "channel": 0,
        "repeats": repeats,
        "frame_pixel": wide,
    }
    return operands, (sizes[1], wide if is_framed else pixel)


def _samples(lowering: Lowering, x: Array, windows: Windows) -> tuple[dict[str, Any], int]:
    """The operands of samples and of a frame around them, and the elements of a pixel."""
    is_data = x is lowering.graph.x
    if is_data:
        assert isinstance(lowering.source, DenseRows)
        block, order = lowering.source.block, lowering.orders["own"]
    else:
        block, order = lowering.blocks[x], None
    height, width = windows.sizes
    flat = len(x.shape) == 1  # a sample's elements one after the other
    channels = x.width // (height * width) if flat else x.width
    pixel = channels if flat else block.stride
    operands = {
        "x": block.by_sample,
        "order": order,
        "is_data": is_data,
        "height": height,
        "width": width,
        "channels": channels,
        "x_pixel": pixel,
        "frame_height": windows.framed[0],
        "frame_width": windows.framed[1],
        "top": windows.padding[0][0],
        "left": windows.padding[1][0],
        "first_line": 0,
        "last_line": windows.framed[0],
    }
    return operands, pixel
