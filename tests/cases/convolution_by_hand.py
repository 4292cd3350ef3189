"""An op of the tests alone: a 1-D convolution, whose gradients are sums over runs.

Its kernels are loops that anyone can check; what is tested is what the engine does with the
gradients. Samples come and go as flat rows.
"""

from typing import NamedTuple

import numpy as np
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.operands import COUNT, REALS, op, operands
from fusednn.kernels.ops.pointwise.elementwise import clear_columns
from fusednn.kernels.ops.updates.update import panel_width
from oracles import interpreter

from fusednn.graph.arrays import Array
from fusednn.graph.gradients import Runs, Sum, Walk
from fusednn.graph.layers.epilogue import NOTHING
from fusednn.graph.parameters import DRAWN, Parameter
from fusednn.plan.binding.bindings import Binding
from fusednn.plan.memory.buffers import padded


class Convolution(NamedTuple):
    """out[t] = sum over taps k of x[first + t stride + k dilation] w[k] + b, on (T, C) samples.

    Parameters
    ----------
    steps, channels, filters : int
        T, C and O.
    taps, stride, dilation, first : int
    lines : int
        The T' steps of the output are so many runs of as many steps.
    """

    steps: int
    channels: int
    filters: int
    taps: int
    stride: int = 1
    dilation: int = 1
    first: int = 0
    lines: int = 1
    after = NOTHING

    @property
    def steps_out(self):
        reach = self.first + (self.taps - 1) * self.dilation + 1
        steps = (self.steps - reach) // self.stride + 1
        return steps // self.lines * self.lines

    @property
    def fan_in(self):
        return self.steps * self.channels

    @property
    def fan_out(self):
        return self.steps_out * self.filters

    def parameters(self):
        return [
            Parameter("weights", (self.taps * self.channels, self.filters), DRAWN, decay=1.0),
            Parameter("biases", (self.filters,), DRAWN),
        ]

    def out_shape(self, shape):
        assert shape == (self.fan_in,)
        return (self.fan_out,)

    def products(self, shape):
        return [(self.steps_out, self.taps * self.channels, self.filters)]

    def joins_rows(self):
        return False

    def is_random(self):
        return False

    def trace(self, trace, x):
        w, b = trace.take(self.parameters())
        rows, sums = Array((self.steps, self.channels)), Array((self.steps_out, self.filters))
        out = Array((self.fan_out,))
        reshape(trace, rows, x)
        trace.call("convolve_by_hand", {"out": sums}, x=rows, w=w, b=b, layer=self)
        reshape(trace, out, sums)
        trace.tape.append(lambda dout: self._back(trace, x, rows, w, b, dout))
        return out

    def _back(self, trace, x, rows, w, b, dout):
        dz = Array((self.steps_out, self.filters))
        reshape(trace, dz, dout)
        trace.differentiate(w, Sum(rows, dz, self.runs()))
        trace.differentiate(b, Sum(None, dz))
        if not trace.needs_gradient(x):
            return None
        drows, dx = Array(rows.shape), Array(x.shape)
        trace.call("spread_by_hand", {"dx": drows}, dz=dz, w=w, layer=self)
        reshape(trace, dx, drows)
        return dx

    def runs(self):
        length = self.steps_out // self.lines
        return Runs(
            self.lines,
            length,
            Walk(length * self.stride, self.stride, self.first),
            Walk(length, 1),
            tuple(tap * self.dilation for tap in range(self.taps)),
        )

    def places(self):
        """(T', taps): the step of the input that a tap of a step of the output reads."""
        steps, taps = np.arange(self.steps_out)[:, np.newaxis], np.arange(self.taps)
        return self.first + steps * self.stride + taps * self.dilation


def reshape(trace, out, x):
    trace.call("reshape_by_hand", {"out": out}, x=x, shape=out.shape)


# -- kernels -------------------------------------------------------------------------------

RESHAPE = operands(
    out=REALS, x=REALS, out_sample=COUNT, x_sample=COUNT, out_row=COUNT, x_row=COUNT,
    out_width=COUNT, x_width=COUNT, count=COUNT,
)  # fmt: skip
SHAPE = operands(
    sample=COUNT, row=COUNT, dz_sample=COUNT, dz_row=COUNT, channels=COUNT, filters=COUNT,
    steps=COUNT, taps=COUNT, stride=COUNT, dilation=COUNT, first=COUNT, padded=COUNT,
)  # fmt: skip
CONVOLVE = operands(SHAPE, out=REALS, x=REALS, w=REALS, b=REALS)
SPREAD = operands(SHAPE, dx=REALS, dz=REALS, w=REALS)


