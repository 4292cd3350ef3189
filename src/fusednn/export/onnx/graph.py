"""Builds an ONNX graph: nodes and constants with readable names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

try:
    import onnx
    from onnx import helper, numpy_helper
except ImportError as error:
    raise ImportError(
        "export_onnx needs the onnx package, which is not installed: pip install 'onnx>=1.18'"
    ) from error

MOST_BYTES = 2**31 - 2**20
"""A model is one message of Protocol Buffers, which holds at most 2 GiB."""


class State(NamedTuple):
    """An input, zeros before the first step, and the output that is its value at the next step.

    Parameters
    ----------
    before, after : str
    shape, following : tuple of int or str
        That of a sample, as it is read and as it is left; an axis with a name is 0 before the
        first step.
    """

    before: str
    after: str
    shape: tuple[int | str, ...]
    following: tuple[int | str, ...]


class Graph:
    """Nodes in the order of computation, in one type of numbers.

    A name consists of the enclosing places and the operator, such as `layer0_dense_gemm`.

    Parameters
    ----------
    dtype : dtype
        float32 or float64; the default type of numbers.
    opset : int
        Version of the operators.
    """

    def __init__(self, dtype, opset: int):
        self.dtype, self.opset = np.dtype(dtype), opset
        self.data = ""  # the name of the network's input
        self.table = ""  # that of the vectors of tokens
        self.nodes: list[onnx.NodeProto] = []
        self.states: list[State] = []
        self.constants: list[onnx.TensorProto] = []
        self._bytes = 0
        self._places: list[str] = []
        self._taken: Counter[str] = Counter()
        self._scalars: dict[bytes, str] = {}

    def state(self, *shape: int | None) -> str:
        """Adds an input (N, *shape) for what the step before left; returns its name.

        An axis that is None has as many elements as steps have been kept.
        """
        name = f"state_{len(self.states)}"
        both = (
            tuple(kept if size is None else size for size in shape)
            for kept in ("kept", "next_kept")
        )
        self.states.append(State(name, f"next_{name}", *both))
        return name

    def leave(self, state: str, value: str) -> None:
        """Makes a value what is left for the next step in place of a state."""
        self.node("Identity", value, output=f"next_{state}")

    @contextmanager
    def place(self, name: str) -> Iterator[None]:
        """Prefixes the names of nodes and constants added inside the context."""
        self._places.append(name)
        try:
            yield
        finally:
            self._places.pop()

    def node(self, kind: str, *inputs: str, output: str | None = None, **attributes) -> str:
        """Adds an operator with one output, perhaps named `output`; returns the output's name."""
        return self.nodes_of(kind, inputs, [output or self.name(kind.lower())], **attributes)[0]

    def nodes_of(self, kind: str, inputs, outputs: Sequence[str], **attributes) -> Sequence[str]:
        """Adds an operator whose outputs have the given names, and returns the names.

        An output that is not needed has the name "".
        """
        name = f"{next(filter(None, outputs))}_node"
        self.nodes.append(helper.make_node(kind, inputs, outputs, name=name, **attributes))
        return outputs

    def mean(self, x: str) -> str:
        """The means of the rows of x, as a column."""
        if self.opset < 18:  # from 18 on axes are an input; those of ReduceSum are since 13
            return self.node("ReduceMean", x, axes=[-1])
        return self.node("ReduceMean", x, self.indices("axes", [-1]))

    def largest(self, x: str, axis: int) -> str:
        """The largest numbers along an axis, which the result lacks."""
        if self.opset < 18:
            return self.node("ReduceMax", x, axes=[axis], keepdims=0)
        return self.node("ReduceMax", x, self.indices("axes", [axis]), keepdims=0)

    def array(self, name: str, values, dtype=None) -> str:
        """Adds a constant tensor, by default of the graph's type; returns its name.

        Raises
        ------
        ValueError
            If the model would exceed 2 GiB.
        """
        name, dtype = self.name(name), np.dtype(self.dtype if dtype is None else dtype)
        self._bytes += np.size(values) * dtype.itemsize
        if self._bytes > MOST_BYTES:
            size = f"{self._bytes / 2**30:.1f} GiB"
            raise ValueError(f"an ONNX model holds 2 GiB; the network has {size} or more.")
        values = np.asarray(values, dtype, order="C")
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def number(self, value: float, dtype=None) -> str:
        """Adds a constant number, or reuses an equal one; returns its name."""
        number = np.array(value, self.dtype if dtype is None else dtype)
        key = number.dtype.char.encode() + number.tobytes()
        if key not in self._scalars:
            self._scalars[key] = name = self._free(f"number{len(self._scalars)}")
            self.constants.append(numpy_helper.from_array(number, name))
        return self._scalars[key]

    def indices(self, name: str, values) -> str:
        """Adds a constant of integers; returns its name."""
        return self.array(name, values, np.int64)

    def cast(self, x: str, dtype, output: str | None = None) -> str:
        """Converts x to another type; returns the name of the result, `output` if it is given."""
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.nodes_of("Cast", [x], [output or self.name("cast")], to=kind)[0]

    def name(self, last: str) -> str:
        """A new name that consists of the places and `last`."""
        return self._free("_".join([*self._places, last]))

    def reserve(self, name: str) -> None:
        """Keeps a name for an input or an output of the graph."""
        self._taken[name] += 1

    def _free(self, name: str) -> str:
        self._taken[name] += 1
        if self._taken[name] == 1:
            return name
        return self._free(f"{name}_{self._taken[name]}")
