"""The convolution of images and series: out = after(sum over taps of x w[tap] + b)."""

from __future__ import annotations

from functools import partial
from math import inf, prod
from typing import NamedTuple

from fusednn.graph.arrays import CHUNKS, Array
from fusednn.graph.gradients import Partials
from fusednn.graph.lengths import count_windows
from fusednn.graph.parameters import DRAWN, Parameter, biases_of
from fusednn.graph.trace import Trace
from fusednn.graph.windows import Windows

from .epilogue import NOTHING, Epilogue
from .layer import distinct


@distinct
class Convolution(NamedTuple):
    """Cross-correlation with channels last; parameters: weights (*kernel, C / groups, O) and
    biases (O,).

    Parameters
    ----------
    fan_in, fan_out : int
        Channels of the input and of the output.
    windows : Windows
    after : Epilogue
    bias, rate, decay, max_norm, bias_rate
        As in `Dense`.
    groups : int
        Groups of adjacent channels; the filters of a group read its channels alone.
    storage : str
        The type that the weights are rounded to, for inference; "": none. Products are computed
        in float32. "int8": a weight is an integer times a factor of its filter.
    """

    fan_in: int
    fan_out: int
    windows: Windows
    after: Epilogue = NOTHING
    bias: bool = True
    rate: float = 1.0
    decay: float = 1.0
    max_norm: float = inf
    groups: int = 1
    storage: str = ""
    bias_rate: float = 1.0

    def parameters(self) -> list[Parameter]:
        shape = (*self.windows.kernel, self.fan_in // self.groups, self.fan_out)
        return [
            Parameter("weights", shape, DRAWN, self.rate, self.decay, self.max_norm),
            biases_of(self),
        ]

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        taken = (*self.windows.sizes, self.fan_in)
        if shape != taken:
            raise ValueError(f"takes axes {taken}, but the op before it has {shape}")
        return (*self.windows.counts, self.fan_out)

    def with_steps(self, steps: int) -> Convolution:
        """The same for series of so many steps."""
        return self._replace(windows=self.windows.with_size(steps))

    def products(self, shape: tuple[int, ...]) -> list[tuple[int, int, int]]:
        fan_in = self.windows.taps * self.fan_in // self.groups
        return [(prod(self.windows.counts), fan_in, self.fan_out)]

    def joins_rows(self) -> bool:
        return False

    def is_random(self) -> bool:
        return self.after.dropout > 0

    def trace(self, trace: Trace, x: Array) -> Array:
        w, b = trace.take(self.parameters())
        out, lengths = Array((*self.windows.counts, self.fan_out)), trace.lengths_of(x)
        if lengths is not None:
            trace.set_lengths(count_windows(trace, lengths, self.windows), out)
        trace.call(
            "convolve", {"out": out}, x=trace.flat(x), w=w, b=b, floor=self.after.floor,
            windows=self.windows, groups=self.groups, storage=self.storage,
            lengths=trace.lengths_of(out),
        )  # fmt: skip
        trace.tape.append(partial(self._back, trace, x, w, b))
        return self.after.trace(trace, out, floored=True)

    def _back(self, trace: Trace, x: Array, w: Array, b: Array, dz: Array) -> Array | None:
        dw, db = Array(w.shape, CHUNKS), Array(b.shape, CHUNKS)
        given = {"dz": dz, "w": w, "windows": self.windows, "groups": self.groups}
        given["lengths"] = trace.lengths_of(dz)
        if trace.needs_gradient(w) or trace.needs_gradient(b):
            written = {"dw": dw, "db": db}
            trace.call("convolution_partials", written, x=trace.flat(x), **given)
            trace.differentiate(w, Partials(dw))
            trace.differentiate(b, Partials(db))
        if not trace.needs_gradient(x):
            return None
        dx = Array(x.shape)
        trace.set_lengths(trace.lengths_of(x), dx)
        trace.call("convolve_backward", {"dx": dx}, **given)
        return dx
