"""Layers over windows by tables of indices, with channels last: for float64.

ONNX Runtime has no float64 forms of ONNX's own operators. Here a table gathers the taps of each
window, and a product or a reduction follows. A transposed convolution multiplies first; a table
then gathers the products that each element of the output adds up.
"""

from __future__ import annotations

from math import prod

import numpy as np

from fusednn.graph.layers.convolution import Convolution
from fusednn.graph.layers.pooling import Pooling
from fusednn.graph.layers.transposed_convolution import TransposedConvolution
from fusednn.graph.layers.upsampling import UpSampling
from fusednn.graph.windows import Windows

from .graph import Graph
from .samples import Tensor


def gathered_convolution(op: Convolution, graph: Graph, x: Tensor, weights, biases) -> Tensor:
    """The taps of each window times the weights."""
    taps, groups = _taps(op.windows, graph, x.rows(graph), op.fan_in, True), op.groups
    if groups > 1 and op.fan_in == groups:
        by_group = [-1, op.windows.taps, groups, 1]
        taps = graph.node("Reshape", taps, graph.indices("channels", by_group))
        parts = weights.reshape(op.windows.taps, groups, op.fan_out // groups)
        products = graph.node("Mul", taps, graph.array("weights", parts))
        sums = graph.node("ReduceSum", products, graph.indices("axes", [1]), keepdims=0)
        sums = graph.node("Reshape", sums, graph.indices("rows", [-1, op.fan_out]))
    else:
        rows = graph.indices("rows", [-1, op.windows.taps * op.fan_in])
        whole = of_all_channels(weights, groups).reshape(-1, op.fan_out)
        sums = graph.node("Gemm", graph.node("Reshape", taps, rows), graph.array("weights", whole))
    return Tensor(graph.node("Add", sums, graph.array("biases", biases)))


def of_all_channels(weights: np.ndarray, groups: int) -> np.ndarray:
    """Weights (taps, C, O) that are zero between groups, from (*kernel, C / groups, O)."""
    channels, columns = weights.shape[-2:]
    parts = weights.reshape(-1, channels, groups, columns // groups)
    whole = np.zeros((len(parts), groups, *parts.shape[1:]))
    for group in range(groups):
        whole[:, group, :, group] = parts[:, :, group]
    return whole.reshape(len(parts), groups * channels, columns)


def gathered_transpose(
    op: TransposedConvolution, graph: Graph, x: Tensor, weights, biases
) -> Tensor:
    """Each element of x times all taps, added up where the windows lie."""
    windows, width = op.windows, op.fan_out
    matrix = np.moveaxis(of_all_channels(weights, op.groups), 1, 0).reshape(op.fan_in, -1)
    products = graph.node("Gemm", x.rows(graph).name, graph.array("weights", matrix))
    count = prod(windows.counts) * windows.taps
    found = graph.node("Reshape", products, graph.indices("taps", [-1, count, width]))
    addends = _addends(windows)
    if addends.max() == count:
        found = graph.node("Pad", found, graph.indices("pads", [0, 0, 0, 0, 1, 0]))
    found = graph.node("Gather", found, graph.indices("addends", addends.reshape(-1)), axis=1)
    shape = graph.indices("pixels", [-1, addends.shape[1], width])
    found = graph.node("Reshape", found, shape)
    sums = graph.node("ReduceSum", found, graph.indices("axes", [1]), keepdims=0)
    return Tensor(graph.node("Add", sums, graph.array("biases", biases)))


def _addends(windows: Windows) -> np.ndarray:
    """(pixels, most): for each pixel below the windows the taps that lie on it, in their order
    over all windows; the number of all taps where a pixel has fewer than `most`."""
    pixels, inside = _pixels(windows)
    count, total = prod(windows.sizes), pixels.size
    taps = np.flatnonzero(inside)
    order = np.argsort(pixels.reshape(-1)[taps], kind="stable")
    taps, at = taps[order], pixels.reshape(-1)[taps][order]
    firsts = np.searchsorted(at, np.arange(count))
    found = np.full((count, max(1, np.bincount(at, minlength=count).max())), total)
    found[at, np.arange(len(at)) - firsts[at]] = taps
    return found


def gathered_upsampling(op: UpSampling, graph: Graph, x: Tensor) -> Tensor:
    """The element of x that each element of the output repeats."""
    windows, width = op.windows, op.fan_out
    x = x.rows(graph)
    pixels, _ = _pixels(windows)
    parents = np.empty(pixels.size, int)
    parents[pixels] = np.arange(len(pixels))[:, np.newaxis]
    axes = graph.indices("axes", [-1, prod(windows.counts), width])
    found = graph.node("Reshape", x.name, axes)
    found = graph.node("Gather", found, graph.indices("pixels", parents), axis=1)
    return Tensor(graph.node("Reshape", found, graph.indices("rows", [-1, width])))


def gathered_pool(op: Pooling, graph: Graph, x: Tensor) -> Tensor:
    """The largest or the mean of the taps of each window."""
    taps = _taps(op.windows, graph, x.rows(graph), op.width, not op.largest)
    if op.largest:
        return Tensor(graph.largest(taps, axis=1))
    sums = graph.node("ReduceSum", taps, graph.indices("axes", [1]), keepdims=0)
    counted = counted_taps(op.windows)
    if np.all(counted == counted[0]):
        return Tensor(graph.node("Mul", sums, graph.number(1 / counted[0])))
    every = graph.node("Reshape", sums, graph.indices("windows", [-1, len(counted), op.width]))
    shares = graph.array("shares", 1 / counted[:, np.newaxis])
    means = graph.node("Mul", every, shares)
    return Tensor(graph.node("Reshape", means, graph.indices("rows", [-1, op.width])))


def counted_taps(windows: Windows) -> np.ndarray:
    """The taps of each window within the padding: what a mean divides by."""
    inside = _places(windows) < np.array(windows.framed)
    return inside.all(axis=-1).sum(axis=1)


def _places(windows: Windows) -> np.ndarray:
    """(windows, taps, axes): where each tap is in the sample with its padding."""
    axes = len(windows.sizes)
    starts = np.indices(windows.counts).reshape(axes, -1).T * windows.stride
    taps = np.indices(windows.kernel).reshape(axes, -1).T * windows.dilation
    return starts[:, np.newaxis] + taps


def _pixels(windows: Windows) -> tuple[np.ndarray, np.ndarray]:
    """(windows, taps): the number of each tap's pixel, and whether it is not in the padding."""
    places = _places(windows) - [before for before, _ in windows.padding]
    inside = np.all((places >= 0) & (places < windows.sizes), axis=-1)
    return places @ np.append(np.cumprod(windows.sizes[:0:-1])[::-1], 1).astype(int), inside


def _taps(windows: Windows, graph: Graph, x: Tensor, width: int, fills: bool) -> str:
    """The taps of each window (N windows, taps, C).

    Parameters
    ----------
    windows : Windows
    graph : Graph
    x : Tensor
        Rows.
    width : int
        C.
    fills : bool
        Whether taps in the padding are zeros; else each is another tap of its window.
    """
    pixels, inside = _pixels(windows)
    count = prod(windows.sizes)
    found = graph.node("Reshape", x.name, graph.indices("axes", [-1, count, width]))
    if not inside.all():
        one_inside = np.take_along_axis(pixels, inside.argmax(axis=1)[:, np.newaxis], axis=1)
        pixels = np.where(inside, pixels, count if fills else one_inside)
        if fills:
            found = graph.node("Pad", found, graph.indices("pads", [0, 0, 0, 0, 1, 0]))
    found = graph.node("Gather", found, graph.indices("pixels", pixels.reshape(-1)), axis=1)
    return graph.node("Reshape", found, graph.indices("taps", [-1, windows.taps, width]))
