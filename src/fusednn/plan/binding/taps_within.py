"""Which taps of a window lie on the sample, and which on the zeros around it or beyond."""

from __future__ import annotations

import numpy as np

from fusednn.graph.windows import Windows

Taps = tuple[np.ndarray, np.ndarray]


def taps_within(windows: Windows) -> list[Taps]:
    """The taps of each window that lie on the sample, along each axis.

    Parameters
    ----------
    windows : Windows
        At least one fits along each axis.

    Returns
    -------
    list of (ndarray, ndarray)
        The first tap of each window, and the first one behind; int64.
    """
    found = []
    for size, taps, stride, (before, _), dilation, count in zip(
        *windows[:5], windows.counts, strict=True
    ):
        starts = np.arange(count, dtype=np.int64) * stride - before
        # negated floors are the ceilings: the first tap not before the sample, and not within
        first = np.clip(-(starts // dilation), 0, taps)
        last = np.clip(-((starts - size) // dilation), first, taps)
        found.append((first, last))
    return found


def count_within(windows: Windows) -> int:
    """The number of taps within the sample, of all windows together."""
    found = 1
    for first, last in taps_within(windows):
        found *= int((last - first).sum())
    return found
