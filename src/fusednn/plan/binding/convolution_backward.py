"""Binds the gradient of a convolution by its input, where there is a copy of w^T."""

from __future__ import annotations

import numpy as np

from fusednn.graph.calls import Call
from fusednn.graph.windows import Windows
from fusednn.kernels.ops.products import convolution_backward as kernels
from fusednn.plan.layout.taps import Taps
from fusednn.plan.memory.buffers import padded

from .grids import Grid
from .lowering import Lowering


def columns_scratch(windows: Windows, channels: int, dtype) -> int:
    """Elements of the scratch behind the frame for a product with all of w^T."""
    columns = padded(windows.taps * channels, dtype)
    return max(kernels.COLUMNS_ELEMENTS, windows.counts[1] * columns) + 2 * padded(1, dtype)


def backward(lowering: Lowering, windows: Windows, call: Call) -> np.ndarray:
    """The record: tap by tap where the channels are whole vectors, else by columns."""
    dz, dx = lowering.blocks[call.given["dz"]], lowering.blocks[call.out["dx"]]
    w, channels = call.given["w"], dx.width
    form = lowering.form(w)
    assert isinstance(form, Taps)
    by_tap = channels % padded(1, lowering.dtype) == 0
    is_framed = not by_tap or any(map(any, windows.padding))
    pixel = channels if is_framed else dx.stride
    grid = Grid(windows.framed[1], pixel, channels)
    at, length = grid.taps(windows), channels
    if not by_tap:
        at, length = grid.runs(windows)
    operands = {
        "dx": dx.by_sample,
        "dx_pixel": dx.stride,
        "height": windows.sizes[0],
        "width": windows.sizes[1],
        "channels": channels,
        "is_framed": is_framed,
        "frame_height": windows.framed[0],
        "frame_width": windows.framed[1],
        "top": windows.padding[0][0],
        "left": windows.padding[1][0],
        "dz": dz.by_sample,
        "dz_pixel": dz.stride,
        "fan_out": form.fan_out,
        "w_transposed": lowering.transposed(w),
        "padded_out": form.padded_out,
        "padded_in": form.padded_in,
        "at": at,
        "n_at": len(at),
        "length": length,
        "zeros": lowering.zeros(form.padded_in),
        "n_rows": windows.counts[0],
        "n_columns": windows.counts[1],
        "row_step": windows.stride[0] * grid.width * pixel,
        "step": windows.stride[1] * pixel,
        "lengths": lowering.lengths(call),
    }
    kernel = kernels.convolve_backward if by_tap else kernels.convolve_columns
    return lowering.program.record(kernel, operands)
