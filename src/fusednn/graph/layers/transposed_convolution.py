"""The transpose of a convolution: out = after(b + x w, added up where windows of out lie)."""

from __future__ import annotations

from functools import partial
from math import inf, prod
from typing import NamedTuple

from fusednn.graph.arrays import CHUNKS, Array
from fusednn.graph.gradients import Partials
from fusednn.graph.lengths import count_repeated
from fusednn.graph.parameters import DRAWN, Parameter, biases_of
from fusednn.graph.trace import Trace
from fusednn.graph.windows import Windows

from .epilogue import NOTHING, Epilogue
from .layer import distinct


@distinct
class TransposedConvolution(NamedTuple):
    """The linear map whose transpose is `Convolution`: from the windows to what they are over.

    Parameters: weights (*kernel, C / groups, O), where C are the channels of the input; biases
    (O,).

    Parameters
    ----------
    fan_in, fan_out : int
        Channels of the input and of the output.
    windows : Windows
        Over the output; there is one for each position of the input.
    after, bias, rate, decay, max_norm, groups, storage, bias_rate
        As in `Convolution`.
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
        taken = (*self.windows.counts, self.fan_in)
        if shape != taken:
            raise ValueError(f"takes axes {taken}, but the op before it has {shape}")
        return (*self.windows.sizes, self.fan_out)

    def with_steps(self, steps: int) -> TransposedConvolution:
        """The same for series of so many steps."""
        [size], [count], [stride] = self.windows.sizes, self.windows.counts, self.windows.stride
        return self._replace(windows=self.windows.with_size(size + (steps - count) * stride))

    def products(self, shape: tuple[int, ...]) -> list[tuple[int, int, int]]:
        fan_out = self.windows.taps * self.fan_out // self.groups
        return [(prod(self.windows.counts), self.fan_in, fan_out)]

    def joins_rows(self) -> bool:
        return False

    def is_random(self) -> bool:
        return self.after.dropout > 0

    def trace(self, trace: Trace, x: Array) -> Array:
        w, b = trace.take(self.parameters())
        out, lengths = Array((*self.windows.sizes, self.fan_out)), trace.lengths_of(x)
        if lengths is not None:
            [size], [count], [stride] = out.shape[:-1], x.shape[:-1], self.windows.stride
            more = size - count * stride
            trace.set_lengths(count_repeated(trace, lengths, stride, more), out)
        trace.call(
            "convolve_transposed", {"out": out}, x=x, w=w, b=b, windows=self.windows,
            groups=self.groups, storage=self.storage, lengths=lengths,
        )  # fmt: skip
        trace.tape.append(partial(self._back, trace, x, w, b))
        return self.after.trace(trace, out)

    def _back(self, trace: Trace, x: Array, w: Array, b: Array, dz: Array) -> Array | None:
        dw, db = Array(w.shape, CHUNKS), Array(b.shape, CHUNKS)
        given = {"dz": dz, "w": w, "windows": self.windows, "groups": self.groups}
        given["lengths"] = trace.lengths_of(x)
        if trace.needs_gradient(w) or trace.needs_gradient(b):
            trace.call("convolve_transposed_partials", {"dw": dw, "db": db}, x=x, **given)
            trace.differentiate(w, Partials(dw))
            trace.differentiate(b, Partials(db))
        if not trace.needs_gradient(x):
            return None
        dx = Array(x.shape)
        trace.set_lengths(trace.lengths_of(x), dx)
        trace.call("convolve_transposed_backward", {"dx": dx}, **given)
        return dx
