"""Converts the ops of a model to arrays and calls in C, and assigns buffers to their outputs."""

from __future__ import annotations

from collections.abc import Generator
from math import prod

import numpy as np

from fusednn.graph.layers.attention import Attention, Gate, Positions
from fusednn.graph.layers.batch_norm import BatchNorm
from fusednn.graph.layers.convolution import Convolution
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.embedding import Embedding
from fusednn.graph.layers.epilogue import Epilogue
from fusednn.graph.layers.layer import Layer
from fusednn.graph.layers.layer_norm import LayerNorm
from fusednn.graph.layers.pooling import Pooling
from fusednn.graph.layers.prelu import PReLU
from fusednn.graph.layers.recurrent import Recurrent
from fusednn.graph.layers.rescale import Rescale
from fusednn.graph.layers.reshape import Reshape
from fusednn.graph.layers.residual import Residual
from fusednn.graph.layers.tabular.parametric import Parametric
from fusednn.graph.layers.tabular.periodic import Periodic
from fusednn.graph.layers.tabular.piecewise_linear import PiecewiseLinear
from fusednn.graph.layers.tabular.scaling import Scaling
from fusednn.graph.layers.tied import Tied
from fusednn.graph.layers.token_embedding import TokenEmbedding
from fusednn.graph.layers.transposed_convolution import TransposedConvolution
from fusednn.graph.layers.untrained import Identity, Standardize
from fusednn.graph.layers.upsampling import UpSampling
from fusednn.plan.binding.activations import constants_of
from fusednn.plan.binding.attention import turns
from fusednn.serving.model import Model

from .activations import function_of
from .buffers import Buffer, pointer
from .dense import packed, split
from .look_ups import LookUps
from .recurrent import ACTIVATIONS, function_name
from .series import has_steps
from .text import number
from .windows import (
    AVERAGE_POOL,
    CONVOLVE,
    CONVOLVE_GROUPS,
    CONVOLVE_TRANSPOSED,
    MAX_POOL,
    UPSAMPLE,
)

MOST_TAPS, MOST_WINDOWS = 8 * 1024, 32
"""A convolution gathers the taps of several windows at a time: of up to `MOST_WINDOWS`, and of
fewer if they have more than `MOST_TAPS` numbers together."""
LEAST_WINDOWS = 8


