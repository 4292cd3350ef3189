"""An ONNX graph in the making: nodes and constants, each with a name that can be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

try:
    import onnx
    from onnx import helper, numpy_helper
except ImportError as error:
    raise ImportError(
        "export_onnx needs the onnx package, which is not installed: pip install 'onnx>=1.18'"
    ) from error

MOST_BYTES = 2**31 - 2**20
"""A model is one message of Protocol Buffers, which ends at 2 GiB."""


class Graph:
    """Nodes in the order of their computation, in one type of numbers.

    Names are those of a stack of places and of the operator: `layer0_dense_gemm`.

    Parameters
    ----------
    dtype : dtype
        float32 or float64, of all numbers but those that say otherwise.
    opset : int
        Version of the operators.
    """

    def __init__(self, dtype, opset: int):
        self.dtype, self.opset = np.dtype(dtype), opset
        self.data = ""  # the name of what the network reads
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._bytes = 0
        self._places: list[str] = []
        self._taken: Counter[str] = Counter()
        self._scalars: dict[bytes, str] = {}

    @contextmanager
    def place(self, name: str) -> Iterator[None]:
        """Names within begin with this one."""
        self._places.append(name)
        try:
            yield
        finally:
            self._places.pop()

    def node(self, kind: str, *inputs: str, output: str | None = None, **attributes) -> str:
        """Adds an operator with one output and returns its name, which `output` may give."""
        return self.nodes_of(kind, inputs, [output or self._name(kind.lower())], **attributes)[0]

    def nodes_of(self, kind: str, inputs, outputs: Sequence[str], **attributes) -> Sequence[str]:
        """Adds an operator with outputs of given names, and returns these."""
        self.nodes.append(
            helper.make_node(kind, inputs, outputs, name=f"{outputs[0]}_node", **attributes)
        )
        return outputs

    def mean(self, x: str) -> str:
        """The means of the rows of x, as a column."""
        if self.opset < 18:  # axes became an input, as those of sums are since 13
            return self.node("ReduceMean", x, axes=[-1])
        return self.node("ReduceMean", x, self.indices("axes", [-1]))

    def array(self, name: str, values, dtype=None) -> str:
        """A constant tensor, of the graph's type or of another.

        Raises
        ------
        ValueError
            If there is no more room in a model.
        """
        name, dtype = self._name(name), np.dtype(self.dtype if dtype is None else dtype)
        self._bytes += np.size(values) * dtype.itemsize
        if self._bytes > MOST_BYTES:
            size = f"{self._bytes / 2**30:.1f} GiB"
            raise ValueError(f"an ONNX model holds 2 GiB; the network has {size} or more.")
        values = np.asarray(values, dtype, order="C")
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def number(self, value: float, dtype=None) -> str:
        """A constant number; equal ones are shared."""
        number = np.array(value, self.dtype if dtype is None else dtype)
        key = number.dtype.char.encode() + number.tobytes()
        if key not in self._scalars:
            self._scalars[key] = name = f"number{len(self._scalars)}"
            self.constants.append(numpy_helper.from_array(number, name))
        return self._scalars[key]

    def indices(self, name: str, values) -> str:
        """A constant of whole numbers."""
        return self.array(name, values, np.int64)

    def cast(self, x: str, dtype, output: str | None = None) -> str:
        """x in another type; `output` is the result's name."""
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.nodes_of("Cast", [x], [output or self._name("cast")], to=kind)[0]

    def _name(self, last: str) -> str:
        name = "_".join([*self._places, last])
        self._taken[name] += 1
        return name if self._taken[name] == 1 else f"{name}_{self._taken[name]}"
