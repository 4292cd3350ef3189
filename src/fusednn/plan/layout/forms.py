"""The forms in which parameters lie in memory, and the ops that read and write each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import prod
from typing import Any, ClassVar

import numpy as np

from fusednn.kernels.ops.products import dense, embedding, narrow_dense, partials, runs
from fusednn.kernels.ops.updates import column_norms, update
from fusednn.plan.memory.buffers import padded

from .panels import panels, parts, read_panels, write_panels

FAR_BYTES = 1 << 23
"""A layer's input above this size is read from memory again for the tiles of every panel."""

FAR_PANELS = 8
"""Panels that then share one pass over it: 2048-2048-2048-10 at batch 2048 takes 217 ms instead of
328; networks whose input stays in the cache would lose some per cent."""

BIAS_ROWS = 4
"""Cost of a vector, as so many rows of weights: its sums wait for the latency of additions."""


class Form(ABC):
    """The layout of a parameter in the flat vector.

    Attributes
    ----------
    shape : tuple of int
        As users see it.
    dtype : dtype
    count, transposed_count : int
        Elements, padding included, and those of a copy of w^T.
    decays : bool
        Whether decay and the L1 term apply to it; its update then writes the sums of its squares.
    scratch : int
        Elements of a worker's scratch that its update needs.
    """

    apply_op: ClassVar[Any]  # the update from a stored gradient
    partials_op: ClassVar[Any]  # the update from the sums of chunks; some forms have none
    shape: tuple[int, ...]
    dtype: np.dtype
    count: int
    transposed_count = 0
    decays = True
    scratch = 0

    @abstractmethod
    def pack(self, flat: np.ndarray, array: np.ndarray) -> None:
        """Writes an array of `shape`; the padding stays unchanged."""

    @abstractmethod
    def unpack(self, array: np.ndarray, flat: np.ndarray) -> None:
        """Reads an array of `shape`."""

    def pack_transposed(self, flat: np.ndarray, array: np.ndarray) -> None:
        """Writes the copy of w^T, if there is one."""
        raise TypeError(f"{type(self).__name__} has no transposed copy")

    def update_operands(self) -> dict[str, Any]:
        """The operands of its update besides those of all updates."""
        return {}

    @abstractmethod
    def tiles(self, batch: int) -> list[tuple[int, int, float]]:
        """The bounds and the cost of each task of its update from `batch` rows."""


class Column(Form):
    """Rows along the last axis, each padded: a bias, a factor of each unit, or a few for each.

    Parameters
    ----------
    size : int or tuple of int
        Its shape.
    dtype : dtype
    decays : bool
        As an attribute.
    """

    apply_op = staticmethod(update.apply_bias)
    partials_op = staticmethod(partials.update_vector_partials)

    def __init__(self, size: int | tuple[int, ...], dtype, decays: bool = False):
        self.shape = size if isinstance(size, tuple) else (size,)
        self.dtype, self.decays = np.dtype(dtype), decays
        self.stride = padded(self.shape[-1], dtype)
        self.count = prod(self.shape[:-1]) * self.stride

    def _rows(self, flat: np.ndarray) -> np.ndarray:
        rows = flat[: self.count].reshape(*self.shape[:-1], self.stride)
        return rows[..., : self.shape[-1]]

    def pack(self, flat: np.ndarray, array: np.ndarray) -> None:
        self._rows(flat)[:] = array

    def unpack(self, array: np.ndarray, flat: np.ndarray) -> None:
        array[:] = self._rows(flat)

    def update_operands(self) -> dict[str, Any]:
        return {"decays": 1} if self.decays else {}

    def tiles(self, batch: int) -> list[tuple[int, int, float]]:
        bounds = parts(self.count, self.dtype)
        return [(lo, hi, BIAS_ROWS * (hi - lo)) for lo, hi in bounds]


class Table(Form):
    """Vectors by rows (count, size), each padded.

    Parameters
    ----------
    count, size : int
    dtype : dtype
    """

    apply_op = staticmethod(embedding.apply_table)

    def __init__(self, count: int, size: int, dtype):
        self.shape, self.stride = (count, size), padded(size, dtype)
        self.dtype = np.dtype(dtype)
        self.count = count * self.stride
        self.scratch = embedding.ROWS_PER_TASK * self.stride

    def update_operands(self) -> dict[str, Any]:
        return {"columns": self.stride}

    def _rows(self, flat: np.ndarray) -> np.ndarray:
        return flat.reshape(-1, self.stride)[:, : self.shape[1]]

    def pack(self, flat: np.ndarray, array: np.ndarray) -> None:
        self._rows(flat)[:] = array

    def unpack(self, array: np.ndarray, flat: np.ndarray) -> None:
        array[:] = self._rows(flat)

    def tiles(self, batch: int) -> list[tuple[int, int, float]]:
        count, step = self.shape[0], embedding.ROWS_PER_TASK
        bounds = [(lo, min(lo + step, count)) for lo in range(0, count, step)]
        return [(lo, hi, (hi - lo) * self.stride) for lo, hi in bounds]


class Product(Form):
    """Weights (I, O) that rows are multiplied by.

    Attributes
    ----------
    forward_op : kernel
    """

    forward_op: ClassVar[Any]

    @abstractmethod
    def forward_operands(self, plain: bool = False) -> dict[str, Any]:
        """The sizes for its forward op, or with `plain` for that on a row-major matrix."""