class Lowering(LookUps):
    """Converts the ops in one pass."""

    def model(self, model: Model) -> Generator[str, None, Buffer]:
        """Converts a model: picks the columns that the network reads, then runs `ops`."""
        x = Buffer(model.inputs)
        self._has_steps = has_steps(model)
        if model.columns is not None:
            x = yield from self._pick(
                x, self.buffers.place(len(model.columns.chosen)), model.columns.chosen
            )
        return (yield from self.ops(model.ops, x))

    def ops(self, ops: tuple[Layer, ...], x: Buffer) -> Generator[str, None, Buffer]:
        """Yields arrays, and returns the location of the last op's output."""
        for op in ops:
            self._number += 1
            x = yield from self._op(op, x)
            self._activate(op.after, x, op.fan_out)
        return x

    def _op(self, op: Layer, x: Buffer):
        match op:
            case Dense():
                return (yield from self._dense(x, *self.take(op)))
            case Residual():
                return (yield from self._residual(op, x))
            case Embedding():
                return (yield from self._embedding(op, x))
            case TokenEmbedding():
                return (yield from self._token_embedding(op, x))
            case Tied():
                return self._tied(op, x)
            case LayerNorm():
                labels = ("scale", "shift")[: len(op.parameters())]
                arguments = yield from self._vectors(labels, op)
                scale, shift = [*arguments, "NULL"][:2]
                epsilon = number(op.epsilon, self.dtype)
                return self._columnwise("normalise", op, x, scale, shift, epsilon)
            case BatchNorm():
                return (yield from self._batch_norm(op, x))
            case Standardize() | Scaling() | PReLU() | Rescale():
                name, labels = _COLUMNWISE[type(op)]
                return self._columnwise(name, op, x, *(yield from self._vectors(labels, op)))
            case Periodic():
                return (yield from self._periodic(op, x))
            case PiecewiseLinear():
                return (yield from self._piecewise_linear(op, x))
            case Parametric():
                return (yield from self._parametric(op, x))
            case Reshape():
                return self._reshape(op, x)
            case Convolution():
                return (yield from self._convolution(op, x))
            case TransposedConvolution():
                return (yield from self._transpose(op, x))
            case UpSampling():
                return (yield from self._resampling(UPSAMPLE, op, prod(op.windows.sizes), x))
            case Pooling():
                name = MAX_POOL if op.largest else AVERAGE_POOL
                return (yield from self._resampling(name, op, prod(op.windows.counts), x))
            case Recurrent():
                return (yield from self._recurrence(op, x))
            case Attention():
                return (yield from self._attention(op, x))
            case Positions():
                [table] = yield from self._vectors(("table",), op)
                x = self.own(x, op.width)
                self._call_rows("add_positions", x, x.each, op.width, table)
                return x
            case Gate():
                out = self.buffers.like(x, op.width)
                self._call("gate", x, out, op.width)
                self.inner_activations.add("silu")
                self.buffers.release(x)
                return out
            case Identity():
                return self.own(x, op.width)
        raise TypeError(f"no C for {op!r}")

    def _columnwise(self, name: str, op, x: Buffer, *arguments) -> Buffer:
        is_kept = self.buffers.is_kept(x)
        out = self.buffers.like(x, op.width) if is_kept else x
        self._call(name, x, out, op.width, *arguments)
        return out

    def _dense(self, x: Buffer, w: np.ndarray, b: np.ndarray):
        names = yield from self._packed(w, b)
        fan_in, fan_out = w.shape
        out = self.buffers.like(x, fan_out)
        panels, few = split(fan_out, self.dtype)
        read = f"{pointer(x)}, {x.stride}, {x.rows}, {fan_in}, {panels}, {few}"
        self.calls.append(f"NAME_dense({read}, {', '.join(names)}, {pointer(out)}, {out.stride});")
        self.functions.add("dense")
        self.buffers.release(x)
        return out

    def _packed(self, w: np.ndarray, b: np.ndarray):
        labelled = zip(("weights", "bias"), packed(w, b), strict=True)
        return (yield from self._define_all(labelled))

    def _convolution(self, op: Convolution, x: Buffer):
        w, b = self.take(op)
        windows, groups = op.windows, op.groups
        if groups == windows.taps == prod(windows.stride) == 1 and windows.framed == windows.sizes:
            return (yield from self._dense(x, w.reshape(op.fan_in, op.fan_out), b))
        name, steps = yield from self._windows(op, x)
        out = self.buffers.place(op.fan_out, prod(windows.counts), steps=steps)
        if groups > 1:
            arrays = yield from self._define_all([("weights", w), ("bias", b)])
            sizes = op.fan_in // groups, groups, op.fan_out // groups
            self._call_samples(CONVOLVE_GROUPS, x, out, name, *sizes, *arrays)
        else:
            inputs = windows.taps * op.fan_in
            arrays = yield from self._packed(w.reshape(inputs, op.fan_out), b)
            most = min(MOST_WINDOWS, MOST_TAPS // inputs // LEAST_WINDOWS * LEAST_WINDOWS)
            most = max(most, LEAST_WINDOWS)
            taps = self.buffers.scratch(most * inputs)
            sizes = op.fan_in, *split(op.fan_out, self.dtype)
            self._call_samples(CONVOLVE, x, out, name, *sizes, *arrays, pointer(taps), most)
            self.functions.add("dense")
            self.buffers.release(taps)
        self.buffers.release(x)
        return out

    def _transpose(self, op: TransposedConvolution, x: Buffer):
        arrays = yield from self._vectors(("weights", "bias"), op)
        windows, steps = yield from self._windows(op, x)
        out = self.buffers.place(op.fan_out, prod(op.windows.sizes), steps=steps)
        sizes = op.fan_in // op.groups, op.groups, op.fan_out // op.groups
        self._call_samples(CONVOLVE_TRANSPOSED, x, out, windows, *sizes, *arrays)
        self.buffers.release(x)
        return out

    def _resampling(self, name: str, op: Pooling | UpSampling, pixels: int, x: Buffer):
        windows, steps = yield from self._windows(op, x)
        out = self.buffers.place(op.fan_out, pixels, steps=steps)
        self._call_samples(name, x, out, windows, op.fan_out)
        self.buffers.release(x)
        return out

    def _recurrence(self, op: Recurrent, x: Buffer):
        arrays, name, units = self.take(op), function_name(op.cell), op.units
        each = len(arrays) // op.directions
        panels = split(op.columns, self.dtype)
        z, s = self.buffers.like(x, op.columns), self.buffers.place(op.columns)
        h, c = self.buffers.place(units), self.buffers.place(units)
        width = op.fan_out
        out = self.buffers.like(x, width) if op.sequences else self.buffers.place(width)
        self.functions |= {"dense", name}
        self.inner_activations |= ACTIVATIONS[op.cell]
        for direction in range(op.directions):
            w, v, b, *inner = arrays[direction * each : (direction + 1) * each]
            biases = np.zeros(op.columns, self.dtype)
            if inner:
                biases[2 * units :] = inner[0]
            parts = *packed(w, b), *packed(v, biases)
            labels = "weights", "bias", "recurrent_weights", "recurrent_bias"
            names = yield from self._define_all(
                (f"{label}_{direction}", part) for label, part in zip(labels, parts, strict=True)
            )
            read = f"{pointer(x)}, {x.stride}, {x.rows}, {op.fan_in}"
            first, second = ", ".join(names[:2]), ", ".join(names[2:])
            sizes = f"{panels[0]}, {panels[1]}"
            self.calls.append(f"NAME_dense({read}, {sizes}, {first}, {pointer(z)}, {z.stride});")
            flags = f"{int(not op.sequences)}, {direction}"
            places = f"{pointer(out)} + {direction * units}, {out.stride}, rows, {x.each}, {units}"
            inside = f"{pointer(s)}, {s.stride}, {pointer(h)}, {pointer(c)}, {h.stride}, 0"
            self.calls.append(
                f"NAME_{name}({pointer(z)}, {z.stride}, {places}, {flags}, {sizes}, {second},"
                f" {inside});"
            )
        for place in (x, z, s, h, c):
            self.buffers.release(place)
        return out

    def _attention(self, op: Attention, x: Buffer):
        group = op.heads // op.key_heads
        if op.base:
            table = turns(x.positions, op.size, op.base, back=False).astype(self.dtype)
            [name] = yield from self._define_all([("turns", table)])
            x = self.own(x, op.fan_in)
            turned = op.heads + op.key_heads
            self._call_rows("rotate", x, x.each, turned, op.size // 2, name)
        out = self.buffers.like(x, op.fan_out)
        weights = self.buffers.scratch(x.positions)
        scale = number(op.size**-0.5, self.dtype)
        sizes = x.each, op.heads, group, op.size, int(op.causal), scale, pointer(weights)
        self._call_samples("attend", x, out, *sizes)
        self.maths.add("exp")
        self.buffers.release(weights)
        self.buffers.release(x)
        return out

    def _batch_norm(self, op: BatchNorm, x: Buffer):
        scale, shift, mean, variance = self.take(op)
        inverse = (1 / np.sqrt(variance.astype(float) + op.epsilon)).astype(self.dtype)
        labels = "mean", "inverse", "scale", "shift"
        arrays = zip(labels, (mean, inverse, scale, shift), strict=True)
        names = yield from self._define_all(arrays)
        return self._columnwise("batch_norm", op, x, *names)

    def _parametric(self, op: Parametric, x: Buffer):
        [shares] = yield from self._vectors(("shares",), op)
        out = self.buffers.like(x, op.width)
        self._call("copy", x, out, op.width)
        self._activate(op.function, out, op.width)
        self._call("blend", x, out, op.width, shares)
        self.buffers.release(x)
        return out

    def _residual(self, op: Residual, x: Buffer):
        new = self.buffers.keep(x)
        out = self.own((yield from self.ops(op.inner, x)), op.fan_out)
        if new:
            self.buffers.let_go(x)
        self.buffers.keep(out)
        x = yield from self.ops(op.shortcut, x)
        self.buffers.let_go(out)
        self._call("add", x, out, op.fan_out)
        self.buffers.release(x)
        return out

    def _reshape(self, op: Reshape, x: Buffer) -> Buffer:
        """Rows without padding, so that an image of few channels takes little memory."""
        size, width = op.fan_in, op.fan_out
        steps = "steps" if self._has_steps and self._number == 1 else ""
        is_view = x.stride * x.positions == size and (width == 1 or not op.channels_first)
        is_view = is_view and op.after.activation == "identity"
        if is_view:
            return Buffer(width, x.buffer, size // width, steps)
        out = self.buffers.place(width, size // width, tight=True, steps=steps)
        channels = width if op.channels_first else 1
        self._call_samples("reshape", x, out, size, size // x.positions, width, channels)
        self.buffers.release(x)
        return out

    def _activate(self, after: Epilogue, x: Buffer, width: int) -> None:
        if after.activation == "identity":
            return
        name = function_of(after.activation)
        self.activations.add(name)
        constants = [number(value, self.dtype) for value in constants_of(after)]
        arguments = ", ".join([pointer(x), str(x.stride), x.rows, str(width), *constants])
        self.calls.append(f"NAME_{name}_rows({arguments});")


_COLUMNWISE = {
    Standardize: ("scale", ("mean", "factor")),
    Scaling: ("multiply", ("factors",)),
    PReLU: ("prelu", ("slopes",)),
    Rescale: ("rescale", ("before", "factor", "divisor", "after", "low", "high")),
}
"""C functions of ops that work column by column, and the names of their parameters."""
