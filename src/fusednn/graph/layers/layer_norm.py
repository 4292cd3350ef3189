"""Layer normalisation of each row by itself, and RMSNorm."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from fusednn.graph.arrays import CHUNKS, ROWS, Array
from fusednn.graph.gradients import Partials, Sum
from fusednn.graph.parameters import Parameter
from fusednn.graph.trace import Trace

from .columnwise import Columnwise


@dataclass(frozen=True)
class LayerNorm(Columnwise):
    """Parameters: scale and, where centered, shift, of shape (width,).

    Parameters
    ----------
    width, after, rate
        As in `Columnwise`.
    centered : bool
        Whether the mean is subtracted and a shift added; else it is RMSNorm.
    epsilon : float
        Added to the variance, or to the mean square.
    """

    centered: bool = True
    epsilon: float = 1e-5

    def parameters(self) -> list[Parameter]:
        scale, shift = self._vector("scale", 1.0), self._vector("shift", 0.0)
        return [scale, shift] if self.centered else [scale]

    def trace(self, trace: Trace, x: Array) -> Array:
        scale, *shift = trace.take(self.parameters())
        out, normal, inverse = Array(x.shape), Array(x.shape), Array(x.shape[:-1], ROWS)
        trace.call(
            "layer_norm_forward",
            {"out": out, "normal": normal, "inverse": inverse},
            x=x,
            scale=scale,
            shift=shift[0] if shift else None,
            centered=self.centered,
            epsilon=self.epsilon,
        )
        trace.tape.append(partial(self._back, trace, normal, inverse, scale, shift))
        return self.after.trace(trace, out)

    def _back(self, trace: Trace, normal: Array, inverse: Array, scale, shift, dout: Array):
        if dout.positions > 1 and trace.needs_gradient(scale):
            return self._back_by_chunks(trace, normal, inverse, scale, shift, dout)
        dx, products = Array(dout.shape), Array(dout.shape)
        trace.call(
            "layer_norm_backward",
            {"dx": dx, "products": products},
            dout=dout,
            normal=normal,
            inverse=inverse,
            scale=scale,
            centered=self.centered,
        )
        trace.differentiate(scale, Sum(None, products))
        for array in shift:
            trace.differentiate(array, Sum(None, dout))
        return dx

    def _back_by_chunks(self, trace: Trace, normal: Array, inverse: Array, scale, shift, dout):
        """Sums the gradients of chunks of samples, so that no product of their rows is kept."""
        dx, parameters = Array(dout.shape), {"dscale": scale}
        if shift:
            parameters["dshift"] = shift[0]
        sums = {name: Array((self.width,), CHUNKS) for name in parameters}
        trace.call(
            "layer_norm_sums",
            {"dx": dx, **sums},
            dout=dout,
            normal=normal,
            inverse=inverse,
            scale=scale,
            centered=self.centered,
        )
        for name, parameter in parameters.items():
            trace.differentiate(parameter, Partials(sums[name]))
        return dx
