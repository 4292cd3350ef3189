"""The dense layer: out = after(x w + b)."""

from __future__ import annotations

from functools import partial
from math import inf, prod
from typing import NamedTuple

from fusednn.graph.arrays import CHUNKS, NETWORK, Array
from fusednn.graph.gradients import Partials, Sum
from fusednn.graph.parameters import DRAWN, Parameter, biases_of
from fusednn.graph.trace import Trace

from .epilogue import NOTHING, Epilogue
from .layer import rowwise

LEAST_COLUMNS = 16
"""The fewest columns on both sides of weights whose gradients are summed by chunks of samples."""

CHUNK = 8
"""About the samples of a chunk."""


def sums_near(x: Array, w: Array) -> bool:
    """Whether the gradient of w is summed by chunks, while their rows are in the cache.

    That is so for samples of several rows, if the sums of a chunk take less than half the memory
    of its rows: else adding to them for each sample costs more than reading the rows again.
    """
    if x.positions == 1 or min(w.shape) < LEAST_COLUMNS:
        return False
    return 2 * prod(w.shape) < CHUNK * x.positions * sum(w.shape)


def differentiate_product(trace: Trace, w: Array, b: Array, x: Array, dz: Array) -> None:
    """Sets the gradients of w and b, of z = x w + b."""
    is_near = sums_near(x, w) and not trace.has_gradient(w)
    if trace.needs_gradient(w) and is_near:
        dw, db = Array(w.shape, CHUNKS), Array(b.shape, CHUNKS)
        lengths = trace.lengths_of(x)
        trace.call("dense_partials", {"dw": dw, "db": db}, x=x, dz=dz, w=w, lengths=lengths)
        trace.differentiate(w, Partials(dw))
        trace.differentiate(b, Partials(db))
    else:
        trace.differentiate(w, Sum(x, dz))
        trace.differentiate(b, Sum(None, dz))


class Dense(NamedTuple):
    """Parameters: weights (I, O), biases (O,), and with `weight_norm` norms (O,).

    Parameters
    ----------
    fan_in, fan_out : int
    after : Epilogue
    bias : bool
        Whether the biases are trained; else they are zero.
    rate, decay : float
        Factors of the learning rate and of the weights' decay.
    bias_rate : float
        Factor of the biases' learning rate, besides `rate`.
    max_norm : float
        The largest norm of a unit's incoming weights; infinite: no bound.
    weight_norm : bool
        Whether the weights are normalised: w = v g / |v|. The parameter "weights" is then v
        (I, O), and the norms g (O,) are a third.
    storage : str
        The type that the weights are rounded to, for inference; "": none. "bfloat16": products
        are computed in float32. "int8": a weight is an integer times a factor of its column. Each
        row of the input is rounded to integers from 0 to 255, less the row's zero point, times
        the row's factor. Sums are exact.
    tangent : bool
        Whether the optimizer trains w sqrt(I), the neural tangent parametrisation.
    """

    fan_in: int
    fan_out: int
    after: Epilogue = NOTHING
    bias: bool = True
    rate: float = 1.0
    decay: float = 1.0
    max_norm: float = inf
    weight_norm: bool = False
    storage: str = ""
    tangent: bool = False
    bias_rate: float = 1.0

    def parameters(self) -> list[Parameter]:
        decay = 0.0 if self.weight_norm else self.decay
        w = Parameter(
            "weights", (self.fan_in, self.fan_out), DRAWN, self.rate, decay, self.max_norm
        )
        found = [
            w._replace(scale=self.fan_in**-0.5) if self.tangent else w,
            biases_of(self),
        ]
        if self.weight_norm:
            found.append(Parameter("lengths", (self.fan_out,), DRAWN, self.rate))
        return found

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return rowwise(self.fan_in, self.fan_out, shape)

    def products(self, shape: tuple[int, ...]) -> list[tuple[int, int, int]]:
        return [(prod(shape[:-1]), self.fan_in, self.fan_out)]

    def joins_rows(self) -> bool:
        return False

    def is_random(self) -> bool:
        return self.after.dropout > 0

    def trace(self, trace: Trace, x: Array) -> Array:
        w, b, *norms = trace.take(self.parameters())
        out = Array((*x.shape[:-1], self.fan_out))
        weights = w
        if norms:
            weights = Array(w.shape, NETWORK)
            trace.norm(weights, w, norms[0])
        trace.call(
            "dense",
            {"out": out},
            x=x,
            w=weights,
            b=b,
            floor=self.after.floor,
            storage=self.storage,
        )
        trace.tape.append(partial(self._back, trace, x, w, weights, b))
        return self.after.trace(trace, out, floored=True)

    @staticmethod
    def _back(trace: Trace, x: Array, w: Array, weights: Array, b: Array, dz: Array):
        if weights is w:
            differentiate_product(trace, w, b, x, dz)
        else:
            trace.differentiate(w, Sum(x, dz))
            trace.differentiate(b, Sum(None, dz))
        if not trace.needs_gradient(x):
            return None
        dx = Array(x.shape)
        trace.call("dense_backward", {"dx": dx}, dz=dz, w=weights)
        return dx
