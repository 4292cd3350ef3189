"""A residual block: the output of inner ops plus the input, or what a shortcut makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from fusednn.graph.arrays import Array
from fusednn.graph.lengths import ops_for_steps
from fusednn.graph.parameters import Parameter
from fusednn.graph.trace import Step, Trace

from .epilogue import NOTHING, Epilogue
from .layer import Layer, distinct, shapes_along


@distinct
class Residual(NamedTuple):
    """out = after(inner(x) + shortcut(x)); He et al., "Deep residual learning", CVPR 2016.

    The parameters are those of the inner ops, then those of the shortcut.

    Parameters
    ----------
    inner : tuple of Layer
        Ops in a row.
    after : Epilogue
    shortcut : tuple of Layer
        Ops in a row, whose output has the shape of that of `inner`; empty: x itself.
    """

    inner: tuple[Layer, ...]
    after: Epilogue = NOTHING
    shortcut: tuple[Layer, ...] = ()

    @property
    def ops(self) -> tuple[Layer, ...]:
        """The inner ops, then those of the shortcut."""
        return self.inner + self.shortcut

    @property
    def fan_in(self) -> int:
        return self.inner[0].fan_in

    @property
    def fan_out(self) -> int:
        return self.inner[-1].fan_out

    def parameters(self) -> list[Parameter]:
        return [parameter for op in self.ops for parameter in op.parameters()]

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        found, added = (shapes_along(ops, shape)[-1] for ops in (self.inner, self.shortcut))
        if found != added:
            raise ValueError(f"puts out the shape {found} for {shape}, and {added} is added")
        return found

    def with_steps(self, steps: int) -> Residual:
        """The same for series of so many steps."""
        inner, shortcut = (
            ops_for_steps(ops, steps, self.fan_in) for ops in (self.inner, self.shortcut)
        )
        return self._replace(inner=inner, shortcut=shortcut)

    def products(self, shape: tuple[int, ...]) -> tuple:
        return ()

    def joins_rows(self) -> bool:
        return any(op.joins_rows() for op in self.ops)

    def is_random(self) -> bool:
        return self.after.dropout > 0 or any(op.is_random() for op in self.ops)

    def trace(self, trace: Trace, x: Array) -> Array:
        found, inner = self._along(trace, self.inner, x)
        added, shortcut = self._along(trace, self.shortcut, x)
        out = Array(found.shape)
        trace.call("add_rows", {"out": out}, x=found, other=added)
        trace.tape.append(partial(self._back, trace, inner, shortcut))
        return self.after.trace(trace, out)

    @staticmethod
    def _along(trace: Trace, ops: Sequence[Layer], x: Array) -> tuple[Array, list[Step]]:
        """The output of ops in a row, and their backward steps."""
        outer, trace.tape = trace.tape, []
        [*_, x] = [x, *trace.along(ops, x)]
        steps, trace.tape = trace.tape, outer
        return x, steps

    @staticmethod
    def _back(
        trace: Trace, inner: Sequence[Step], shortcut: Sequence[Step], dout: Array
    ) -> Array | None:
        found, added = trace.back(dout, inner), trace.back(dout, shortcut)
        if found is None or added is None:
            return found or added
        dx = Array(found.shape)
        trace.call("add_rows", {"out": dx}, x=found, other=added)
        return dx
