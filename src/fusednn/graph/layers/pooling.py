"""Pooling: the largest or the mean of each window of an image or a series, by channel."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from fusednn.graph.arrays import Array
from fusednn.graph.parameters import Parameter
from fusednn.graph.trace import Trace
from fusednn.graph.windows import Windows

from .epilogue import NOTHING, Epilogue
from .layer import distinct


@distinct
class Pooling(NamedTuple):
    """The largest or the mean of windows; it has no parameters.

    Parameters
    ----------
    width : int
        Channels.
    windows : Windows
    largest : bool
        Whether it gives the largest of each window, else the mean. A mean divides by all taps
        within the padding.
    is_whole : bool
        Whether its one window is the whole sample; the output is then one row.
    after : Epilogue
    """

    width: int
    windows: Windows
    largest: bool = True
    is_whole: bool = False
    after: Epilogue = NOTHING

    @property
    def fan_in(self) -> int:
        return self.width

    @property
    def fan_out(self) -> int:
        return self.width

    def parameters(self) -> list[Parameter]:
        return []

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        taken = (*self.windows.sizes, self.width)
        if shape != taken:
            raise ValueError(f"takes axes {taken}, but the op before it has {shape}")
        return (self.width,) if self.is_whole else (*self.windows.counts, self.width)

    def products(self, shape: tuple[int, ...]) -> tuple:
        return ()

    def joins_rows(self) -> bool:
        return False

    def is_random(self) -> bool:
        return self.after.dropout > 0

    def trace(self, trace: Trace, x: Array) -> Array:
        out = Array(self.out_shape(x.shape))
        if self.largest:
            taken = Array(out.shape)
            written = {"out": out, "taken": taken}
            trace.call("max_pool", written, x=x, windows=self.windows)
            trace.differentiate_chosen(x, out, partial(self._back, trace, x, taken))
        else:
            trace.call("average_pool", {"out": out}, x=x, windows=self.windows)
            trace.tape.append(partial(self._back, trace, x, None))
        return self.after.trace(trace, out)

    def _back(self, trace: Trace, x: Array, taken: Array | None, dout: Array) -> Array | None:
        if not trace.needs_gradient(x):
            return None
        dx = Array(x.shape)
        given = {"dout": dout, "windows": self.windows}
        if taken is None:
            trace.call("average_pool_backward", {"dx": dx}, **given)
        else:
            trace.call("max_pool_backward", {"dx": dx}, taken=taken, **given)
        return dx
