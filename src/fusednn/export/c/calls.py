"""The calls of an exported network, and the arrays and buffers that they need."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fusednn.graph.layers.layer import Layer

from .buffers import Buffer, Buffers, pointer
from .series import resized
from .text import array
from .windows import TYPE, constant


class Calls:
    """Collects calls and sizes, and yields the arrays.

    Parameters
    ----------
    arrays : iterator of ndarray
        The parameters, in the order of the ops.
    dtype : dtype
        float32 or float64.
    before : Calls, optional
        Those of another network in the same file, whose numbers of ops these go on from.

    Attributes
    ----------
    calls : list of str
    functions, activations : set of str
        The C functions that the calls need.
    inner_activations : set of str
        The activations that these functions call by the number.
    maths : set of str
        The elementary functions that they call.
    buffers : Buffers
    defined : list of str
        The names of all arrays of parameters, in the order of their definitions.
    """

    def __init__(self, arrays: Iterator[np.ndarray], dtype: np.dtype, before: Calls | None = None):
        self.dtype, self._arrays = dtype, arrays
        self._number: int = 0 if before is None else before._number
        self.calls: list[str] = []
        self.functions: set[str] = set()
        self.activations: set[str] = set()
        self.inner_activations: set[str] = set()
        self.maths: set[str] = set()
        self.buffers = Buffers(dtype)
        self.defined: list[str] = []
        self._has_windows: bool = before is not None and before._has_windows
        self._has_steps = False
        self._table = ""  # the name of the vectors of tokens

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

    def _vectors(self, labels, op: Layer):
        return (yield from self._define_all(zip(labels, self.take(op), strict=True)))

    def _define_all(self, labelled):
        """Yields definitions of labelled arrays, and returns their names."""
        names: list[str] = []
        for label, values in labelled:
            names.append(f"NAME_{label}_{self._number}")
            yield from array(names[-1], values)
        self.defined += names
        return names

    def _windows(self, op, x: Buffer):
        """Yields the definition of an op's windows.

        Returns a C expression of a pointer to them, and the variable of the output's steps if x
        is series of any length.
        """
        if not self._has_windows:
            yield TYPE
        self._has_windows = True
        name = f"NAME_windows_{self._number}"
        yield from constant(name, op.windows.in_the_plane())
        if not x.steps:
            return f"&{name}", ""
        lines, steps = resized(op, x.steps, self._number)
        self.calls += [line.format(name=name) for line in lines]
        return f"&w{self._number}", steps

    def own(self, x: Buffer, width: int) -> Buffer:
        """`x` itself if it may be overwritten, else a copy."""
        if not self.buffers.is_kept(x):
            return x
        out = self.buffers.like(x, width)
        self._call("copy", x, out, width)
        return out

    def _call(self, name: str, x: Buffer, out: Buffer, *arguments) -> None:
        """Adds a call that reads rows and writes rows."""
        self.functions.add(name)
        places = f"{pointer(x)}, {x.stride}, {pointer(out)}, {out.stride}"
        self.calls.append(f"NAME_{name}({', '.join([places, out.rows, *map(str, arguments)])});")

    def _call_samples(self, name: str, x: Buffer, out: Buffer, *arguments) -> None:
        """Adds a call that reads and writes whole samples."""
        self.functions.add(name)
        places = f"{pointer(x)}, {x.stride}, {pointer(out)}, {out.stride}"
        self.calls.append(f"NAME_{name}({places}, rows, {', '.join(map(str, arguments))});")

    def _call_rows(self, name: str, x: Buffer, *arguments) -> None:
        """Adds a call that works on rows in place."""
        self.functions.add(name)
        given = ", ".join([pointer(x), str(x.stride), x.rows, *map(str, arguments)])
        self.calls.append(f"NAME_{name}({given});")