class Panels(Product):
    """Panels `[ceil(O / NR)][I][NR]`, and panels of w^T for the gradient of the input.

    Parameters
    ----------
    fan_in, fan_out : int
    dtype : dtype
    transposed : bool
        Whether there is a copy of w^T, which the gradient of the input needs.
    """

    # static: without the JIT kernels are functions, which would become methods
    forward_op, plain_op = map(staticmethod, (dense.dense_forward, dense.plain_forward))
    backward_op = staticmethod(dense.dense_backward)
    update_op, apply_op = map(staticmethod, (dense.update_weights, dense.apply_gradient))
    runs_op, partials_op = map(staticmethod, (runs.update_runs, partials.update_partials))
    bound_op = staticmethod(column_norms.bound_columns)
    normalise_op = staticmethod(column_norms.normalise_columns)
    differentiate_op = staticmethod(column_norms.differentiate_columns)

    def __init__(self, fan_in: int, fan_out: int, dtype, transposed: bool = True):
        self.fan_in, self.fan_out, self.dtype = fan_in, fan_out, np.dtype(dtype)
        self.shape = fan_in, fan_out
        self.padded_in, self.padded_out = padded(fan_in, dtype), padded(fan_out, dtype)
        self.count = fan_in * self.padded_out
        self.transposed_count = self.padded_in * self.padded_out if transposed else 0

    def forward_operands(self, plain: bool = False) -> dict[str, Any]:
        return {"fan_in": self.fan_in, "fan_out": self.fan_out if plain else self.padded_out}

    def backward_operands(self) -> dict[str, Any]:
        """The sizes for its backward op."""
        return {
            "padded_in": self.padded_in,
            "fan_out": self.fan_out,
            "padded_out": self.padded_out,
        }

    def update_operands(self) -> dict[str, Any]:
        return {"fan_in": self.fan_in, "columns": self.padded_out}

    def column_operands(self) -> dict[str, Any]:
        """The sizes for ops over whole columns."""
        return {"fan_in": self.fan_in, "columns": self.padded_out}

    def pack(self, flat: np.ndarray, array: np.ndarray) -> None:
        write_panels(flat, array, self.fan_in)

    def pack_transposed(self, flat: np.ndarray, array: np.ndarray) -> None:
        write_panels(flat, array.T, self.padded_out)

    def unpack(self, array: np.ndarray, flat: np.ndarray) -> None:
        read_panels(array, flat)

    @staticmethod
    def plain(w: np.ndarray) -> np.ndarray:
        """Weights (I, O) as the plain forward op reads them."""
        return w

    def matrices(self, flat: np.ndarray) -> list[np.ndarray]:
        """The matrices of whole columns that a flat vector in this form holds."""
        return [flat]

    def columns(self) -> list[tuple[int, int]]:
        """Bounds of the tasks over whole columns of one of these."""
        return [(j, 0) for j, _ in panels(self.padded_out, self.dtype)]

    def tiles(self, batch: int) -> list[tuple[int, int, float]]:
        """(column, row, elements) of each tile, panel by panel to keep a panel's dz in the cache.

        `batch` is the number of rows that the gradient is computed from.
        """
        rows = range(0, self.fan_in, update.TILE_ROWS)
        columns = list(panels(self.padded_out, self.dtype))
        input_bytes = batch * self.fan_in * self.dtype.itemsize
        together = FAR_PANELS if input_bytes > FAR_BYTES else 1
        return [
            (j, i, width * min(update.TILE_ROWS, self.fan_in - i))
            for first in range(0, len(columns), together)
            for i in rows
            for j, width in columns[first : first + together]
        ]


class Vectors(Panels):
    """A vector for each unit of a last layer of few, padded like the input; no copy of w^T."""

    forward_op = plain_op = staticmethod(narrow_dense.narrow_forward)
    backward_op = staticmethod(narrow_dense.narrow_backward)
    update_op, apply_op = map(
        staticmethod, (narrow_dense.update_narrow, narrow_dense.apply_narrow)
    )
    bound_op = staticmethod(column_norms.bound_vectors)
    normalise_op = staticmethod(column_norms.normalise_vectors)
    differentiate_op = staticmethod(column_norms.differentiate_vectors)

    def __init__(self, fan_in: int, fan_out: int, dtype):
        super().__init__(fan_in, fan_out, dtype, transposed=False)
        self.count = self.padded_in * fan_out

    def forward_operands(self, plain: bool = False) -> dict[str, Any]:
        stride = self.fan_in if plain else self.padded_in
        return {"fan_in": self.fan_in, "fan_out": self.fan_out, "w_stride": stride}

    def backward_operands(self) -> dict[str, Any]:
        return {"padded_in": self.padded_in, "fan_out": self.fan_out, "w_stride": self.padded_in}

    def update_operands(self) -> dict[str, Any]:
        return {"fan_out": self.fan_out, "w_stride": self.padded_in}

    def column_operands(self) -> dict[str, Any]:
        return {"fan_in": self.fan_in, "w_stride": self.padded_in}

    def _matrix(self, flat: np.ndarray) -> np.ndarray:
        return flat.reshape(self.fan_out, self.padded_in)[:, : self.fan_in]

    def pack(self, flat: np.ndarray, array: np.ndarray) -> None:
        self._matrix(flat)[:] = array.T

    def unpack(self, array: np.ndarray, flat: np.ndarray) -> None:
        array[:] = self._matrix(flat).T

    @staticmethod
    def plain(w: np.ndarray) -> np.ndarray:
        return w.T

    def columns(self) -> list[tuple[int, int]]:
        return [(0, self.fan_out)]

    def tiles(self, batch: int) -> list[tuple[int, int, float]]:
        """(first, last, elements) of each part of the vectors."""
        return [(lo, hi, self.fan_out * (hi - lo)) for lo, hi in parts(self.fan_in, self.dtype)]
