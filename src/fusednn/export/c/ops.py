"""Converts the ops of a model to arrays and calls in C, and assigns buffers to their outputs."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from fusednn.graph.layers.batch_norm import BatchNorm
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.embedding import Embedding
from fusednn.graph.layers.epilogue import Epilogue
from fusednn.graph.layers.layer import Layer
from fusednn.graph.layers.layer_norm import LayerNorm
from fusednn.graph.layers.prelu import PReLU
from fusednn.graph.layers.rescale import Rescale
from fusednn.graph.layers.reshape import Reshape
from fusednn.graph.layers.residual import Residual
from fusednn.graph.layers.untrained import Identity, Standardize
from fusednn.plan.binding.activations import constants_of
from fusednn.serving.model import Model

from .activations import function_of
from .dense import packed, panel_width, split
from .text import PER_LINE, array, number


class Buffer(NamedTuple):
    """Location of rows: the stride, the buffer (None is the caller's x), and rows per sample."""

    stride: int
    buffer: int | None = None
    positions: int = 1

    @property
    def rows(self) -> str:
        """The number of rows, as a C expression."""
        return "rows" if self.positions == 1 else f"rows * {self.positions}"


class Lowering:
    """Converts the ops in one pass: collects calls and sizes, and yields the arrays.

    Parameters
    ----------
    arrays : iterator of ndarray
        The parameters, in the order of the ops.
    dtype : dtype
        float32 or float64.

    Attributes
    ----------
    calls : list of str
    functions, activations : set of str
        The C functions that the calls need.
    buffers : list of int
        For each buffer, the numbers that it holds per sample.
    """

    def __init__(self, arrays: Iterator[np.ndarray], dtype: np.dtype):
        self.dtype, self._arrays, self._number = dtype, arrays, 0
        self.calls: list[str] = []
        self.functions: set[str] = set()
        self.activations: set[str] = set()
        self.buffers: list[int] = []
        self._free: list[int] = []
        self._kept: set[int | None] = {None}

    def take(self, op: Layer) -> list[np.ndarray]:
        """The parameters of the next op.

        Raises
        ------
        ValueError
            If they are missing or have other shapes.
        """
        found = []
        for parameter in op.parameters():
            dtype = float if parameter.exact else self.dtype
            given, shape = np.asarray(next(self._arrays, np.empty(0)), dtype), parameter.shape
            if given.shape != shape:
                raise ValueError(f"an array of shape {given.shape} where {shape} is expected")
            found.append(given)
        return found

    # -- places --------------------------------------------------------------------------

    def _place(self, width: int, positions: int = 1) -> Buffer:
        panel = panel_width(self.dtype)
        stride = -(-width // panel) * panel
        size = stride * positions
        if not self._free:
            self.buffers.append(0)
            self._free.append(len(self.buffers) - 1)
        buffer = min(self._free, key=lambda one: max(size - self.buffers[one], 0))
        self._free.remove(buffer)
        self.buffers[buffer] = max(self.buffers[buffer], size)
        return Buffer(stride, buffer, positions)

    def _release(self, place: Buffer) -> None:
        if place.buffer not in self._kept:
            assert place.buffer is not None
            self._free.append(place.buffer)

    def own(self, x: Buffer, width: int) -> Buffer:
        """`x` itself if it may be overwritten, else a copy."""
        if x.buffer not in self._kept:
            return x
        out = self._place(width, x.positions)
        self._call("copy", x, out, width)
        return out

    def _call(self, name: str, x: Buffer, out: Buffer, *arguments) -> None:
        """Adds a call that reads rows and writes rows."""
        self.functions.add(name)
        places = f"{pointer(x)}, {x.stride}, {pointer(out)}, {out.stride}"
        self.calls.append(f"NAME_{name}({', '.join([places, out.rows, *map(str, arguments)])});")

    # -- ops -----------------------------------------------------------------------------

    def model(self, model: Model) -> Generator[str, None, Buffer]:
        """Converts a model: picks the columns that the network reads, then runs `ops`."""
        x = Buffer(model.inputs)
        if model.columns is not None:
            x = yield from self._pick(
                x, self._place(len(model.columns.chosen)), model.columns.chosen
            )
        return (yield from self.ops(model.ops, x))

    def ops(self, ops: tuple[Layer, ...], x: Buffer) -> Generator[str, None, Buffer]:
        """Yields arrays, and returns the location of the last op's output."""
        for op in ops:
            self._number += 1
            x = yield from self._op(op, x)
            self._activate(op.after, x, op.fan_out)
        return x

    def _op(self, op: Layer, x: Buffer):
        match op:
            case Dense():
                return (yield from self._dense(op, x))
            case Residual():
                return (yield from self._residual(op, x))
            case Embedding():
                return (yield from self._embedding(op, x))
            case LayerNorm():
                labels = ("scale", "shift")[: len(op.parameters())]
                arguments = yield from self._vectors(labels, op)
                scale, shift = [*arguments, "NULL"][:2]
                epsilon = number(op.epsilon, self.dtype)
                return self._columnwise("normalise", op, x, scale, shift, epsilon)
            case BatchNorm():
                return (yield from self._batch_norm(op, x))
            case Standardize() | PReLU() | Rescale():
                name, labels = _COLUMNWISE[type(op)]
                return self._columnwise(name, op, x, *(yield from self._vectors(labels, op)))
            case Reshape():
                return self._reshape(op, x)
            case Identity():
                return self.own(x, op.width)
        raise TypeError(f"no C for {op!r}")

    def _vectors(self, labels, op: Layer):
        return (yield from self._define_all(zip(labels, self.take(op), strict=True)))

    def _define_all(self, labelled):
        """Yields definitions of labelled arrays, and returns their names."""
        names: list[str] = []
        for label, values in labelled:
            names.append(f"NAME_{label}_{self._number}")
            yield from array(names[-1], values)
        return names

    def _columnwise(self, name: str, op, x: Buffer, *arguments) -> Buffer:
        out = x if x.buffer not in self._kept else self._place(op.width, x.positions)
        self._call(name, x, out, op.width, *arguments)
        return out

    def _dense(self, op: Dense, x: Buffer):
        both = packed(*self.take(op))
        names = yield from self._define_all(zip(("weights", "bias"), both, strict=True))
        out = self._place(op.fan_out, x.positions)
        panels, few = split(op.fan_out, self.dtype)
        read = f"{pointer(x)}, {x.stride}, {x.rows}, {op.fan_in}, {panels}, {few}"
        self.calls.append(f"NAME_dense({read}, {', '.join(names)}, {pointer(out)}, {out.stride});")
        self.functions.add("dense")
        self._release(x)
        return out

    def _batch_norm(self, op: BatchNorm, x: Buffer):
        scale, shift, mean, variance = self.take(op)
        inverse = (1 / np.sqrt(variance.astype(float) + op.epsilon)).astype(self.dtype)
        labels = "mean", "inverse", "scale", "shift"
        arrays = zip(labels, (mean, inverse, scale, shift), strict=True)
        names = yield from self._define_all(arrays)
        return self._columnwise("batch_norm", op, x, *names)

    def _residual(self, op: Residual, x: Buffer):
        new = x.buffer not in self._kept
        self._kept.add(x.buffer)
        out = self.own((yield from self.ops(op.inner, x)), op.fan_out)
        self._call("add", x, out, op.fan_out)
        if new:
            self._kept.discard(x.buffer)
            self._release(x)
        return out

    def _reshape(self, op: Reshape, x: Buffer) -> Buffer:
        size, width = op.fan_in, op.fan_out
        out = self._place(width, size // width)
        self.functions.add("reshape")
        places = f"{pointer(x)}, {x.stride}, {pointer(out)}, {out.stride}"
        sizes = f"{size}, {size // x.positions}, {width}, {width if op.channels_first else 1}"
        self.calls.append(f"NAME_reshape({places}, rows, {sizes});")
        self._release(x)
        return out

    def _embedding(self, op: Embedding, x: Buffer):
        out, plain = self._place(op.fan_out), op.plain
        if plain:
            yield from self._pick(x, out, plain)
        labels = [f"table_{column}" for column in op.columns]
        tables = yield from self._vectors(labels, op)
        starts = accumulate(op.sizes, initial=len(plain))
        several = zip(tables, op.columns, op.categories, op.sizes, starts, strict=False)
        for table, column, count, size, start in several:
            self.functions.add("look_up")
            places = f"{pointer(x)}, {x.stride}, {pointer(out)} + {start}, {out.stride}"
            self.calls.append(f"NAME_look_up({places}, rows, {column}, {table}, {count}, {size});")
        self._release(x)
        return out

    def _pick(self, x: Buffer, out: Buffer, columns: Sequence[int]):
        """Copies chosen columns of `x` to the first columns of `out`."""
        name = f"NAME_columns_{self._number}"
        yield f"static const uint32_t {name}[{len(columns)}] = {{\n"
        for first in range(0, len(columns), PER_LINE):
            yield "    " + ", ".join(map(str, columns[first : first + PER_LINE])) + ",\n"
        yield "};\n\n"
        self._call("pick", x, out, len(columns), name)
        return out

    def _activate(self, after: Epilogue, x: Buffer, width: int) -> None:
        if after.activation == "identity":
            return
        name = function_of(after.activation)
        self.activations.add(name)
        constants = [number(value, self.dtype) for value in constants_of(after)]
        arguments = ", ".join([pointer(x), str(x.stride), x.rows, str(width), *constants])
        self.calls.append(f"NAME_{name}_rows({arguments});")


def pointer(place: Buffer) -> str:
    """A C pointer to the first row."""
    return "x" if place.buffer is None else f"b{place.buffer}"


_COLUMNWISE = {
    Standardize: ("scale", ("mean", "factor")),
    PReLU: ("prelu", ("slopes",)),
    Rescale: ("rescale", ("before", "factor", "divisor", "after", "low", "high")),
}
"""C functions of ops that work column by column, and the names of their parameters."""
