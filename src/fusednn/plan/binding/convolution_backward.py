"""Binds products of pixels with the weights of all taps, which are added up where windows lie.

That is the gradient of a convolution by its input, where there is a copy of w^T, and a transposed
convolution to few channels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fusednn.graph.calls import Call
from fusednn.graph.windows import Windows
from fusednn.kernels.ops.products import convolution_backward as kernels
from fusednn.kernels.ops.products import narrow_scatter
from fusednn.plan.layout.reduced_taps import ReducedTaps
from fusednn.plan.layout.taps import Taps
from fusednn.plan.memory.buffers import Block, padded

from .grids import Grid
from .lowering import Lowering


def columns_scratch(windows: Windows, channels: int, dtype) -> int:
    """Elements of the scratch behind the frame for a product with all of w^T."""
    columns = padded(windows.taps * channels, dtype)
    return max(kernels.COLUMNS_ELEMENTS, windows.counts[1] * columns) + 2 * padded(1, dtype)


def backward(lowering: Lowering, windows: Windows, call: Call) -> np.ndarray:
    """The record: tap by tap where the channels are whole vectors, else by columns."""
    dz, dx = lowering.blocks[call.given["dz"]], lowering.blocks[call.out["dx"]]
    form = lowering.form(call.given["w"])
    assert isinstance(form, Taps)
    by_tap = dx.width % padded(1, lowering.dtype) == 0
    operands = {
        **scattering(lowering, windows, dz, dx, by_tap),
        "w_transposed": lowering.transposed(call.given["w"]),
        "padded_out": form.padded_out,
        "padded_in": form.padded_in,
        "zeros": lowering.zeros(form.padded_in),
        "lengths": lowering.lengths(call),
    }
    kernel = kernels.convolve_backward if by_tap else kernels.convolve_columns
    return lowering.program.record(kernel, operands)


def is_narrow(call: Call, dtype) -> bool:
    """Whether a transposed convolution makes so few channels that padding would be most of a
    product for each tap."""
    given, lanes = call.given, padded(1, dtype)
    is_whole = call.op == "convolve_transposed" and given["groups"] == 1
    return is_whole and 2 * given["w"].width <= lanes


def narrow(lowering: Lowering, windows: Windows, call: Call) -> np.ndarray:
    """The record of a transposed convolution to few channels."""
    x, out = lowering.blocks[call.given["x"]], lowering.blocks[call.out["out"]]
    columns = padded(windows.taps * out.width, lowering.dtype)
    form = lowering.form(call.given["w"])
    assert isinstance(form, Taps | ReducedTaps)
    [weights] = form.weights(lowering.values(call.given["w"]))
    operands = {
        **scattering(lowering, windows, x, out, by_tap=False),
        "w_transposed": weights.pop("w"),
        **weights,
        "padded_out": x.width,
        "padded_in": columns,
        "zeros": lowering.zeros(columns),
        "lengths": lowering.lengths(call),
        "b": lowering.values(call.given["b"]),
        "taps": windows.taps,
    }
    return lowering.program.record(form.kernel(narrow_scatter.scatter_narrow), operands)


def scattering(
    lowering: Lowering, windows: Windows, pixels: Block, over: Block, by_tap: bool
) -> dict[str, Any]:
    """The operands of pixels that are added up where their windows lie."""
    channels = over.width
    is_framed = not by_tap or any(map(any, windows.padding))
    pixel = channels if is_framed else over.stride
    grid = Grid(windows.framed[1], pixel, channels)
    at, length = grid.taps(windows), channels
    if not by_tap:
        at, length = grid.runs(windows)
    return {
        "dx": over.by_sample,
        "dx_pixel": over.stride,
        "height": windows.sizes[0],
        "width": windows.sizes[1],
        "channels": channels,
        "is_framed": is_framed,
        "frame_height": windows.framed[0],
        "frame_width": windows.framed[1],
        "top": windows.padding[0][0],
        "left": windows.padding[1][0],
        "dz": pixels.by_sample,
        "dz_pixel": pixels.stride,
        "fan_out": pixels.width,
        "at": at,
        "n_at": len(at),
        "length": length,
        "n_rows": windows.counts[0],
        "n_columns": windows.counts[1],
        "row_step": windows.stride[0] * grid.width * pixel,
        "step": windows.stride[1] * pixel,
    }
