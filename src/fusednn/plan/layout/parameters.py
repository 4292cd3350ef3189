"""The flat parameter vector: where each parameter is, packing and unpacking.

Parameters follow one another, each in one of the forms of `forms`. Moments and stored gradients
have the same layout. All other code has parameters as one list of arrays, in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fusednn.plan.memory.buffers import aligned_zeros

from .forms import Form


class ParameterLayout:
    """Offsets of a network's parameters in the flat vector.

    Parameters
    ----------
    forms : sequence of Form
        The form of each parameter, in the order of the network.
    dtype : dtype
        float32 or float64.

    Attributes
    ----------
    count : int
        Elements of the flat vector, padding included.
    transposed_count : int
        Elements of the transposed copies.
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

    def copies(self, flat: np.ndarray) -> list[np.ndarray | None]:
        """All copies of w^T."""
        return [self.transposed(flat, number) for number in range(len(self.forms))]

    def pack(self, arrays: Sequence, flat: np.ndarray | None = None) -> np.ndarray:
        """Packs all arrays into a flat vector, by default a new one."""
        if flat is None:
            flat = aligned_zeros(self.count, self.dtype)
        for form, view, array in zip(self.forms, self.views(flat), arrays, strict=True):
            form.pack(view, array)
        return flat

    def unpack(self, flat: np.ndarray) -> list[np.ndarray]:
        """New arrays from the flat vector."""
        arrays = [np.empty(form.shape, self.dtype) for form in self.forms]
        for form, view, array in zip(self.forms, self.views(flat), arrays, strict=True):
            form.unpack(array, view)
        return arrays

    def pack_transposed(self, arrays: Sequence, flat: np.ndarray | None = None) -> np.ndarray:
        """Packs the copy of w^T of every array that has one, by default into a new vector."""
        if flat is None:
            flat = aligned_zeros(self.transposed_count, self.dtype)
        for number, (form, array) in enumerate(zip(self.forms, arrays, strict=True)):
            copy = self.transposed(flat, number)
            if copy is not None:
                form.pack_transposed(copy, array)
        return flat


def packed(form: Form, array: np.ndarray) -> np.ndarray:
    """A new flat array in a form.

    Raises
    ------
    ValueError
        If the array does not have the form's shape.
    """
    if array.shape != form.shape:
        raise ValueError(f"an array of shape {array.shape} where {form.shape} is expected")
    flat = aligned_zeros(form.count, form.dtype)
    form.pack(flat, array)
    return flat


def unpacked(form: Form, flat: np.ndarray) -> np.ndarray:
    """A new array of the form's shape."""
    array = np.empty(form.shape, form.dtype)
    form.unpack(array, flat)
    return array
