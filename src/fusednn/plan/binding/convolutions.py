"""Binds convolutions and their transposes: one record for each group of the channels.

Both pair *pixels* of one side with *windows* of the other: a convolution reads windows and writes
pixels, its transpose reads pixels and writes windows. So the gradient by the input of each is the
other's forward kernel, with each tap of the weights transposed.
"""

from __future__ import annotations

from math import inf, prod

import numpy as np

from fusednn.graph.arrays import Array
from fusednn.graph.calls import Call, Graph
from fusednn.graph.windows import Windows
from fusednn.kernels.ops.products import convolution, convolution_partials
from fusednn.kernels.ops.products import scatter as scatters
from fusednn.plan.layout.reduced_taps import ReducedTaps
from fusednn.plan.layout.taps import TRANSPOSED, Taps, is_depthwise, taps_of
from fusednn.plan.memory.buffers import padded

from . import depthwise
from .convolution_backward import backward, columns_scratch, is_narrow, narrow
from .grids import Grid, Group, groups_of, reading
from .lowering import Lowering

CALLS = "convolve", "convolve_backward", "convolution_partials", *TRANSPOSED


class Sides:
    """The two sides of a call, and its weights.

    Attributes
    ----------
    windows : Windows
        In the plane.
    is_transposed : bool
    over, pixels : list of Group
        The groups of the channels of the side with windows, and of that with pixels.
    """

    def __init__(self, call: Call, dtype):
        self.windows: Windows = call.given["windows"].in_the_plane()
        self.is_transposed = call.op in TRANSPOSED
        groups, shape = call.given["groups"], call.given["w"].shape
        inputs, outputs = (
            groups_of(channels, groups, dtype) for channels in (shape[-2] * groups, shape[-1])
        )
        self.over, self.pixels = (outputs, inputs) if self.is_transposed else (inputs, outputs)
        self.is_depthwise = is_depthwise(call)


def frame_elements(graph: Graph, dtype) -> int:
    """The elements of a worker's scratch that the convolutions of a graph need at most."""
    return max((_scratch(call, dtype) for call in graph.calls if call.op in CALLS), default=0)


def _scratch(call: Call, dtype) -> int:
    """Widened weights, a frame, turned weights, and the pixels of a group."""
    sides = Sides(call, dtype)
    widened = taps_of(call, dtype).matrix_count if call.given.get("storage") else 0
    windows, over, pixels = sides.windows, sides.over[0].size, sides.pixels[0].size
    if sides.is_depthwise:
        columns = padded(call.given["w"].shape[-1], dtype)
        return depthwise.scratch(windows, columns) + widened
    across, wide = padded(over, dtype), padded(pixels, dtype)
    frame = prod(windows.framed) * (over if call.op in GATHERING else across)
    turned = windows.taps * max(over * wide, pixels * across)
    copied = 0 if sides.over[0].is_all else (prod(windows.counts) + 1) * wide
    if call.op == "convolve_backward" or is_narrow(call, dtype):
        copied += columns_scratch(windows, over, dtype)
    return padded(frame, dtype) + turned + copied + widened


GATHERING = (
    *("convolve", "convolution_partials"),
    *("convolve_transposed_backward", "convolve_transposed_partials"),
)
"""The calls that read windows."""


def convolve(lowering: Lowering, call: Call) -> list[np.ndarray]:
    """out = max(b + windows of x times w, floor)."""
    return _gather(lowering, call, call.given["x"], call.out["out"])


def convolve_transposed_backward(lowering: Lowering, call: Call) -> list[np.ndarray]:
    """The gradient of a transposed convolution's input."""
    return _gather(lowering, call, call.given["dz"], call.out["dx"])


def convolve_transposed(lowering: Lowering, call: Call) -> list[np.ndarray]:
    """out = b + x w, added up where windows lie."""
    if is_narrow(call, lowering.dtype):
        return [narrow(lowering, call.given["windows"].in_the_plane(), call)]
    return _scatter(lowering, call, call.given["x"], call.out["out"])


def convolve_backward(lowering: Lowering, call: Call) -> list[np.ndarray]:
    """The gradient of a convolution's input, by the copy of w^T if there is one."""
    w = call.given["w"]
    if lowering.transposed(w) is None:
        return _scatter(lowering, call, call.given["dz"], call.out["dx"])
    return [backward(lowering, call.given["windows"].in_the_plane(), call)]


def sum_windows(lowering: Lowering, call: Call) -> list[np.ndarray]:
    """The gradients of weights and biases, for each chunk of samples."""
    x, dz = call.given["x"], call.given["dz"]
    over, pixels = (dz, x) if call.op in TRANSPOSED else (x, dz)
    return _sum(lowering, call, over, pixels)


def _form(lowering: Lowering, call: Call) -> Taps | ReducedTaps:
    form = lowering.form(call.given["w"])
    assert isinstance(form, Taps | ReducedTaps)
    return form


def _biases(lowering: Lowering, call: Call, group: Group) -> np.ndarray | None:
    b = call.given.get("b")
    return None if b is None else lowering.values(b)[group.first :]


