"""Windows of an image or a series: their sizes, and how many there are."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

Pair = tuple[int, int]

MOST_TAPS = 1 << 24
"""The most taps within a sample of all windows of a pool: its table has so many entries."""


class Windows(NamedTuple):
    """The windows of samples (H, W, C) or (T, C), one for each position of the output.

    The values have an entry for each axis but the channels.

    Parameters
    ----------
    sizes : tuple of int
        The sizes of the input.
    kernel : tuple of int
        Taps of a window.
    stride : tuple of int
        From one window to the next.
    padding : tuple of (int, int)
        Zeros before and after the input.
    dilation : tuple of int
        From one tap to the next.
    overhangs : bool
        Whether a last window that begins within the input or the padding before it may overhang.
    """

    sizes: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[Pair, ...]
    dilation: tuple[int, ...]
    overhangs: bool = False

    @property
    def framed(self) -> tuple[int, ...]:
        """Sizes of the input with its padding."""
        return tuple(
            before + size + after
            for size, (before, after) in zip(self.sizes, self.padding, strict=True)
        )

    @property
    def counts(self) -> tuple[int, ...]:
        """Windows along each axis; at most 0 where none fits."""
        found = []
        for size, taps, stride, (before, after), dilation in zip(*self[:5], strict=True):
            left = before + size + after - dilation * (taps - 1) - 1
            count = left // stride + 1
            if self.overhangs and left % stride and count * stride < before + size:
                count += 1
            found.append(count)
        return tuple(found)

    @property
    def taps(self) -> int:
        """Taps of a window."""
        return prod(self.kernel)

    def with_size(self, size: int, is_whole: bool = False) -> Windows:
        """The same over a series of another size; `is_whole`: its one window is all of it."""
        return self._replace(sizes=(size,), kernel=(size,) if is_whole else self.kernel)

    def in_the_plane(self) -> Windows:
        """The same with two axes: a series is an image of one row."""
        if len(self.sizes) == 2:
            return self
        return Windows(
            (1, *self.sizes), (1, *self.kernel), (1, *self.stride),
            ((0, 0), *self.padding), (1, *self.dilation),
            self.overhangs,
        )  # fmt: skip
