"""Writes and reads panels: vertical strips of a matrix, as wide as a register tile."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fusednn.kernels.intrinsics.shapes import SHAPE
from fusednn.kernels.intrinsics.tiles import ROW_PANELS
from fusednn.plan.memory.buffers import padded


def parts(count: int, dtype) -> list[tuple[int, int]]:
    """Bounds of a vector's parts, each as wide as four panels."""
    width = ROW_PANELS * SHAPE.panel(np.dtype(dtype).itemsize)
    return [(lo, min(count, lo + width)) for lo in range(0, count, width)]


def panels(columns: int, dtype, first: int = 0) -> Iterator[tuple[int, int]]:
    """First column and width of each panel of a matrix padded to `columns`, from `first` on."""
    dtype = np.dtype(dtype)
    full, lanes = SHAPE.panel(dtype.itemsize), SHAPE.lanes(dtype.itemsize)
    while first < columns:
        width = full if columns - first >= full else lanes
        yield first, width
        first += width


def _matching(flat: np.ndarray, matrix: np.ndarray, rows: int) -> Iterator[tuple]:
    """Views of the panels, of `rows` rows, and of the part of a (K, N) matrix that each holds.

    Full panels that the matrix covers are one pair, of shape (K, panels, width).
    """
    matrix = np.asarray(matrix)
    depth, columns = matrix.shape
    full = SHAPE.panel(flat.itemsize)
    count = columns // full
    whole = count * full
    if count:
        together = flat[: whole * rows].reshape(count, rows, full)[:, :depth].transpose(1, 0, 2)
        yield together, matrix[:, :whole].reshape(depth, count, full)
    if whole < columns:
        for first, width in panels(padded(columns, flat.dtype), flat.dtype, whole):
            panel = flat[first * rows : (first + width) * rows].reshape(rows, width)
            real = min(width, columns - first)
            yield panel[:depth, :real], matrix[:, first : first + real]


def write_panels(flat: np.ndarray, matrix: np.ndarray, rows: int) -> None:
    """Writes a (K, N) matrix as panels of `rows` >= K rows; the padding stays unchanged."""
    for panel, part in _matching(flat, matrix, rows):
        panel[...] = part


def read_panels(matrix: np.ndarray, flat: np.ndarray) -> None:
    """Reads panels back into a C-contiguous (K, N) matrix."""
    for panel, part in _matching(flat, matrix, len(matrix)):
        part[...] = panel
