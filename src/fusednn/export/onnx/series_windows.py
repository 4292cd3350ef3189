"""Layers over windows of series of any number of steps, of which samples have their own.

Convolutions are ONNX's own in float32. ONNX Runtime has no float64 forms of these, and its pools
know no lengths: there, slices of the series are the taps of all windows.
"""

from __future__ import annotations

from functools import singledispatch

import numpy as np

from fusednn.graph.layers.convolution import Convolution
from fusednn.graph.layers.pooling import Pooling
from fusednn.graph.layers.transposed_convolution import TransposedConvolution
from fusednn.graph.layers.upsampling import UpSampling
from fusednn.graph.windows import Windows

from .gathered import of_all_channels
from .graph import Graph
from .series_tensors import SeriesTensor, Steps, after_windows, step_numbers
from .windows import convolved, transposed


@singledispatch
def add_series_windows(op, graph: Graph, x: SeriesTensor, arrays: list[np.ndarray]):
    """Adds a layer over windows without its activation.

    Returns
    -------
    SeriesTensor or str
        The name of a tensor (N, C) where the layer leaves one row for each sample.
    """
    raise TypeError(f"{op!r} has no windows")


@add_series_windows.register
def _(op: Convolution, graph: Graph, x: SeriesTensor, arrays):
    weights, biases = arrays
    x, windows = x.filled(graph), op.windows
    steps = after_windows(graph, x.steps, windows)
    if graph.dtype == np.float32:
        found = convolved(op, graph, x.channels_first(graph), arrays, list(windows.padding[0]))
        return SeriesTensor(found, op.fan_out, steps, first=True)
    whole = of_all_channels(weights, op.groups)
    rows = _products(graph, _taps(graph, x, windows, steps.most, 0.0), whole)
    return SeriesTensor(graph.node("Add", rows, graph.array("biases", biases)), op.fan_out, steps)


def _products(graph: Graph, taps: list[str], weights: np.ndarray) -> str:
    """Rows: the sum over taps (N, windows, C) of their products with weights (taps, C, O)."""
    total, rows = "", graph.indices("rows", [-1, weights.shape[1]])
    for tap, part in zip(taps, weights, strict=True):
        product = graph.node("Gemm", graph.node("Reshape", tap, rows), graph.array("w", part))
        total = graph.node("Add", total, product) if total else product
    return total


def _taps(graph: Graph, x: SeriesTensor, windows: Windows, count: str, fill: float) -> list[str]:
    """The taps of `count` windows, each (N, windows, C), in series with `fill` around them."""
    [taps], [stride], [(before, after)], [dilation] = windows[1:5]
    behind = after + stride * windows.overhangs
    last = graph.node("Sub", count, graph.number(1, np.int64))
    last = graph.node("Mul", last, graph.number(stride, np.int64)) if stride > 1 else last
    found = x.axes(graph)
    if before or behind:
        pads = graph.indices("pads", [0, before, 0, 0, behind, 0])
        found = graph.node("Pad", found, pads, graph.number(fill))
    axes, steps, slices = graph.indices("axes", [1]), graph.indices("steps", [stride]), []
    for tap in range(taps):
        start = tap * dilation
        end = graph.node("Add", last, graph.indices("ends", [start + 1]))
        starts = graph.indices("starts", [start])
        slices.append(graph.node("Slice", found, starts, end, axes, steps))
    return slices


@add_series_windows.register
def _(op: TransposedConvolution, graph: Graph, x: SeriesTensor, arrays):
    weights, biases = arrays
    x, windows = x.filled(graph), op.windows
    [size], [taps], [stride], [(before, _)], [dilation] = windows[:5]
    added = size - windows.counts[0] * stride
    steps = _scaled(graph, x.steps, stride, added)
    if graph.dtype == np.float32:
        found = transposed(op, graph, x.channels_first(graph), arrays)
        return SeriesTensor(found, op.fan_out, steps, first=True)
    # zeros between the steps, then a convolution with the taps from the last to the first
    spread = _stretched(graph, x.axes(graph), stride, op.fan_in, with_zeros=True)
    reach = dilation * (taps - 1)
    pads = graph.indices("pads", [0, reach, 0, 0, max(0, before + added) + reach, 0])
    spread = graph.node("Pad", spread, pads)
    slices = []
    for tap in range(taps):
        start = reach + before - tap * dilation
        end = graph.node("Add", steps.most, graph.indices("ends", [start]))
        slices.append(
            graph.node(
                *("Slice", spread, graph.indices("starts", [start]), end),
                graph.indices("axes", [1]),
            )
        )
    rows = _products(graph, slices, of_all_channels(weights, op.groups))
    return SeriesTensor(graph.node("Add", rows, graph.array("biases", biases)), op.fan_out, steps)


