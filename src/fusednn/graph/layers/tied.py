"""Layers whose weights are those of an earlier one, transposed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from math import inf, prod

from fusednn.graph.arrays import CHUNKS, Array
from fusednn.graph.gradients import Partials, Sum
from fusednn.graph.parameters import DRAWN, Parameter
from fusednn.graph.trace import Trace

from .dense import sums_near
from .epilogue import NOTHING, Epilogue
from .layer import rowwise


@dataclass(frozen=True)
class _Product:
    """A product with another layer's weights, transposed.

    Parameters
    ----------
    fan_in, fan_out : int
    after : Epilogue
    """

    fan_in: int
    fan_out: int
    after: Epilogue = NOTHING

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return rowwise(self.fan_in, self.fan_out, shape)

    def products(self, shape: tuple[int, ...]) -> list[tuple[int, int, int]]:
        return [(prod(shape[:-1]), self.fan_in, self.fan_out)]

    def joins_rows(self) -> bool:
        return False

    def is_random(self) -> bool:
        return self.after.dropout > 0


@dataclass(frozen=True)
class Tied(_Product):
    """out = after(x t^T), t (fan_out, fan_in) being the table of the first op, a `TokenEmbedding`.

    It has no parameters: the table has one value, one gradient (the sum of both) and one update.
    Press and Wolf, "Using the output embedding to improve language models", EACL 2017.

    Parameters
    ----------
    fan_in, fan_out : int
        The size of a vector, and the number of codes.
    after : Epilogue
    storage : str
        The type that the table is rounded to, for inference, as in `Dense`; its vectors are then
        rounded too.
    """

    storage: str = ""

    def parameters(self) -> list[Parameter]:
        return []

    def trace(self, trace: Trace, x: Array) -> Array:
        _, table = trace.parameters[0]
        assert table.shape == (self.fan_out, self.fan_in)
        w, out = trace.turn(table), Array((*x.shape[:-1], self.fan_out))
        trace.call(
            "dense", {"out": out}, x=x, w=w, b=None, floor=self.after.floor, storage=self.storage
        )
        trace.tape.append(partial(self._back, trace, x, w))
        return self.after.trace(trace, out, floored=True)

    @staticmethod
    def _back(trace: Trace, x: Array, w: Array, dz: Array) -> Array:
        if trace.needs_gradient(w) and sums_near(x, w):
            dw, db = Array(w.shape, CHUNKS), Array(w.shape[1:], CHUNKS)
            lengths = trace.lengths_of(x)
            trace.call("dense_partials", {"dw": dw, "db": db}, x=x, dz=dz, w=w, lengths=lengths)
            trace.differentiate(w, Partials(dw))
        else:
            trace.differentiate(w, Sum(x, dz))
        dx = Array(x.shape)
        trace.call("dense_backward", {"dx": dx}, dz=dz, w=w)
        return dx


@dataclass(frozen=True)
class Mirrored(_Product):
    """out = after(x w^T + b), w (O, I) being the weights of an earlier dense layer.

    Its own parameters are the biases (O,). The weights have one value, one gradient (the sum of
    both) and one update. Inference has a dense layer of the transposed weights in its place.

    Parameters
    ----------
    fan_in, fan_out : int
    after : Epilogue
    bias : bool
        Whether the biases are trained; else they are zero.
    rate : float
        Factor of the biases' learning rate.
    of : int
        The number of that layer among the network's ops.
    """

    bias: bool = True
    rate: float = 1.0
    of: int = field(kw_only=True)

    def parameters(self) -> list[Parameter]:
        biases = Parameter("biases", (self.fan_out,), DRAWN, self.rate)
        return [biases._replace(trained=self.bias, shown=self.bias)]

    def trace(self, trace: Trace, x: Array) -> Array:
        _, w = trace.parameters[trace.firsts[self.of]]
        assert w.shape == (self.fan_out, self.fan_in)
        [b] = trace.take(self.parameters())
        out = Array((*x.shape[:-1], self.fan_out))
        trace.call("dense_turned", {"out": out}, x=x, w=w, b=b)
        trace.tape.append(partial(self._back, trace, x, w, b))
        return self.after.trace(trace, out)

    @staticmethod
    def _back(trace: Trace, x: Array, w: Array, b: Array, dz: Array) -> Array | None:
        trace.differentiate(w, Sum(dz, x))
        trace.differentiate(b, Sum(None, dz))
        if not trace.needs_gradient(x):
            return None
        dx = Array(x.shape)
        trace.call("dense", {"out": dx}, x=dz, w=w, b=None, floor=-inf, storage="")
        return dx
