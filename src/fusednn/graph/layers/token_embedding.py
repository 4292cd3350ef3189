"""Samples of integer codes, each replaced by a learned vector: a series of vectors."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from fusednn.graph.arrays import Array
from fusednn.graph.gradients import TokenLookups
from fusednn.graph.parameters import DRAWN, Parameter
from fusednn.graph.trace import Trace

from .epilogue import NOTHING, Epilogue
from .layer import distinct


@distinct
class TokenEmbedding(NamedTuple):
    """Parameters: a table (categories, size).

    Parameters
    ----------
    fan_in : int
        Steps of a sample, which has one code for each.
    categories, size : int
        The number of codes, and elements of a vector.
    padding : int or None
        The code whose vector is not trained. At the end of a sample it is no step.
    after : Epilogue
    rate, decay : float
        Factors of the learning rate and of the weights' decay.
    """

    fan_in: int
    categories: int
    size: int
    padding: int | None = None
    after: Epilogue = NOTHING
    rate: float = 1.0
    decay: float = 1.0

    @property
    def fan_out(self) -> int:
        return self.size

    def parameters(self) -> list[Parameter]:
        return [Parameter("vectors", (self.categories, self.size), DRAWN, self.rate, self.decay)]

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if shape != (self.fan_in,):
            raise ValueError(f"takes {self.fan_in} codes, but the op before it has axes {shape}")
        return (self.fan_in, self.size)

    def with_steps_of_data(self, steps: int) -> TokenEmbedding:
        """The same for samples of so many codes."""
        return self._replace(fan_in=steps)

    def products(self, shape: tuple[int, ...]) -> tuple:
        return ()

    def joins_rows(self) -> bool:
        return False

    def is_random(self) -> bool:
        return self.after.dropout > 0

    def trace(self, trace: Trace, x: Array) -> Array:
        [table] = trace.take(self.parameters())
        out, lengths = Array(self.out_shape(x.shape)), trace.data_lengths
        trace.data_lengths = None
        trace.set_lengths(lengths, out)
        trace.call("embed_tokens", {"out": out}, x=x, tables=(table,), lengths=lengths)
        trace.tape.append(partial(self._back, trace, x, table))
        return self.after.trace(trace, out)

    def _back(self, trace: Trace, x: Array, table: Array, dout: Array) -> Array | None:
        trace.differentiate(table, TokenLookups(x, dout, self.padding))
        if not trace.needs_gradient(x):
            return None
        dx = Array(x.shape)
        trace.call("embed_backward", {"dx": dx}, dout=dout, columns=tuple(range(self.fan_in)))
        return dx
