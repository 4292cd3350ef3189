"""Ops in a row as one op: what a description becomes that several ops make."""

from __future__ import annotations

from typing import NamedTuple

from fusednn.graph.arrays import Array
from fusednn.graph.lengths import ops_for_steps
from fusednn.graph.parameters import Parameter
from fusednn.graph.trace import Trace

from .epilogue import NOTHING, Epilogue
from .layer import Layer, distinct, shapes_along


@distinct
class Chain(NamedTuple):
    """out = after(inner(x)); the parameters are those of the inner ops.

    Parameters
    ----------
    inner : tuple of Layer
        Ops in a row.
    after : Epilogue
    """

    inner: tuple[Layer, ...]
    after: Epilogue = NOTHING

    @property
    def ops(self) -> tuple[Layer, ...]:
        """The inner ops."""
        return self.inner

    @property
    def fan_in(self) -> int:
        return self.inner[0].fan_in

    @property
    def fan_out(self) -> int:
        return self.inner[-1].fan_out

    def parameters(self) -> list[Parameter]:
        return [parameter for op in self.inner for parameter in op.parameters()]

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shapes_along(self.inner, shape)[-1]

    def with_steps(self, steps: int) -> Chain:
        """The same for series of so many steps."""
        return self._replace(inner=ops_for_steps(self.inner, steps, self.fan_in))

    def products(self, shape: tuple[int, ...]) -> tuple:
        return ()

    def joins_rows(self) -> bool:
        return any(op.joins_rows() for op in self.inner)

    def is_random(self) -> bool:
        return self.after.dropout > 0 or any(op.is_random() for op in self.inner)

    def trace(self, trace: Trace, x: Array) -> Array:
        [*_, out] = [x, *trace.along(self.inner, x)]
        return self.after.trace(trace, out)
