"""Rounded weights, for inference: bfloat16 or eight-bit integers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from fusednn.graph.layers.convolution import Convolution
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.layer import Layer
from fusednn.graph.layers.recurrent import Recurrent
from fusednn.graph.layers.residual import Residual
from fusednn.graph.layers.tied import Tied
from fusednn.graph.layers.transposed_convolution import TransposedConvolution
from fusednn.graph.network import Network
from fusednn.kernels.intrinsics.integers import DOT, MOST_WORDS
from fusednn.kernels.intrinsics.shapes import SHAPE
from fusednn.kernels.ops.products import reduced
from fusednn.kernels.ops.products.narrow_dense import NARROW
from fusednn.plan.memory.buffers import padded

from .forms import Product
from .panels import panels

LEVELS = 127
"""The largest integer of a weight; -128 is not used, so that both signs have the same range."""

FACTOR_BITS = 0xFF
"""The lowest bits of a factor, which are zero: an integer times a factor is then exact in float32,
and rounding rounded weights again does not change them."""

LEAST_WEIGHT = 1e-30
"""A column whose weights are all smaller counts as zeros."""


HALF, INTEGER = "bfloat16", "int8"
STORAGES = HALF, INTEGER


class Words(Product):
    """Weights (I, O) in words of 32 bits, which are never updated.

    Parameters
    ----------
    fan_in, fan_out : int
    """

    def __init__(self, fan_in: int, fan_out: int):
        self.fan_in, self.fan_out, self.dtype = fan_in, fan_out, np.dtype(np.float32)
        self.shape: tuple[int, ...] = fan_in, fan_out
        self.padded_out = padded(fan_out, self.dtype)

    def forward_operands(self, plain: bool = False) -> dict[str, Any]:
        return {"fan_in": self.fan_in, "fan_out": self.padded_out}

    def tiles(self, batch: int) -> list[tuple[int, int, float]]:
        raise TypeError(f"{type(self).__name__} is for inference alone")


class Halves(Words):
    """Panels `[ceil(O / NR)][I][lanes]` of words of two columns in bfloat16."""

    forward_op = staticmethod(reduced.half_forward)

    def __init__(self, fan_in: int, fan_out: int):
        super().__init__(fan_in, fan_out)
        self._lanes = SHAPE.lanes(4)
        self._panels = -(-fan_out // (2 * self._lanes))
        self.count = self._panels * fan_in * self._lanes

    def pack(self, flat: np.ndarray, array: np.ndarray) -> None:
        fan_in, fan_out = self.fan_in, self.fan_out
        halves = np.zeros((fan_in, self._panels * 2 * self._lanes), np.uint32)
        halves[:, :fan_out] = rounded_halves(array)
        pairs = halves.reshape(fan_in, self._panels, 2, self._lanes)
        words = flat.view(np.uint32).reshape(self._panels, fan_in, self._lanes)
        words[...] = (pairs[:, :, 0] | pairs[:, :, 1] << 16).transpose(1, 0, 2)

    def unpack(self, array: np.ndarray, flat: np.ndarray) -> None:
        fan_in, fan_out = self.fan_in, self.fan_out
        words = flat.view(np.uint32).reshape(self._panels, fan_in, self._lanes)
        pairs = np.stack([words << 16, words & 0xFFFF0000], axis=2)  # panel, row, half, lane
        rows = pairs.transpose(1, 0, 2, 3).reshape(fan_in, -1)
        array[:] = rows[:, :fan_out].view(np.float32)


class Integers(Words):
    """Panels `[ceil(O / NR)][ceil(I / 4)][NR]` of words of four rows, then a factor of each column
    and the sum of its integers.
    """

    forward_op = staticmethod(reduced.integer_forward)

    def __init__(self, fan_in: int, fan_out: int):
        super().__init__(fan_in, fan_out)
        self.words = -(-fan_in // 4)
        self._size = self.words * self.padded_out
        self.count = self._size + 2 * self.padded_out

    def parts(self, flat: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Views of the panels, the factors, and the sums as int32."""
        factors = flat[self._size : self._size + self.padded_out]
        return flat[: self._size], factors, flat[self._size + self.padded_out :].view(np.int32)

    def pack(self, flat: np.ndarray, array: np.ndarray) -> None:
        fan_in, fan_out = self.fan_in, self.fan_out
        whole = np.zeros((4 * self.words, self.padded_out), np.int8)
        _, factors, sums = self.parts(flat)
        whole[:fan_in, :fan_out], factors[:fan_out] = rounded_integers(array)
        sums[:] = whole.sum(axis=0, dtype=np.int32)
        for panel, columns in self._panels(flat):
            panel[...] = whole[:, columns].reshape(self.words, 4, -1).transpose(0, 2, 1)

    def unpack(self, array: np.ndarray, flat: np.ndarray) -> None:
        fan_in, fan_out = self.fan_in, self.fan_out
        whole = np.empty((4 * self.words, self.padded_out), np.float32)
        for panel, columns in self._panels(flat):
            whole[:, columns] = panel.transpose(0, 2, 1).reshape(4 * self.words, -1)
        array[:] = whole[:fan_in, :fan_out] * self.parts(flat)[1][:fan_out]

    def _panels(self, flat: np.ndarray):
        """Views (words, columns, 4) of the panels as int8, and their columns."""
        for first, width in panels(self.padded_out, self.dtype):
            words = flat[first * self.words : (first + width) * self.words]
            yield words.view(np.int8).reshape(self.words, width, 4), slice(first, first + width)


