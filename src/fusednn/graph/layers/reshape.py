"""Reshapes samples; the shape of a single row flattens them."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import NamedTuple

from fusednn.graph.arrays import Array
from fusednn.graph.parameters import Parameter
from fusednn.graph.trace import Trace

from .epilogue import NOTHING, Epilogue
from .layer import distinct


@distinct
class Reshape(NamedTuple):
    """The elements of a sample in the same order, in another shape; it has no parameters.

    Parameters
    ----------
    shape : tuple of int
        The shape of a sample, with as many elements as the input.
    channels_first : bool
        Whether the first axis of `shape` holds the channels; the output has them last.
    after : Epilogue
    """

    shape: tuple[int, ...]
    channels_first: bool = False
    after: Epilogue = NOTHING

    @property
    def fan_in(self) -> int:
        return prod(self.shape)

    @property
    def fan_out(self) -> int:
        return self.shape[0 if self.channels_first else -1]

    @property
    def axes_read(self) -> tuple[tuple[int, ...], ...]:
        """The axes that samples may have before it: its own, also without those of one channel."""
        plain = self.shape[1:] if self.channels_first else self.shape[:-1]
        return (self.shape, plain) if self.fan_out == 1 else (self.shape,)

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if prod(shape) != self.fan_in:
            raise ValueError(
                f"takes {self.fan_in} elements, but the op before it has {prod(shape)}"
            )
        return (*self.shape[1:], self.shape[0]) if self.channels_first else self.shape

    def with_steps_of_data(self, steps: int) -> Reshape:
        """The same for data of so many steps, to which it gives their time axis.

        Raises
        ------
        ValueError
            If samples do not become series.
        """
        if len(self.shape) != 2:
            raise ValueError(f"makes samples of axes {self.shape}, not series")
        shape = (self.shape[0], steps) if self.channels_first else (steps, self.shape[1])
        return self._replace(shape=shape)

    def with_steps(self, steps: int) -> Reshape:
        """Always raises, since it fixes the steps of series.

        Raises
        ------
        ValueError
            Always.
        """
        raise ValueError(f"fixes the steps of series, since it makes samples of axes {self.shape}")

    def parameters(self) -> list[Parameter]:
        return []

    def products(self, shape: tuple[int, ...]) -> tuple:
        return ()

    def joins_rows(self) -> bool:
        return False

    def is_random(self) -> bool:
        return self.after.dropout > 0

    def trace(self, trace: Trace, x: Array) -> Array:
        out = Array(self.out_shape(x.shape))
        if trace.lengths_of(x) is not None:
            raise ValueError(f"a Reshape to {self.shape} fixes the steps of series")
        trace.set_lengths(trace.data_lengths, out)
        transposed = self.channels_first and self.fan_out > 1
        columns = self.fan_in // self.fan_out if transposed else 1
        trace.call("reshape", {"out": out}, x=x, columns=columns)
        if columns == 1 and trace.data_lengths is None:
            trace.note_reshaped(out, x)
        trace.data_lengths = None
        trace.tape.append(partial(self._back, trace, x, self.fan_out if transposed else 1))
        return self.after.trace(trace, out)

    @staticmethod
    def _back(trace: Trace, x: Array, columns: int, dout: Array) -> Array | None:
        if not trace.needs_gradient(x):
            return None
        dx = Array(x.shape)
        trace.call("reshape", {"out": dx}, x=dout, columns=columns)
        return dx