def _scaled(graph: Graph, steps: Steps, factor: int, added: int) -> Steps:
    """So many times the steps, and more."""
    found = [graph.node("Mul", part, graph.number(factor, np.int64)) for part in steps]
    return Steps(*(graph.node("Add", part, graph.number(added, np.int64)) for part in found))


def _stretched(graph: Graph, x: str, factor: int, width: int, with_zeros: bool) -> str:
    """Each step of x (N, steps, C) so many times, all but the first perhaps zeros."""
    if factor == 1:
        return x
    x = graph.node("Unsqueeze", x, graph.indices("axes", [2]))
    if with_zeros:
        x = graph.node("Pad", x, graph.indices("pads", [0, 0, 0, 0, 0, 0, factor - 1, 0]))
    else:
        x = graph.node("Tile", x, graph.indices("repeats", [1, 1, factor, 1]))
    return graph.node("Reshape", x, graph.indices("axes", [0, -1, width]))


@add_series_windows.register
def _(op: UpSampling, graph: Graph, x: SeriesTensor, arrays):
    [factor], width = op.factors, x.width
    found = _stretched(graph, x.axes(graph), factor, width, with_zeros=False)
    rows = graph.node("Reshape", found, graph.indices("rows", [-1, width]))
    return SeriesTensor(rows, width, _scaled(graph, x.steps, factor, 0), x.is_clear)


@add_series_windows.register
def _(op: Pooling, graph: Graph, x: SeriesTensor, arrays):
    if op.is_whole:
        return _global_pool(op, graph, x)
    windows = op.windows
    steps = after_windows(graph, x.steps, windows)
    x = x.filled(graph, -np.inf if op.largest else 0.0)
    taps = _taps(graph, x, windows, steps.most, -np.inf if op.largest else 0.0)
    if op.largest:
        found = graph.node("Max", *taps)
    else:
        found = graph.node("Mul", graph.node("Sum", *taps), _shares(graph, x, windows, steps))
    rows = graph.node("Reshape", found, graph.indices("rows", [-1, op.width]))
    return SeriesTensor(rows, op.width, steps)


def _shares(graph: Graph, x: SeriesTensor, windows: Windows, steps: Steps) -> str:
    """One over the taps of each window within the padding."""
    [taps], [stride], [(before, after)], _ = windows[1:5]
    if not windows.overhangs:
        return graph.number(1 / taps)
    starts = step_numbers(graph, steps.most)
    starts = graph.node("Mul", starts, graph.number(stride, np.int64))
    framed = graph.node("Add", x.steps.lengths, graph.number(before + after, np.int64))
    left = graph.node("Sub", graph.node("Unsqueeze", framed, graph.indices("axes", [1])), starts)
    one, most = graph.number(1, np.int64), graph.number(taps, np.int64)
    inside = graph.cast(graph.node("Max", graph.node("Min", left, most), one), graph.dtype)
    shares = graph.node("Div", graph.number(1), inside)
    return graph.node("Unsqueeze", shares, graph.indices("axes", [2]))


def _global_pool(op: Pooling, graph: Graph, x: SeriesTensor) -> str:
    if op.largest:
        return graph.largest(x.filled(graph, -np.inf).axes(graph), axis=1)
    found = x.filled(graph).axes(graph)
    total = graph.node("ReduceSum", found, graph.indices("axes", [1]), keepdims=0)
    lengths = graph.node("Unsqueeze", x.steps.lengths, graph.indices("axes", [1]))
    return graph.node("Div", total, graph.cast(lengths, graph.dtype))