FORMS: dict[str, type[Halves] | type[Integers]] = {HALF: Halves, INTEGER: Integers}
"""The form of weights for each storage."""


def with_storage(network: Network, storage: str) -> Network:
    """The network with this storage in its dense layers, convolutions and recurrences.

    A table that is also the last layer's weights has it too.

    A last layer of few units is not changed, nor with "int8" one of very many inputs, whose sums
    would not be exact.

    Parameters
    ----------
    network : Network
        As `folded` returns it.
    storage : {"bfloat16", "int8"}

    Raises
    ------
    ValueError
        If the CPU lacks the instructions.
    """
    if storage == INTEGER and DOT is None:
        raise ValueError(
            'weights="int8" needs a CPU with AVX-512 VNNI, AVX-VNNI, or on ARM the dot product;'
            ' this one has none of them. weights="bfloat16" works everywhere.'
        )
    *ops, last = network.ops
    is_behind = any(parameter.trained for op in ops for parameter in op.parameters())
    few = isinstance(last, Dense) and last.fan_out <= NARROW and is_behind
    kept = [last if few else _with_storage(last, storage)]
    return network._replace(ops=(*(_with_storage(op, storage) for op in ops), *kept))


def _with_storage(op: Layer, storage: str) -> Layer:
    if isinstance(op, Residual):
        inner, shortcut = (
            tuple(_with_storage(one, storage) for one in ops) for ops in (op.inner, op.shortcut)
        )
        return op._replace(inner=inner, shortcut=shortcut)
    if storage == INTEGER and _longest_sum(op) > 4 * MOST_WORDS:
        return op
    if isinstance(op, Recurrent | Tied):
        return replace(op, storage=storage)
    if not isinstance(op, Dense | Convolution | TransposedConvolution):
        return op
    return op._replace(storage=storage)


def _longest_sum(op: Layer) -> int:
    """The products that a sum of integers has."""
    if isinstance(op, Recurrent):
        return max(op.fan_in, op.units)
    return op.fan_in if isinstance(op, Dense | Tied) else 0


def rounded_halves(array: np.ndarray) -> np.ndarray:
    """float32 rounded to bfloat16, to the nearest, ties to even; the upper halves, as uint32."""
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32)
    nearest = bits + (0x7FFF + (bits >> 16 & 1))  # a finite value may become infinite
    return np.where(np.isnan(array), bits | 0x400000, nearest) >> 16


def rounded_integers(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Integers (I, O) from -127 to 127 and a factor for each column; their products are nearest.

    The factor of a column that is not finite is NaN.
    """
    largest = abs(array).max(axis=0).astype(np.float32)
    with np.errstate(invalid="ignore"):
        bits = (largest / np.float32(LEVELS)).view(np.uint32)
    factors = ((bits + np.uint32(FACTOR_BITS)) & ~np.uint32(FACTOR_BITS)).view(np.float32)
    factors = np.where(largest < LEAST_WEIGHT, np.float32(0), factors)
    factors = np.where(np.isfinite(largest), factors, np.float32(np.nan))
    usable = factors > 0
    divisors = np.where(usable, factors, np.float32(1))
    return np.rint(np.where(usable, array, 0) / divisors).astype(np.int8), factors
