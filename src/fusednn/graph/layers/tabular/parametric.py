"""An activation and the identity, in learned shares of each column."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from fusednn.graph.arrays import Array
from fusednn.graph.gradients import Sum
from fusednn.graph.layers.columnwise import Columnwise
from fusednn.graph.layers.epilogue import NOTHING, Epilogue
from fusednn.graph.parameters import Parameter
from fusednn.graph.trace import Trace


@dataclass(frozen=True)
class Parametric(Columnwise):
    """(1 - share) x + share f(x). Parameters: shares (width,).

    Parameters
    ----------
    width, after, rate
        As in `Columnwise`.
    function : Epilogue
        Its activation is f; it has no dropout.
    decay : float
        Factor of the shares' decay.
    start : float
        The shares' first value.
    """

    function: Epilogue = NOTHING
    decay: float = 1.0
    start: float = 1.0

    def parameters(self) -> list[Parameter]:
        return [self._vector("shares", self.start, decay=self.decay)]

    def trace(self, trace: Trace, x: Array) -> Array:
        [share] = trace.take(self.parameters())
        out, written = Array(x.shape), {}
        if trace.goes_back:
            written = {"slopes": Array(x.shape), "excess": Array(x.shape)}
        named: dict[str, Any] = {
            "activation": self.function.activation,
            "constants": self.function.constants,
        }
        trace.call("parametric_forward", {"out": out, **written}, x=x, share=share, **named)
        if written:
            trace.tape.append(partial(self._back, trace, x, share, written))
        return self.after.trace(trace, out)

    @staticmethod
    def _back(
        trace: Trace, x: Array, share: Array, written: dict[str, Array], dout: Array
    ) -> Array | None:
        if trace.needs_gradient(share):
            products = Array(x.shape)
            trace.call("multiply", {"out": products}, x=written["excess"], factor=dout)
            trace.differentiate(share, Sum(None, products))
        if not trace.needs_gradient(x):
            return None
        dx = Array(x.shape)
        trace.call("multiply", {"out": dx}, x=dout, factor=written["slopes"])
        return dx
