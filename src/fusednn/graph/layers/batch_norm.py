"""Batch normalisation of each column: by statistics of the batch, or by running statistics."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from fusednn.graph.arrays import CHUNKS, NETWORK, Array
from fusednn.graph.gradients import Given
from fusednn.graph.parameters import Parameter
from fusednn.graph.trace import Trace

from .columnwise import Columnwise


@dataclass(frozen=True)
class BatchNorm(Columnwise):
    """Parameters: scale and shift, then the running mean and variance, of shape (width,) each.

    Parameters
    ----------
    width, after, rate
        As in `Columnwise`.
    momentum : float
        The weight of a batch's statistics in the running ones.
    epsilon : float
        Added to the variance.
    """

    momentum: float = 0.1
    epsilon: float = 1e-5

    def parameters(self) -> list[Parameter]:
        return [
            self._vector("scale", 1.0),
            self._vector("shift", 0.0),
            self._vector("mean", 0.0, trained=False),
            self._vector("variance", 1.0, trained=False, least=0.0),
        ]

    def joins_rows(self) -> bool:
        return True

    def trace(self, trace: Trace, x: Array) -> Array:
        scale, shift, mean, variance = trace.take(self.parameters())
        inverse = Array(mean.shape, NETWORK)
        if trace.trains:
            batch_mean = Array(mean.shape, NETWORK)
            partials = Array((2, self.width), CHUNKS, rows=x.positions)
            trace.call("batch_partials", {"partials": partials}, x=x, lengths=trace.lengths_of(x))
            trace.call_once(
                "batch_statistics",
                {"mean": batch_mean, "inverse": inverse},
                partials=partials,
                lengths=trace.lengths_of(x),
                running_mean=mean,
                running_variance=variance,
                momentum=self.momentum,
                epsilon=self.epsilon,
            )
            mean = batch_mean
        else:
            trace.prepare(
                "inverse_deviation", {"out": inverse}, variance=variance, epsilon=self.epsilon
            )
        out = Array(x.shape)
        trace.call(
            "batch_norm_forward",
            {"out": out},
            x=x,
            mean=mean,
            inverse=inverse,
            scale=scale,
            shift=shift,
            floor=self.after.floor,
        )
        if trace.trains:
            back = partial(self._back, trace, x, mean, inverse, scale, shift)
        else:
            back = partial(self._back_by_running, trace, inverse, scale)
        trace.tape.append(back)
        return self.after.trace(trace, out, floored=True)

    @staticmethod
    def _back_by_running(trace: Trace, inverse: Array, scale: Array, dout: Array) -> Array:
        """The backward step by running statistics, which do not depend on the rows."""
        for factor in (scale, inverse):
            dx = Array(dout.shape)
            trace.call("scale_rows", {"out": dx}, x=dout, mean=None, factor=factor)
            dout = dx
        return dout

    @staticmethod
    def _back(
        trace: Trace, x: Array, mean: Array, inverse: Array, scale, shift, dout: Array
    ) -> Array:
        dscale, dshift = Array(scale.shape, NETWORK), Array(shift.shape, NETWORK)
        partials, dx = Array((2, dout.width), CHUNKS, rows=dout.positions), Array(dout.shape)
        lengths = trace.lengths_of(x)
        trace.set_lengths(lengths, dx)
        given = {"dout": dout, "x": x, "mean": mean, "inverse": inverse, "lengths": lengths}
        trace.call("batch_norm_partials", {"partials": partials}, **given)
        trace.call_once("batch_norm_sums", {"dscale": dscale, "dshift": dshift}, partials=partials)
        trace.call(
            "batch_norm_backward",
            {"dx": dx},
            **given,
            scale=scale,
            dscale=dscale,
            dshift=dshift,
        )
        trace.differentiate(scale, Given(dscale))
        trace.differentiate(shift, Given(dshift))
        return dx
