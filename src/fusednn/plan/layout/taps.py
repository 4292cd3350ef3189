"""The forms of the weights of convolutions, one for all channels or for groups of them."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from fusednn.graph.calls import Call
from fusednn.kernels.ops.updates import update
from fusednn.plan.memory.buffers import padded

from .forms import Panels
from .panels import read_panels, write_panels

TRANSPOSED = (
    "convolve_transposed",
    "convolve_transposed_backward",
    "convolve_transposed_partials",
)
"""The calls of transposed convolutions."""


def is_depthwise(call: Call) -> bool:
    """Whether a convolution of a graph is bound as one of vectors of channels.

    A transposed one with several filters for a channel is bound group by group.
    """
    *_, inputs, outputs = call.given["w"].shape
    groups = call.given["groups"]
    return groups > 1 and inputs == 1 and not (call.op in TRANSPOSED and outputs > groups)


def is_stepped(call: Call) -> bool:
    """Whether a call is fast for few samples: it neither turns nor widens weights first."""
    if call.op in TRANSPOSED or call.given.get("storage"):
        return False
    return call.given.get("groups", 1) == 1 or is_depthwise(call)


def taps_of(call: Call, dtype, copied: bool = False) -> Taps:
    """The form of the weights of a convolution; `copied`: the gradient of its input is needed."""
    shape, groups = call.given["w"].shape, call.given["groups"]
    if groups == 1:
        return Taps(shape, dtype, transposed=copied and call.op not in TRANSPOSED)
    if is_depthwise(call):
        return Taps(shape, dtype)
    return GroupedTaps(shape, groups, dtype)


class Taps(Panels):
    """Weights (*kernel, I, O) of a convolution, as those of a matrix (taps I, O).

    Parameters
    ----------
    shape : tuple of int
    dtype : dtype
    transposed : bool
        Whether there is a copy of that matrix transposed.

    Attributes
    ----------
    matrix_count : int
        Elements of one of its `matrices`.
    """

    def __init__(self, shape: tuple[int, ...], dtype, transposed: bool = False):
        super().__init__(prod(shape[:-1]), shape[-1], dtype, transposed)
        self.shape, self.matrix_count = shape, self.count

    def kernel(self, kernel: Any) -> Any:
        """The kernel that reads this form: that which reads floats."""
        return kernel

    def weights(self, flat: np.ndarray) -> list[dict[str, Any]]:
        """The operands of the weights of each group, or of all."""
        return [{"w": matrix} for matrix in self.matrices(flat)]

    def pack(self, flat: np.ndarray, array: np.ndarray) -> None:
        super().pack(flat, np.asarray(array).reshape(self.fan_in, self.fan_out))

    def pack_transposed(self, flat: np.ndarray, array: np.ndarray) -> None:
        super().pack_transposed(flat, np.asarray(array).reshape(self.fan_in, self.fan_out))

    def unpack(self, array: np.ndarray, flat: np.ndarray) -> None:
        super().unpack(array.reshape(self.fan_in, self.fan_out), flat)


class GroupedTaps(Taps):
    """Weights (*kernel, I / groups, O): for each group the panels of a matrix of its own.

    Parameters
    ----------
    shape : tuple of int
    groups : int
    dtype : dtype
    """

    def __init__(self, shape: tuple[int, ...], groups: int, dtype):
        super().__init__(shape, dtype)
        self.each, self.padded_out = shape[-1] // groups, padded(shape[-1] // groups, dtype)
        self.matrix_count = self.fan_in * self.padded_out
        self.count = groups * self.matrix_count

    def matrices(self, flat: np.ndarray) -> list[np.ndarray]:
        size = self.matrix_count
        return [flat[first : first + size] for first in range(0, self.count, size)]

    def pack(self, flat: np.ndarray, array: np.ndarray) -> None:
        matrix = np.asarray(array).reshape(self.fan_in, self.fan_out)
        for number, panels in enumerate(self.matrices(flat)):
            first = number * self.each
            write_panels(panels, matrix[:, first : first + self.each], self.fan_in)

    def unpack(self, array: np.ndarray, flat: np.ndarray) -> None:
        matrix = array.reshape(self.fan_in, self.fan_out)
        for number, panels in enumerate(self.matrices(flat)):
            first = number * self.each
            read_panels(matrix[:, first : first + self.each], panels)

    def update_operands(self) -> dict[str, Any]:
        """Those of one panel a vector wide: updates work by element."""
        lanes = padded(1, self.dtype)
        return {"fan_in": self.count // lanes, "columns": lanes}

    def tiles(self, batch: int) -> list[tuple[int, int, float]]:
        lanes = padded(1, self.dtype)
        rows = self.count // lanes
        step = update.TILE_ROWS
        return [(0, i, lanes * min(step, rows - i)) for i in range(0, rows, step)]
