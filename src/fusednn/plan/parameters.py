"""The flat parameter vector: where each layer's panels and biases are, packing and unpacking.

Weights of a layer lie in panels `[ceil(O / NR)][I][NR]`, the last one vector wide where that is
enough, padding columns zero; then its bias. The transposed copy has the same form for w^T with
rows padded to whole vectors. Of a last layer of few units the weights are a vector for each,
padded like its input, without a copy. Moments and gradients have the shape of the parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from fusednn.kernels.intrinsics.shapes import SHAPE
from fusednn.kernels.ops.few import FEW

from .buffers import aligned_zeros, padded


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
    """Writes a (K, N) matrix as panels of `rows` >= K rows; what it does not cover stays."""
    for panel, part in _matching(flat, matrix, rows):
        panel[...] = part


def read_panels(matrix: np.ndarray, flat: np.ndarray) -> None:
    """Reads panels back into a C-contiguous (K, N) matrix."""
    for panel, part in _matching(flat, matrix, len(matrix)):
        part[...] = panel


def has_few(sizes: Sequence[int], layer: int) -> bool:
    """Whether a layer's weights are a vector per unit: the last, of few, behind a hidden one."""
    return 0 < layer == len(sizes) - 2 and sizes[-1] <= FEW


class ParameterLayout:
    """Offsets of a dense network's parameters in the flat vector.

    Parameters
    ----------
    sizes : sequence of int
        Units of each layer, the input first.
    dtype : dtype
        float32 or float64.

    Attributes
    ----------
    count : int
        Elements of the flat vector, padding included.
    transposed_count : int
        Elements of the transposed copy.
    """

    def __init__(self, sizes: Sequence[int], dtype):
        self.sizes = [int(size) for size in sizes]
        self.dtype = np.dtype(dtype)
        self.padded = [padded(size, self.dtype) for size in self.sizes]
        self._weights: list[int] = []
        self._biases: list[int] = []
        self._transposed: list[int] = []
        self.count = self.transposed_count = 0
        for layer, (padded_in, out) in enumerate(pairwise(self.padded)):
            few = has_few(self.sizes, layer)
            self._weights.append(self.count)
            self.count += padded_in * self.sizes[-1] if few else self.sizes[layer] * out
            self._biases.append(self.count)
            self.count += out
            self._transposed.append(self.transposed_count)
            if layer > 0 and not few:  # the first layer's input needs no gradient
                self.transposed_count += padded_in * out

    def __len__(self) -> int:
        return len(self.sizes) - 1

    def weights(self, flat: np.ndarray, layer: int) -> np.ndarray:
        """The panels of a layer, or its vectors, as a view."""
        return flat[self._weights[layer] : self._biases[layer]]

    def bias(self, flat: np.ndarray, layer: int) -> np.ndarray:
        """The padded bias of a layer, as a view."""
        first = self._biases[layer]
        return flat[first : first + self.padded[layer + 1]]

    def vectors(self, flat: np.ndarray) -> np.ndarray:
        """The weights of a last layer of few units, (O, I), as a view."""
        return self.weights(flat, len(self) - 1).reshape(self.sizes[-1], -1)[:, : self.sizes[-2]]

    def transposed(self, flat: np.ndarray, layer: int) -> np.ndarray:
        """The panels of w^T of a layer that has a transposed copy, as a view."""
        first = self._transposed[layer]
        return flat[first : first + self.padded[layer] * self.padded[layer + 1]]

    def pack(self, coefs, intercepts, flat: np.ndarray | None = None) -> np.ndarray:
        """The flat vector of lists of (I, O) and (O,) arrays."""
        if flat is None:
            flat = aligned_zeros(self.count, self.dtype)
        for layer, (w, b) in enumerate(zip(coefs, intercepts, strict=True)):
            if has_few(self.sizes, layer):
                self.vectors(flat)[:] = w.T
            else:
                write_panels(self.weights(flat, layer), w, self.sizes[layer])
            self.bias(flat, layer)[: len(b)] = b
        return flat

    def unpack(self, flat: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Lists of new (I, O) and (O,) arrays from the flat vector."""
        coefs, intercepts = [], []
        for layer in range(len(self)):
            w = np.empty((self.sizes[layer], self.sizes[layer + 1]), self.dtype)
            if has_few(self.sizes, layer):
                w[:] = self.vectors(flat).T
            else:
                read_panels(w, self.weights(flat, layer))
            coefs.append(w)
            intercepts.append(self.bias(flat, layer)[: self.sizes[layer + 1]].copy())
        return coefs, intercepts

    def pack_transposed(self, coefs, flat: np.ndarray | None = None) -> np.ndarray:
        """The transposed copy of every layer that has one."""
        if flat is None:
            flat = aligned_zeros(self.transposed_count, self.dtype)
        for layer in range(1, len(self) - has_few(self.sizes, len(self) - 1)):
            write_panels(self.transposed(flat, layer), coefs[layer].T, self.padded[layer + 1])
        return flat
