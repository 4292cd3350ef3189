"""Layers over windows as ONNX operators.

In float32 they are ONNX's own, which have channels first: samples are transposed where the first
of them begins and where the last ends. In float64 tables take their place.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np

from fusednn.graph.layers.convolution import Convolution
from fusednn.graph.layers.pooling import Pooling
from fusednn.graph.layers.transposed_convolution import TransposedConvolution
from fusednn.graph.layers.upsampling import UpSampling
from fusednn.graph.windows import Windows

from .gathered import (
    counted_taps,
    gathered_convolution,
    gathered_pool,
    gathered_transpose,
    gathered_upsampling,
)
from .graph import Graph
from .samples import Tensor

WINDOWED = Convolution | TransposedConvolution | UpSampling | Pooling
"""The ops that `add_windows` takes."""


@singledispatch
def add_windows(op, graph: Graph, x: Tensor, arrays: list[np.ndarray]) -> Tensor:
    """Adds a layer over windows without its activation, and returns its output."""
    raise TypeError(f"{op!r} has no windows")


@add_windows.register
def _(op: Convolution, graph: Graph, x: Tensor, arrays) -> Tensor:
    weights, biases = arrays
    if graph.dtype == np.float64:
        return gathered_convolution(op, graph, x, weights, biases)
    windows = op.windows
    first = x.channels_first(graph, (op.fan_in, *windows.sizes))
    found = convolved(op, graph, first.name, arrays, _attributes(windows)["pads"])
    return Tensor(found, (op.fan_out, *windows.counts))


def convolved(op: Convolution, graph: Graph, x: str, arrays, pads: list[int]) -> str:
    """Adds a convolution of a tensor that has its channels first, in float32."""
    weights, biases = arrays
    return graph.node(
        "Conv",
        x,
        graph.array("weights", np.moveaxis(weights, (-1, -2), (0, 1))),
        graph.array("biases", biases),
        group=op.groups,
        dilations=list(op.windows.dilation),
        **_attributes(op.windows) | {"pads": pads},
    )


@add_windows.register
def _(op: TransposedConvolution, graph: Graph, x: Tensor, arrays) -> Tensor:
    if graph.dtype == np.float64:
        return gathered_transpose(op, graph, x, *arrays)
    first = x.channels_first(graph, (op.fan_in, *op.windows.counts))
    found = transposed(op, graph, first.name, arrays)
    return Tensor(found, (op.fan_out, *op.windows.sizes))


def transposed(op: TransposedConvolution, graph: Graph, x: str, arrays) -> str:
    """Adds the transpose of a convolution of a tensor that has its channels first, in float32.

    ONNX's weights are (C, O / groups, *kernel), those of all groups one after the other.
    """
    (weights, biases), windows, groups = arrays, op.windows, op.groups
    by_group = weights.reshape(*weights.shape[:-1], groups, op.fan_out // groups)
    turned = np.moveaxis(by_group, (-2, -3, -1), (0, 1, 2))
    turned = turned.reshape(op.fan_in, op.fan_out // groups, *windows.kernel)
    return graph.node(
        "ConvTranspose",
        x,
        graph.array("weights", turned),
        graph.array("biases", biases),
        group=groups,
        dilations=list(windows.dilation),
        **_transposed_attributes(windows),
    )


def _transposed_attributes(windows: Windows) -> dict[str, Any]:
    """Sizes for ONNX, whose padding is what it cuts off the ends of the output."""
    ends, added = [], []
    for size, taps, stride, (before, _), dilation, count in zip(
        *windows[:5], windows.counts, strict=True
    ):
        left = (count - 1) * stride + dilation * (taps - 1) + 1 - before - size
        ends.append(max(left, 0))
        added.append(max(-left, 0))
    return {
        "kernel_shape": list(windows.kernel),
        "strides": list(windows.stride),
        "pads": [before for before, _ in windows.padding] + ends,
        "output_padding": added,
    }


@add_windows.register
def _(op: UpSampling, graph: Graph, x: Tensor, arrays) -> Tensor:
    *sizes, width = op.shape
    if graph.dtype == np.float64:
        return gathered_upsampling(op, graph, x)
    found = graph.node(
        "Resize",
        x.channels_first(graph, (width, *sizes)).name,
        "",  # the region of interest, which this mode does not use
        graph.array("scales", [1, 1, *op.factors], np.float32),
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    return Tensor(found, (width, *op.windows.sizes))


@add_windows.register
def _(op: Pooling, graph: Graph, x: Tensor, arrays) -> Tensor:
    windows = op.windows
    shape = (op.width, *windows.counts)
    if graph.dtype == np.float64:
        return gathered_pool(op, graph, x)
    name = x.channels_first(graph, (op.width, *windows.sizes)).name
    if op.is_whole:
        kind = "GlobalMaxPool" if op.largest else "GlobalAveragePool"
        return Tensor(graph.node(kind, name), shape)
    if op.largest:
        return Tensor(graph.node("MaxPool", name, **_attributes(windows)), shape)
    found = graph.node("AveragePool", name, count_include_pad=1, **_attributes(windows))
    counted = counted_taps(windows)
    if np.any(counted != windows.taps):  # AveragePool counts the overhang as well
        factors = (windows.taps / counted).reshape(windows.counts)
        found = graph.node("Mul", found, graph.array("factors", factors))
    return Tensor(found, shape)


def _attributes(windows: Windows) -> dict[str, Any]:
    """Sizes for ONNX; padding at the end includes what overhangs.

    `ceil_mode` is not used: its count of windows differs between opsets and versions of runtimes.
    """
    begins, ends = [], []
    for size, taps, stride, (before, after), dilation, count in zip(
        *windows[:5], windows.counts, strict=True
    ):
        begins.append(before)
        needed = (count - 1) * stride + dilation * (taps - 1) + 1 - before - size
        ends.append(max(after, needed))
    return {
        "kernel_shape": list(windows.kernel),
        "strides": list(windows.stride),
        "pads": begins + ends,
    }