@op(RESHAPE)
def reshape_by_hand(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of out, in rows of another width than those of x."""
    x, out = slot(record, RESHAPE.x, scratch[0]), slot(record, RESHAPE.out, scratch[0])
    for sample in range(lo, hi):
        here = advance(x, sample * record[RESHAPE.x_sample])
        there = advance(out, sample * record[RESHAPE.out_sample])
        clear_columns(there, 0, record[RESHAPE.out_sample])
        for n in range(record[RESHAPE.count]):
            row, column = n // record[RESHAPE.out_width], n % record[RESHAPE.out_width]
            from_row, from_column = n // record[RESHAPE.x_width], n % record[RESHAPE.x_width]
            value = here[from_row * record[RESHAPE.x_row] + from_column]
            there[row * record[RESHAPE.out_row] + column] = value
    return 0


@kernel
def place_of_weight(record, tap, c, o, like):
    """Where the weight of a tap, channel and filter is in its panel."""
    fan_in, j = record[SHAPE.taps] * record[SHAPE.channels], 0
    while o >= j + panel_width(record[SHAPE.padded], j, like):
        j += panel_width(record[SHAPE.padded], j, like)
    width = panel_width(record[SHAPE.padded], j, like)
    return j * fan_in + (tap * record[SHAPE.channels] + c) * width + o - j


@kernel
def place_in_x(record, sample, t, tap):
    """The row of x that a tap of a step reads."""
    step = record[SHAPE.first] + t * record[SHAPE.stride] + tap * record[SHAPE.dilation]
    return sample * record[SHAPE.sample] + step * record[SHAPE.row]


@op(CONVOLVE)
def convolve_by_hand(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of out (T', O); overwrites."""
    x, w = slot(record, CONVOLVE.x, scratch[0]), slot(record, CONVOLVE.w, scratch[0])
    b, out = slot(record, CONVOLVE.b, scratch[0]), slot(record, CONVOLVE.out, scratch[0])
    for sample in range(lo, hi):
        for t in range(record[SHAPE.steps]):
            there = advance(out, sample * record[SHAPE.dz_sample] + t * record[SHAPE.dz_row])
            clear_columns(there, 0, record[SHAPE.dz_row])
            for o in range(record[SHAPE.filters]):
                total = b[o]
                for tap in range(record[SHAPE.taps]):
                    here = advance(x, place_in_x(record, sample, t, tap))
                    for c in range(record[SHAPE.channels]):
                        total += here[c] * w[place_of_weight(record, tap, c, o, x[0])]
                there[o] = total
    return 0


@op(SPREAD)
def spread_by_hand(record, frame, scratch, lo, hi):
    """Samples [lo, hi) of dx (T, C), from dz (T', O); overwrites."""
    dx, w = slot(record, SPREAD.dx, scratch[0]), slot(record, SPREAD.w, scratch[0])
    dz = slot(record, SPREAD.dz, scratch[0])
    for sample in range(lo, hi):
        clear_columns(advance(dx, sample * record[SHAPE.sample]), 0, record[SHAPE.sample])
        for t in range(record[SHAPE.steps]):
            there = advance(dz, sample * record[SHAPE.dz_sample] + t * record[SHAPE.dz_row])
            for tap in range(record[SHAPE.taps]):
                here = advance(dx, place_in_x(record, sample, t, tap))
                for c in range(record[SHAPE.channels]):
                    for o in range(record[SHAPE.filters]):
                        here[c] += there[o] * w[place_of_weight(record, tap, c, o, dx[0])]
    return 0


# -- bindings ------------------------------------------------------------------------------


def _reshape(lowering, call):
    out, x = lowering.blocks[call.out["out"]], lowering.blocks[call.given["x"]]
    operands = {"count": out.positions * out.width}
    for name, block in (("out", out), ("x", x)):
        operands |= {
            name: block.values,
            f"{name}_sample": block.positions * block.stride,
            f"{name}_row": block.stride,
            f"{name}_width": block.width,
        }
    return [lowering.program.record(reshape_by_hand, operands)]


def _bound(kernel, at_x, at_dz):
    """A binding; `at_x` and `at_dz` name the operands that lie as x and as dz do."""

    def bind(lowering, call):
        arrays = {
            name: value
            for name, value in {**call.given, **call.out}.items()
            if isinstance(value, Array)
        }
        layer, x, dz = call.given["layer"], *(lowering.blocks[arrays[at]] for at in (at_x, at_dz))
        places = {name: lowering.place(array) for name, array in arrays.items()}
        operands = {name: getattr(place, "values", place) for name, place in places.items()}
        operands |= {
            "sample": x.positions * x.stride, "row": x.stride,
            "dz_sample": dz.positions * dz.stride, "dz_row": dz.stride,
            "channels": layer.channels, "filters": layer.filters, "steps": layer.steps_out,
            "taps": layer.taps, "stride": layer.stride, "dilation": layer.dilation,
            "first": layer.first, "padded": padded(layer.filters, lowering.dtype),
        }  # fmt: skip
        return [lowering.program.record(kernel, operands)]

    return Binding(bind)


BINDINGS = {
    "reshape_by_hand": Binding(_reshape),
    "convolve_by_hand": _bound(convolve_by_hand, "x", "out"),
    "spread_by_hand": _bound(spread_by_hand, "dx", "dz"),
}
"""To be put among the engine's."""


class Run(interpreter.Run):
    """An interpreter that knows the op, by gathers of rows."""

    @staticmethod
    def reshape_by_hand(x, shape):
        return {"out": x.reshape(len(x), *shape)}

    @staticmethod
    def convolve_by_hand(x, w, b, layer):
        windows = x[:, layer.places()]  # (samples, T', taps, C)
        return {"out": windows.reshape(*windows.shape[:2], -1) @ w + b}

    @staticmethod
    def spread_by_hand(dz, w, layer):
        dx = np.zeros((len(dz), layer.steps, layer.channels))
        windows = (dz @ w.T).reshape(*dz.shape[:2], layer.taps, layer.channels)
        np.add.at(dx, (slice(None), layer.places()), windows)
        return {"dx": dx}