def _gather(lowering: Lowering, call: Call, x: Array, out: Array) -> list[np.ndarray]:
    sides, target = Sides(call, lowering.dtype), lowering.blocks[out]
    if sides.is_depthwise:
        return [depthwise.gather(lowering, call, sides.windows, x, out)]
    windows, form = sides.windows, _form(lowering, call)
    weights = form.weights(lowering.values(call.given["w"]))
    found = []
    for over, group, w in zip(sides.over, sides.pixels, weights, strict=True):
        operands, grid = reading(lowering, x, windows, over)
        columns = padded(group.size, lowering.dtype)
        b = _biases(lowering, call, group)
        operands |= {
            "out": target.part(group.first, group.size).by_sample,
            "out_pixel": target.stride,
            **w,
            "b": lowering.zeros(columns) if b is None else b,
            "floor": float(call.given.get("floor", -inf)),
            "pixels": target.positions,
            "columns": columns,
            "kept": group.kept,
            "cleared": group.cleared,
            "filters": group.size,
            "taps": windows.taps,
            "turned": sides.is_transposed,
            "at": grid.starts(windows),
            "steps": grid.elements(windows),
            "fan_in": windows.taps * grid.channels,
            "lengths": lowering.lengths(call),
        }
        found.append(lowering.program.record(form.kernel(convolution.convolve), operands))
    return found


def _scatter(lowering: Lowering, call: Call, x: Array, out: Array) -> list[np.ndarray]:
    sides = Sides(call, lowering.dtype)
    if sides.is_depthwise:
        return [depthwise.scatter(lowering, call, sides.windows, x, out)]
    windows, form = sides.windows, _form(lowering, call)
    source, target = lowering.blocks[x], lowering.blocks[out]
    weights = form.weights(lowering.values(call.given["w"]))
    grid = Grid(windows.framed[1], 1, 1)
    found = []
    for group, read, w in zip(sides.over, sides.pixels, weights, strict=True):
        operands = {
            "out": target.part(group.first, group.size).by_sample,
            "out_pixel": target.stride,
            "height": windows.sizes[0],
            "width": windows.sizes[1],
            "columns": padded(group.size, lowering.dtype),
            "kept": group.kept,
            "cleared": group.cleared,
            "filters": group.size,
            "is_framed": not group.is_all or any(map(any, windows.padding)),
            "frame_height": windows.framed[0],
            "frame_width": windows.framed[1],
            "top": windows.padding[0][0],
            "left": windows.padding[1][0],
            "x": source.part(read.first, read.size).by_sample,
            "x_pixel": source.stride,
            "channels": read.size,
            **w,
            "b": _biases(lowering, call, group),
            "turned": not sides.is_transposed,
            "taps": windows.taps,
            "tap_at": grid.taps(windows),
            "n_rows": windows.counts[0],
            "length": windows.counts[1],
            "row_step": windows.stride[0] * grid.width,
            "step": windows.stride[1],
            "lengths": lowering.lengths(call),
        }
        found.append(lowering.program.record(form.kernel(scatters.scatter), operands))
    return found


def _sum(lowering: Lowering, call: Call, x: Array, dz: Array) -> list[np.ndarray]:
    """The records of gradients from windows of x and pixels of dz."""
    sides, pixels = Sides(call, lowering.dtype), lowering.blocks[dz]
    form, dw, db = _form(lowering, call), call.out["dw"], call.out["db"]
    assert isinstance(form, Taps)
    chunks = -(-lowering.rows // lowering.program.chunk)
    lowering.derive_values(dw, lowering.memory.borrow(chunks * form.count, lowering.dtype))
    if sides.is_depthwise:
        return [depthwise.sums(lowering, call, sides.windows, x, dz)]
    windows, found = sides.windows, []
    parts = zip(sides.over, sides.pixels, form.matrices(lowering.values(dw)), strict=True)
    for over, group, sums in parts:
        operands, grid = reading(lowering, x, windows, over)
        biases = over if sides.is_transposed else group
        wide = padded(biases.size, lowering.dtype)
        operands |= {
            "dw": sums,
            "db": lowering.values(db)[biases.first :],
            "dw_chunk": form.count,
            "db_chunk": padded(db.width, lowering.dtype),
            "dz": pixels.part(group.first, group.size).by_sample,
            "dz_pixel": pixels.stride,
            "columns": padded(group.size, lowering.dtype),
            "summed": wide if biases.is_all else biases.size,
            "cleared": biases.cleared,
            "turned": sides.is_transposed,
            "kept": group.kept,
            "filters": group.size,
            "taps": windows.taps,
            "at": grid.elements(windows),
            "fan_in": windows.taps * grid.channels,
            "steps": grid.starts(windows),
            "pixels": prod(windows.counts),
            "lengths": lowering.lengths(call),
            "x_lengths": lowering.lengths_of(x) if sides.is_transposed else None,
        }
        found.append(lowering.program.record(convolution_partials.convolution_partials, operands))
    return found
