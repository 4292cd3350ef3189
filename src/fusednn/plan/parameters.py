"""The flat parameter vector: where each parameter is, packing and unpacking.

Parameters lie one after the other, each in one of the forms of `forms`. Moments and gradients
have the shape of the parameters. Users see lists of matrices and of vectors, in that order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .buffers import aligned_zeros
from .forms import Form


class ParameterLayout:
    """Offsets of a network's parameters in the flat vector.

    Parameters
    ----------
    forms : sequence of Form
        Of each parameter, in the order of the network.
    dtype : dtype
        float32 or float64.

    Attributes
    ----------
    count : int
        Elements of the flat vector, padding included.
    transposed_count : int
        Elements of the transposed copies.
    matrices, vectors : list of int
        The numbers of the parameters that are one and the other.
    """

    def __init__(self, forms: Sequence[Form], dtype):
        self.forms, self.dtype = list(forms), np.dtype(dtype)
        self._starts: list[int] = []
        self._transposed: list[int] = []
        self.count = self.transposed_count = 0
        for form in self.forms:
            self._starts.append(self.count)
            self.count += form.count
            self._transposed.append(self.transposed_count)
            self.transposed_count += form.transposed_count
        numbers = range(len(self.forms))
        self.matrices = [number for number in numbers if self.forms[number].is_matrix]
        self.vectors = [number for number in numbers if not self.forms[number].is_matrix]

    def view(self, flat: np.ndarray, number: int) -> np.ndarray:
        """A parameter in its form."""
        first = self._starts[number]
        return flat[first : first + self.forms[number].count]

    def views(self, flat: np.ndarray) -> list[np.ndarray]:
        """All parameters in their forms."""
        return [self.view(flat, number) for number in range(len(self.forms))]

    def transposed(self, flat: np.ndarray, number: int) -> np.ndarray | None:
        """The panels of w^T of a parameter; None where it has no such copy."""
        first, count = self._transposed[number], self.forms[number].transposed_count
        return flat[first : first + count] if count else None

    def in_order(self, matrices, vectors) -> list[np.ndarray]:
        """All arrays by their numbers, from lists of matrices and of vectors."""
        arrays: list = [None] * len(self.forms)
        for numbers, group in ((self.matrices, matrices), (self.vectors, vectors)):
            for number, array in zip(numbers, group, strict=True):
                arrays[number] = array
        return arrays

    def split(self, arrays) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Lists of matrices and of vectors, from all arrays by their numbers."""
        return [arrays[at] for at in self.matrices], [arrays[at] for at in self.vectors]

    def pack(self, matrices, vectors, flat: np.ndarray | None = None) -> np.ndarray:
        """The flat vector of lists of arrays."""
        if flat is None:
            flat = aligned_zeros(self.count, self.dtype)
        for number, array in enumerate(self.in_order(matrices, vectors)):
            self.forms[number].pack(self.view(flat, number), array)
        return flat

    def unpack(self, flat: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Lists of new matrices and vectors from the flat vector."""

        def read(number):
            array = np.empty(self.forms[number].shape, self.dtype)
            self.forms[number].unpack(array, self.view(flat, number))
            return array

        return list(map(read, self.matrices)), list(map(read, self.vectors))

    def pack_transposed(self, matrices, flat: np.ndarray | None = None) -> np.ndarray:
        """The transposed copy of every matrix that has one."""
        if flat is None:
            flat = aligned_zeros(self.transposed_count, self.dtype)
        for number, matrix in zip(self.matrices, matrices, strict=True):
            copy = self.transposed(flat, number)
            if copy is not None:
                self.forms[number].pack_transposed(copy, matrix)
        return flat
