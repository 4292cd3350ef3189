"""Activation, then dropout, applied to an op's output while it is in the cache."""

from __future__ import annotations

from functools import partial
from math import inf
from typing import Any, NamedTuple

from fusednn.graph.arrays import Array
from fusednn.graph.trace import Trace

NONE, OF_OUTPUT, OF_SLOPES = "none", "output", "slopes"
"""What an activation's derivative is computed from: nothing (it is 1), the output, or slopes that
the forward pass writes."""


class Epilogue(NamedTuple):
    """An activation, and dropout of its output.

    Parameters
    ----------
    activation : str
        Key of `kernels.activations.ACTIVATIONS`.
    constants : tuple of float
        The activation's constants; empty: those of the table.
    dropout : float
        The share of the outputs that a step of training drops.
    alpha : bool
        Alpha dropout, which keeps mean and variance (Klambauer et al., 2017).
    derivative : str
        What the activation's derivative is computed from: NONE, OF_OUTPUT or OF_SLOPES.
    floor : float
        If not minus infinity, the activation is max(x, floor).
    by_channel : bool
        Whether dropout drops channels of a sample, at all its positions.
    schedule : object or None
        Where the share dropped varies from step to step: its schedule.
    """

    activation: str = "identity"
    constants: tuple[float, ...] = ()
    dropout: float = 0.0
    alpha: bool = False
    derivative: str = NONE
    floor: float = -inf
    by_channel: bool = False
    schedule: object = None

    def trace(self, trace: Trace, x: Array, floored: bool = False) -> Array:
        """Adds the calls on x and returns its output; `floored`: the op has applied the floor."""
        if (self.activation == NOTHING.activation) != (self.derivative == NONE):
            raise ValueError(f"{self} does not say what its derivative is computed from")
        named: dict[str, Any] = {"activation": self.activation, "constants": self.constants}
        dropout = self.dropout if trace.noisy else 0.0
        source, slopes = x, None
        if self.derivative != NONE and not (floored and self.floor > -inf):
            source = Array(x.shape)
            slopes = Array(x.shape) if self.derivative == OF_SLOPES and trace.goes_back else None
            written = {"out": source} | ({"slopes": slopes} if slopes else {})
            trace.call("activate", written, x=x, **named)
        out = source
        if dropout:
            out, left = Array(x.shape), Array(x.shape)
            if slopes is None:
                named["derivative"] = self.derivative == OF_OUTPUT
            trace.call(
                "dropout",
                {"out": out, "dropped_slopes": left},
                x=source,
                slopes=slopes,
                **named,
                rate=dropout,
                alpha=self.alpha,
                by_channel=self.by_channel,
                stream=trace.next_stream(),
                varied=trace.vary("alpha" if self.alpha else "dropout", dropout, self.schedule),
            )
            slopes = left
        if self.derivative != NONE or dropout:
            trace.tape.append(partial(_differentiate, trace, out, slopes, named))
        if self.derivative == OF_OUTPUT and not dropout:
            trace.note_activated(
                out, lambda chosen: partial(_differentiate, trace, chosen, None, named)
            )
        return out


def _differentiate(
    trace: Trace, out: Array, slopes: Array | None, named: dict[str, Any], dout: Array
) -> Array:
    """From the gradient by the epilogue's output to that by its input."""
    dx = Array(dout.shape)
    if slopes is not None:
        trace.call("multiply", {"out": dx}, x=dout, factor=slopes)
    else:
        trace.call("differentiate", {"dx": dx}, dout=dout, out=out, **named)
    return dx


NOTHING = Epilogue()
