"""The scaling of a fitted scaler before a network, where it is not folded into a layer."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from fusednn.graph.arrays import Array
from fusednn.graph.parameters import Parameter
from fusednn.graph.trace import Trace

from .columnwise import Columnwise


@dataclass(frozen=True)
class Rescale(Columnwise):
    """min(max((x + before) factor / divisor + after, low), high) by column.

    Rounded step by step, as scikit-learn's scalers do. Parameters: before, factor, divisor,
    after, low and high (width,), float64 in every network; only for inference.
    """

    def parameters(self) -> list[Parameter]:
        starts = {"before": 0.0, "factor": 1.0, "divisor": 1.0, "after": 0.0}
        bounds = {"low": -inf, "high": inf}
        facts = {"trained": False, "exact": True}
        return [
            *(self._vector(name, start, **facts) for name, start in starts.items()),
            *(self._vector(name, start, finite=False, **facts) for name, start in bounds.items()),
        ]

    def trace(self, trace: Trace, x: Array) -> Array:
        parameters = self.parameters()
        arrays = trace.take(parameters)
        named = {
            parameter.name: array for parameter, array in zip(parameters, arrays, strict=True)
        }
        out = Array(x.shape)
        trace.call("rescale_rows", {"out": out}, x=x, **named)
        return self.after.trace(trace, out)
