"""Upsampling of images and series: each element is repeated along their axes."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from fusednn.graph.arrays import Array
from fusednn.graph.lengths import count_repeated
from fusednn.graph.parameters import Parameter
from fusednn.graph.trace import Trace
from fusednn.graph.windows import Windows

from .epilogue import NOTHING, Epilogue
from .layer import distinct


@distinct
class UpSampling(NamedTuple):
    """The nearest neighbour; it has no parameters.

    Parameters
    ----------
    shape : tuple of int
        The shape of a sample of its input.
    factors : tuple of int
        How often elements are repeated along each axis but the channels.
    after : Epilogue
    """

    shape: tuple[int, ...]
    factors: tuple[int, ...]
    after: Epilogue = NOTHING

    @property
    def fan_in(self) -> int:
        return self.shape[-1]

    @property
    def fan_out(self) -> int:
        return self.shape[-1]

    @property
    def windows(self) -> Windows:
        """The windows over the output that hold one element of the input each."""
        axes = len(self.factors)
        sizes = tuple(size * f for size, f in zip(self.shape[:-1], self.factors, strict=True))
        return Windows(sizes, self.factors, self.factors, ((0, 0),) * axes, (1,) * axes)

    def parameters(self) -> list[Parameter]:
        return []

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if shape != self.shape:
            raise ValueError(f"takes axes {self.shape}, but the op before it has {shape}")
        return (*self.windows.sizes, shape[-1])

    def with_steps(self, steps: int) -> UpSampling:
        """The same for series of so many steps."""
        return self._replace(shape=(steps, self.fan_in))

    def products(self, shape: tuple[int, ...]) -> tuple:
        return ()

    def joins_rows(self) -> bool:
        return False

    def is_random(self) -> bool:
        return self.after.dropout > 0

    def trace(self, trace: Trace, x: Array) -> Array:
        out, lengths = Array(self.out_shape(x.shape)), trace.lengths_of(x)
        own = count_repeated(trace, lengths, self.factors[0])
        trace.set_lengths(own, out)
        given = {"windows": self.windows, "lengths": lengths, "out_lengths": own}
        trace.call("upsample", {"out": out}, x=x, **given)
        trace.tape.append(partial(self._back, trace, x, given))
        return self.after.trace(trace, out)

    @staticmethod
    def _back(trace: Trace, x: Array, given: dict[str, Any], dout: Array) -> Array | None:
        if not trace.needs_gradient(x):
            return None
        dx = Array(x.shape)
        trace.set_lengths(trace.lengths_of(x), dx)
        trace.call("upsample_backward", {"dx": dx}, dout=dout, **given)
        return dx
