"""Ops without trained parameters: an epilogue by itself, noise, and fixed scaling of columns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from fusednn.graph.arrays import Array
from fusednn.graph.parameters import Parameter
from fusednn.graph.trace import Trace

from .columnwise import Columnwise


@dataclass(frozen=True)
class Identity(Columnwise):
    """An epilogue that cannot be part of another op."""

    def trace(self, trace: Trace, x: Array) -> Array:
        return self.after.trace(trace, x)


@dataclass(frozen=True)
class GaussianNoise(Columnwise):
    """Adds normal noise in training.

    Parameters
    ----------
    width, after, rate
        As in `Columnwise`.
    deviation : float
        The standard deviation of the noise.
    schedule : object or None
        Where it varies from step to step: its schedule.
    """

    deviation: float = 0.0
    schedule: object = None

    def is_random(self) -> bool:
        return self.deviation > 0 or super().is_random()

    def trace(self, trace: Trace, x: Array) -> Array:
        if trace.noisy and self.deviation > 0:
            out, deviation = Array(x.shape), float(self.deviation)
            trace.call(
                "gaussian_noise",
                {"out": out},
                x=x,
                deviation=deviation,
                stream=trace.next_stream(),
                varied=trace.vary("noise", deviation, self.schedule),
            )
            x = out
        return self.after.trace(trace, x)


@dataclass(frozen=True)
class Standardize(Columnwise):
    """(x - mean) factor by column; mean and factor come from the data before training."""

    def parameters(self) -> list[Parameter]:
        return [
            self._vector("mean", 0.0, trained=False),
            self._vector("factor", 1.0, trained=False),
        ]

    def trace(self, trace: Trace, x: Array) -> Array:
        mean, factor = trace.take(self.parameters())
        out = Array(x.shape)
        trace.call("scale_rows", {"out": out}, x=x, mean=mean, factor=factor)
        trace.tape.append(partial(self._back, trace, x, factor))
        return self.after.trace(trace, out)

    @staticmethod
    def _back(trace: Trace, x: Array, factor: Array, dout: Array) -> Array | None:
        if not trace.needs_gradient(x):
            return None
        dx = Array(dout.shape)
        trace.call("scale_rows", {"out": dx}, x=dout, mean=None, factor=factor)
        return dx
