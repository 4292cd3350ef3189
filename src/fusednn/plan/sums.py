"""Sums that have the same bits under every BLAS."""

from __future__ import annotations

import numpy as np


def column_sums(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The sums of a b over rows, in an order that shapes alone decide, never a library's kernel.

    Parameters
    ----------
    a, b : ndarray
        Two dimensions, which may be broadcast, in any order of memory.
    """
    return np.multiply(a, b, order="C").sum(axis=0)
