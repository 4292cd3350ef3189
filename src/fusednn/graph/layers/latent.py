"""Draws a code from the normal distributions that a layer describes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from fusednn.graph.arrays import Array
from fusednn.graph.parameters import Parameter
from fusednn.graph.trace import Trace

from .epilogue import NOTHING, Epilogue


@dataclass(frozen=True)
class Latent:
    """From means and log variances side by side to draws in training, and to the means elsewhere.

    It adds `beta` times the divergence from the standard normal distribution to each sample's
    loss; `share` of it to the loss's value.

    Parameters
    ----------
    width : int
        The numbers of a code; the input has twice as many columns.
    beta, share : float
    after : Epilogue
    """

    width: int
    beta: float = 1.0
    share: float = 1.0
    after: Epilogue = NOTHING

    @property
    def fan_in(self) -> int:
        return 2 * self.width

    @property
    def fan_out(self) -> int:
        return self.width

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if shape != (self.fan_in,):
            raise ValueError(f"takes one row of {self.fan_in} columns, got {shape}")
        return (self.width,)

    def parameters(self) -> list[Parameter]:
        return []

    def products(self, shape: tuple[int, ...]) -> tuple:
        return ()

    def joins_rows(self) -> bool:
        return False

    def is_random(self) -> bool:
        return True

    def trace(self, trace: Trace, x: Array) -> Array:
        out = Array(self.out_shape(x.shape))
        stream = trace.next_stream() if trace.noisy else None
        trace.call("draw_latent", {"out": out}, x=x, stream=stream)
        trace.tape.append(partial(self._back, trace, x, out))
        return self.after.trace(trace, out)

    def _back(self, trace: Trace, x: Array, out: Array, dout: Array) -> Array | None:
        if not trace.needs_gradient(x):
            return None
        dx = Array(x.shape)
        beta = 0.0 if trace.losses is None else float(self.beta)  # outputs have no divergence
        named = {"losses": trace.losses, "beta": beta, "share": float(self.share)}
        trace.call("add_divergence", {"dx": dx}, dout=dout, out=out, x=x, **named)
        return dx
