"""A learned factor of each column."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from fusednn.graph.arrays import Array
from fusednn.graph.gradients import Sum
from fusednn.graph.layers.columnwise import Columnwise
from fusednn.graph.parameters import Parameter
from fusednn.graph.trace import Trace


@dataclass(frozen=True)
class Scaling(Columnwise):
    """Parameters: factors (width,).

    Parameters
    ----------
    width, after, rate
        As in `Columnwise`.
    decay : float
        Factor of the factors' decay.
    """

    decay: float = 1.0

    def parameters(self) -> list[Parameter]:
        return [self._vector("factors", 1.0, decay=self.decay)]

    def trace(self, trace: Trace, x: Array) -> Array:
        [factor] = trace.take(self.parameters())
        out = Array(x.shape)
        trace.call("scale_rows", {"out": out}, x=x, mean=None, factor=factor)
        trace.tape.append(partial(self._back, trace, x, factor))
        return self.after.trace(trace, out)

    @staticmethod
    def _back(trace: Trace, x: Array, factor: Array, dout: Array) -> Array:
        dx, products = Array(x.shape), Array(x.shape)
        trace.call(
            "scale_backward", {"dx": dx, "products": products}, dout=dout, x=x, factor=factor
        )
        trace.differentiate(factor, Sum(None, products))
        return dx
