"""A residual block: the input plus the output of inner ops."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from fusednn.graph.arrays import Array
from fusednn.graph.parameters import Parameter
from fusednn.graph.trace import Step, Trace

from .epilogue import NOTHING, Epilogue
from .layer import Layer, shapes_along


class Residual(NamedTuple):
    """out = after(x + inner(x)); He et al., "Deep residual learning", CVPR 2016.

    Parameters
    ----------
    inner : tuple of Layer
        Ops in a row; the last one's output has the shape of the first one's input.
    after : Epilogue
    """

    inner: tuple[Layer, ...]
    after: Epilogue = NOTHING

    @property
    def fan_in(self) -> int:
        return self.inner[0].fan_in

    @property
    def fan_out(self) -> int:
        return self.inner[-1].fan_out

    def parameters(self) -> list[Parameter]:
        return [parameter for op in self.inner for parameter in op.parameters()]

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        found = shapes_along(self.inner, shape)[-1]
        if found != shape:
            raise ValueError(f"puts out the shape {found} for {shape}")
        return shape

    def products(self, shape: tuple[int, ...]) -> tuple:
        return ()

    def joins_rows(self) -> bool:
        return any(op.joins_rows() for op in self.inner)

    def is_random(self) -> bool:
        return self.after.dropout > 0 or any(op.is_random() for op in self.inner)

    def trace(self, trace: Trace, x: Array) -> Array:
        outer, trace.tape = trace.tape, []
        found = x
        for op in self.inner:
            found = op.trace(trace, found)
        inner, trace.tape = trace.tape, outer
        out = Array(x.shape)
        trace.call("add_rows", {"out": out}, x=found, other=x)
        trace.tape.append(partial(self._back, trace, inner))
        return self.after.trace(trace, out)

    @staticmethod
    def _back(trace: Trace, inner: Sequence[Step], dout: Array) -> Array | None:
        found = trace.back(dout, inner)
        if found is None:
            return None
        dx = Array(dout.shape)
        trace.call("add_rows", {"out": dx}, x=found, other=dout)
        return dx
