"""Pooling: the largest or the mean of each window of an image or a series, by channel."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from fusednn.graph.arrays import Array
from fusednn.graph.lengths import count_windows
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

    def with_steps(self, steps: int) -> Pooling:
        """The same for series of so many steps."""
        return self._replace(windows=self.windows.with_size(steps, self.is_whole))

    def products(self, shape: tuple[int, ...]) -> tuple:
        return ()

    def joins_rows(self) -> bool:
        return False

    def is_random(self) -> bool:
        return self.after.dropout > 0

    def trace(self, trace: Trace, x: Array) -> Array:
        out, lengths = Array(self.out_shape(x.shape)), trace.lengths_of(x)
        own = None if self.is_whole else count_windows(trace, lengths, self.windows)
        trace.set_lengths(own, out)
        given = {"windows": self.windows, "lengths": lengths, "out_lengths": own}
        if self.largest:
            taken = Array(out.shape)
            written = {"out": out, "taken": taken}
            trace.set_lengths(own, taken)
            trace.call("max_pool", written, x=x, **given)
            trace.differentiate_chosen(x, out, partial(self._back, trace, x, taken, given))
        else:
            trace.call("average_pool", {"out": out}, x=x, **given)
            trace.tape.append(partial(self._back, trace, x, None, given))
        return self.after.trace(trace, out)

    @staticmethod
    def _back(
        trace: Trace, x: Array, taken: Array | None, given: dict[str, Any], dout: Array
    ) -> Array | None:
        if not trace.needs_gradient(x):
            return None
        dx = Array(x.shape)
        trace.set_lengths(trace.lengths_of(x), dx)
        if taken is None:
            trace.call("average_pool_backward", {"dx": dx}, dout=dout, **given)
        else:
            trace.call("max_pool_backward", {"dx": dx}, dout=dout, taken=taken, **given)
        return dx
