"""PReLU: a rectifier whose slope below zero is learned, one for each column."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from fusednn.graph.arrays import Array
from fusednn.graph.gradients import Sum
from fusednn.graph.parameters import Parameter
from fusednn.graph.trace import Trace

from .columnwise import Columnwise


@dataclass(frozen=True)
class PReLU(Columnwise):
    """Parameters: slopes (width,).

    Parameters
    ----------
    width, after, rate
        As in `Columnwise`.
    start : float
        The slopes' first value.
    """

    start: float = 0.25

    def parameters(self) -> list[Parameter]:
        return [self._vector("slopes", self.start)]

    def trace(self, trace: Trace, x: Array) -> Array:
        [slope] = trace.take(self.parameters())
        out = Array(x.shape)
        trace.call("prelu_forward", {"out": out}, x=x, slope=slope)
        trace.tape.append(partial(self._back, trace, x, slope))
        return self.after.trace(trace, out)

    @staticmethod
    def _back(trace: Trace, x: Array, slope: Array, dout: Array) -> Array:
        dx, products = Array(x.shape), Array(x.shape)
        trace.call("prelu_backward", {"dx": dx, "products": products}, dout=dout, x=x, slope=slope)
        trace.differentiate(slope, Sum(None, products))
        return dx
