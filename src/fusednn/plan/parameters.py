"""The flat parameter vector: where each layer's weights and biases are, packing and unpacking.

Weights of a layer lie in one of the forms of `forms`, then its bias, padded with zeros to whole
vectors. Moments and gradients have the shape of the parameters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .buffers import aligned_zeros
from .forms import forms_of


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
    forms : list of Panels
        How each layer's weights lie.
    count : int
        Elements of the flat vector, padding included.
    transposed_count : int
        Elements of the transposed copies.
    """

    def __init__(self, sizes: Sequence[int], dtype):
        self.dtype = np.dtype(dtype)
        self.forms = forms_of(sizes, dtype)
        self._weights: list[int] = []
        self._transposed: list[int] = []
        self.count = self.transposed_count = 0
        for form in self.forms:
            self._weights.append(self.count)
            self.count += form.count + form.padded_out
            self._transposed.append(self.transposed_count)
            self.transposed_count += form.transposed_count

    def __len__(self) -> int:
        return len(self.forms)

    def weights(self, flat: np.ndarray, layer: int) -> np.ndarray:
        """The weights of a layer, in its form, as a view."""
        first = self._weights[layer]
        return flat[first : first + self.forms[layer].count]

    def bias(self, flat: np.ndarray, layer: int) -> np.ndarray:
        """The padded bias of a layer, as a view."""
        first = self._weights[layer] + self.forms[layer].count
        return flat[first : first + self.forms[layer].padded_out]

    def transposed(self, flat: np.ndarray, layer: int) -> np.ndarray | None:
        """The panels of w^T of a layer, as a view; None where it has no such copy."""
        first, count = self._transposed[layer], self.forms[layer].transposed_count
        return flat[first : first + count] if count else None

    def pack(self, coefs, intercepts, flat: np.ndarray | None = None) -> np.ndarray:
        """The flat vector of lists of (I, O) and (O,) arrays."""
        if flat is None:
            flat = aligned_zeros(self.count, self.dtype)
        for layer, (w, b) in enumerate(zip(coefs, intercepts, strict=True)):
            self.forms[layer].pack(self.weights(flat, layer), w)
            self.bias(flat, layer)[: len(b)] = b
        return flat

    def unpack(self, flat: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Lists of new (I, O) and (O,) arrays from the flat vector."""
        coefs, intercepts = [], []
        for layer, form in enumerate(self.forms):
            w = np.empty((form.fan_in, form.fan_out), self.dtype)
            form.unpack(w, self.weights(flat, layer))
            coefs.append(w)
            intercepts.append(self.bias(flat, layer)[: form.fan_out].copy())
        return coefs, intercepts

    def pack_transposed(self, coefs, flat: np.ndarray | None = None) -> np.ndarray:
        """The transposed copy of every layer that has one."""
        if flat is None:
            flat = aligned_zeros(self.transposed_count, self.dtype)
        for layer, form in enumerate(self.forms):
            copy = self.transposed(flat, layer)
            if copy is not None:
                form.pack_transposed(copy, coefs[layer])
        return flat
