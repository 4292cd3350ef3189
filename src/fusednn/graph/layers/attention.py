"""Attention of the steps of a series to one another, and what is added to rows or turns them."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import Any, NamedTuple

from fusednn.graph.arrays import Array
from fusednn.graph.gradients import PerPosition
from fusednn.graph.parameters import DRAWN, Parameter
from fusednn.graph.trace import Trace

from .epilogue import NOTHING, Epilogue
from .layer import distinct, rowwise

KEPT_STEPS = 512
"""The most steps whose weights are kept for the way back; else they are computed again there, so
that memory does not grow with the square of the steps."""


@distinct
class Attention(NamedTuple):
    """softmax(q k^T / sqrt(size)) v of each head; no parameters.

    A row of the input has the queries of all heads, then the keys and the values of all key heads;
    `heads / key_heads` adjacent heads share a key head.

    Parameters
    ----------
    size : int
        Columns of a head.
    heads, key_heads : int
    causal : bool
        Whether a step attends to itself and those before it alone.
    dropout : float
        The share of the weights, after softmax, that a step of training drops.
    base : float
        If above 0, queries and keys are turned by their step: the i-th pair of columns by the step
        divided by base^(2 i / size). A pair is a column of the first half of a head and the same
        one of the second.
    after : Epilogue
    """

    size: int
    heads: int
    key_heads: int
    causal: bool = False
    dropout: float = 0.0
    base: float = 0.0
    after: Epilogue = NOTHING

    @property
    def fan_in(self) -> int:
        return (self.heads + 2 * self.key_heads) * self.size

    @property
    def fan_out(self) -> int:
        return self.heads * self.size

    def parameters(self) -> list[Parameter]:
        return []

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(shape) != 2 or shape[1] != self.fan_in:
            raise ValueError(
                f"takes axes (steps, {self.fan_in}), but the op before it has {shape}"
            )
        return shape[0], self.fan_out

    def products(self, shape: tuple[int, ...]) -> list[tuple[int, int, int]]:
        rows = prod(shape[:-1]) * self.heads
        return [(rows, self.size, shape[0]), (rows, shape[0], self.size)]

    def joins_rows(self) -> bool:
        return False

    def is_random(self) -> bool:
        return self.dropout > 0 or self.after.dropout > 0

    def trace(self, trace: Trace, x: Array) -> Array:
        steps = x.shape[0]
        out, written = Array((steps, self.fan_out)), {}
        turned = self._turned(trace, x)
        if trace.goes_back and steps <= KEPT_STEPS:
            written = {"weights": Array((self.heads, steps, steps))}
        dropout = self.dropout if trace.noisy else 0.0
        given: dict[str, Any] = {
            "heads": self.heads,
            "key_heads": self.key_heads,
            "causal": self.causal,
            "dropout": dropout,
            "stream": trace.next_stream() if dropout else 0,
            "lengths": trace.lengths_of(turned),
        }
        trace.set_lengths(given["lengths"], out)
        trace.call("attend", {"out": out, **written}, qkv=turned, **given)
        given |= {"qkv": turned, "weights": written.get("weights")}
        trace.tape.append(partial(self._back, trace, given))
        return self.after.trace(trace, out)

    def _back(self, trace: Trace, given: dict[str, Any], dout: Array) -> Array:
        dqkv = Array(given["qkv"].shape)
        trace.set_lengths(given["lengths"], dqkv)
        trace.call("attend_backward", {"dqkv": dqkv}, dout=dout, **given)
        return self._turned(trace, dqkv, back=True)

    def _turned(self, trace: Trace, x: Array, back: bool = False) -> Array:
        """x with queries and keys turned, or turned back."""
        if self.base == 0:
            return x
        out = Array(x.shape)
        heads = self.heads + self.key_heads
        trace.call("rotate", {"out": out}, x=x, heads=heads, size=self.size, base=self.base,
                   back=back)  # fmt: skip
        return out


@distinct
class Positions(NamedTuple):
    """out = after(x + table), a row of the table (steps, width) for each step.

    Parameters
    ----------
    steps, width : int
        Series may have fewer steps.
    learned : bool
        Whether the table is trained.
    after : Epilogue
    rate, decay
        As in `Dense`.
    """

    steps: int
    width: int
    learned: bool = True
    after: Epilogue = NOTHING
    rate: float = 1.0
    decay: float = 1.0

    @property
    def fan_in(self) -> int:
        return self.width

    @property
    def fan_out(self) -> int:
        return self.width

    def parameters(self) -> list[Parameter]:
        shape, facts = (self.steps, self.width), {"trained": self.learned, "shown": self.learned}
        return [Parameter("table", shape, DRAWN, self.rate, self.decay, **facts)]

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(shape) != 2 or shape[1] != self.width:
            raise ValueError(f"takes axes (steps, {self.width}), but the op before it has {shape}")
        if shape[0] > self.steps:
            raise ValueError(f"has positions of {self.steps} steps, not of {shape[0]}")
        return shape

    def products(self, shape: tuple[int, ...]) -> tuple:
        return ()

    def joins_rows(self) -> bool:
        return False

    def is_random(self) -> bool:
        return self.after.dropout > 0

    def trace(self, trace: Trace, x: Array) -> Array:
        [table] = trace.take(self.parameters())
        out = Array(x.shape)
        trace.call("add_positions", {"out": out}, x=x, table=table)
        trace.tape.append(partial(self._back, trace, x, table))
        return self.after.trace(trace, out)

    @staticmethod
    def _back(trace: Trace, x: Array, table: Array, dout: Array) -> Array | None:
        trace.differentiate(table, PerPosition(dout))
        return dout if trace.needs_gradient(x) else None


@distinct
class Gate(NamedTuple):
    """out = after(silu(a) b), with a the first half of the columns of x and b the second.

    Parameters
    ----------
    width : int
        Columns of the output.
    after : Epilogue
    """

    width: int
    after: Epilogue = NOTHING

    @property
    def fan_in(self) -> int:
        return 2 * self.width

    @property
    def fan_out(self) -> int:
        return self.width

    def parameters(self) -> list[Parameter]:
        return []

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return rowwise(self.fan_in, self.fan_out, shape)

    def products(self, shape: tuple[int, ...]) -> tuple:
        return ()

    def joins_rows(self) -> bool:
        return False

    def is_random(self) -> bool:
        return self.after.dropout > 0

    def trace(self, trace: Trace, x: Array) -> Array:
        out = Array((*x.shape[:-1], self.width))
        trace.call("gate", {"out": out}, x=x)
        trace.tape.append(partial(self._back, trace, x))
        return self.after.trace(trace, out)

    @staticmethod
    def _back(trace: Trace, x: Array, dout: Array) -> Array:
        dx = Array(x.shape)
        trace.call("gate_backward", {"dx": dx}, dout=dout, x=x)
        return dx
