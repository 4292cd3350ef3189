"""Aligned memory, blocks of rows in it, and the leading dimensions of activations."""

from __future__ import annotations

from ctypes import addressof, c_char
from typing import NamedTuple

import numpy as np

from fusednn.kernels.intrinsics.shapes import SHAPE

ALIGNMENT = 64
_SET_BYTES = 1024


class Block(NamedTuple):
    """Rows in memory, `stride` elements apart: `width` columns each.

    Parameters
    ----------
    values : ndarray
        Begins with the first row.
    stride, width : int
    positions : int
        Rows of each sample.
    """

    values: np.ndarray
    stride: int
    width: int
    positions: int = 1

    @property
    def by_sample(self) -> Block:
        """A row for each sample: its first."""
        return Block(self.values, self.stride * self.positions, self.width)

    def part(self, first: int, width: int) -> Block:
        """Some of its columns."""
        return Block(self.values[first:], self.stride, width, self.positions)


def address_of(array: np.ndarray) -> int:
    """Address of an array's first element."""
    try:  # a third of the time that NumPy's own attribute takes
        return addressof(c_char.from_buffer(array))  # type: ignore[arg-type]  # NumPy's stubs: a buffer from 3.12 on
    except (TypeError, ValueError):  # read-only, empty, or not contiguous
        return array.ctypes.data


def aligned_zeros(count: int, dtype) -> np.ndarray:
    """A zeroed one-dimensional array that begins at a cache line.

    Parameters
    ----------
    count : int
        Elements.
    dtype : dtype
        Their type.

    Returns
    -------
    ndarray of shape (count,)

    Raises
    ------
    MemoryError
        As NumPy does.
    """
    dtype = np.dtype(dtype)
    raw = np.zeros(count * dtype.itemsize + ALIGNMENT, np.uint8)
    first = -address_of(raw) % ALIGNMENT
    return raw[first : first + count * dtype.itemsize].view(dtype)


def padded(width: int, dtype) -> int:
    """`width` rounded up to whole vectors."""
    lanes = SHAPE.lanes(np.dtype(dtype).itemsize)
    return -(-width // lanes) * lanes


def leading_dimension(width: int, dtype) -> int:
    """Elements from one row of activations to the next.

    One vector more where rows would be a multiple of 1 KB: the elements of a column must not all
    map to one set of the cache.
    """
    dtype = np.dtype(dtype)
    stride = padded(width, dtype)
    if stride * dtype.itemsize % _SET_BYTES == 0:
        stride += SHAPE.lanes(dtype.itemsize)
    return stride
