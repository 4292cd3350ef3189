"""Rounded weights of convolutions, for inference: panels of bfloat16 or of eight-bit integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusednn.graph.calls import Call
from fusednn.kernels.ops.products import (
    convolution,
    depthwise,
    narrow_scatter,
    reduced_convolution,
    scatter,
)
from fusednn.plan.memory.buffers import aligned_zeros

from .forms import Form
from .rounded_weights import HALF, rounded_halves, rounded_integers
from .taps import Taps, taps_of

KERNELS = {
    convolution.convolve: reduced_convolution.reduced_convolve,
    scatter.scatter: reduced_convolution.reduced_scatter,
    narrow_scatter.scatter_narrow: reduced_convolution.reduced_narrow,
    depthwise.depthwise: reduced_convolution.reduced_depthwise,
}
"""The kernel that reads rounded weights in place of each that reads floats."""


def stored_taps(call: Call, dtype, copied: bool = False) -> Taps | ReducedTaps:
    """The form of the weights of a convolution, rounded if the call says so.

    `copied`: the gradient of its input is needed.
    """
    storage = call.given.get("storage")
    if storage:
        return ReducedTaps(taps_of(call, dtype), storage)
    return taps_of(call, dtype, copied)


class ReducedTaps(Form):
    """The panels of convolutions with less precise elements, then factors of integers.

    Parameters
    ----------
    taps : Taps
        The form of the same weights in float32.
    storage : {"bfloat16", "int8"}
        With "int8" each filter has a factor.
    """

    def __init__(self, taps: Taps, storage: str):
        self.taps, self.shape, self.dtype = taps, taps.shape, np.dtype(np.float32)
        self.is_half = storage == HALF
        self._matrices = taps.count // taps.matrix_count
        self._words = taps.count // (2 if self.is_half else 4)
        self._columns = self._matrices * taps.padded_out
        self.count = self._words + (0 if self.is_half else self._columns)

    def kernel(self, kernel: Any) -> Any:
        """The kernel that reads this form in place of one that reads floats."""
        return KERNELS[kernel]

    def weights(self, flat: np.ndarray) -> list[dict[str, Any]]:
        """The operands of the weights of each group."""
        words = flat[: self._words].reshape(self._matrices, -1)
        rows = self.taps.count // self._columns
        factors = words if self.is_half else self._factors(flat)  # of words none are read
        stored = {"is_half": self.is_half, "w_rows": rows, "w_columns": self.taps.padded_out}
        return [{"w": w, "factors": own, **stored} for w, own in zip(words, factors, strict=True)]

    def _factors(self, flat: np.ndarray) -> np.ndarray:
        """A view of the factors of each group's filters, padded."""
        return flat[self._words :].reshape(self._matrices, -1)

    def pack(self, flat: np.ndarray, array: np.ndarray) -> None:
        panels = aligned_zeros(self.taps.count, self.dtype)
        if self.is_half:
            self.taps.pack(panels, array)
            low, high = rounded_halves(panels).reshape(self._matrices, 2, -1).swapaxes(0, 1)
            flat.view(np.uint32)[:] = (low | high << 16).reshape(-1)
            return
        whole, factors = rounded_integers(np.asarray(array).reshape(-1, self.shape[-1]))
        self.taps.pack(panels, whole.reshape(self.shape))
        flat[: self._words].view(np.int8)[:] = panels
        each = self.shape[-1] // self._matrices
        self._factors(flat)[:, :each] = factors.reshape(self._matrices, each)

    def unpack(self, array: np.ndarray, flat: np.ndarray) -> None:
        if self.is_half:
            words = flat.view(np.uint32).reshape(self._matrices, -1)
            panels = np.concatenate([words << 16, words & 0xFFFF0000], axis=1).reshape(-1)
            self.taps.unpack(array, panels.view(np.float32))
            return
        self.taps.unpack(array, flat[: self._words].view(np.int8).astype(np.float32))
        each = self.shape[-1] // self._matrices
        array *= self._factors(flat)[:, :each].reshape(-1)

    def tiles(self, batch: int) -> list[tuple[int, int, float]]:
        raise TypeError("rounded weights are for inference alone")
