"""The last steps of a series that arrives step by step."""

from __future__ import annotations

from typing import NamedTuple

from fusednn.graph.arrays import Array
from fusednn.graph.parameters import Parameter
from fusednn.graph.trace import Trace

from .epilogue import NOTHING, Epilogue
from .layer import distinct


@distinct
class History(NamedTuple):
    """Every `dilation`-th of the last steps, with the newest as the last; it has no parameters.

    Steps before the first are zeros. There is no gradient by them.

    Parameters
    ----------
    fan_in : int
        Columns of a step.
    taps : int
        Steps of the output.
    dilation : int
        From one of them to the next.
    after : Epilogue
    """

    fan_in: int
    taps: int
    dilation: int = 1
    after: Epilogue = NOTHING

    @property
    def fan_out(self) -> int:
        return self.fan_in

    @property
    def length(self) -> int:
        """The steps that it remembers."""
        return self.dilation * (self.taps - 1) + 1

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if shape != (1, self.fan_in):
            raise ValueError(f"takes axes (1, {self.fan_in}), but the op before it has {shape}")
        return (self.taps, self.fan_in)

    def parameters(self) -> list[Parameter]:
        return []

    def products(self, shape: tuple[int, ...]) -> tuple:
        return ()

    def joins_rows(self) -> bool:
        return False

    def is_random(self) -> bool:
        return False

    def trace(self, trace: Trace, x: Array) -> Array:
        out = Array((self.taps, self.fan_in))
        ring, place = trace.carry(self.length, self.fan_in), trace.carry(1)
        written = {"out": out, "ring": ring.after, "place": place.after}
        before = {"ring_before": ring.before, "place_before": place.before}
        trace.call("remember", written, x=x, dilation=self.dilation, **before)
        trace.tape.append(lambda dout: None)
        return self.after.trace(trace, out)
