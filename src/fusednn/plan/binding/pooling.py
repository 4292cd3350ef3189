"""Binds pooling: the table of the pixels that are in each window."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from fusednn.graph.calls import Call
from fusednn.graph.windows import Windows
from fusednn.kernels.ops.products import pooling
from fusednn.plan.memory.buffers import Block, padded

from .lowering import Lowering
from .taps_within import taps_within


@lru_cache(maxsize=64)
def _tables(windows: Windows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pixels of each window in the order of its taps, their bounds, and 1 / divisor."""
    strides, dilations = windows.stride, windows.dilation
    begins, lengths, shared = [], [], []
    for axis, (first, last) in enumerate(taps_within(windows)):
        places = np.arange(len(first), dtype=np.int64) * strides[axis]
        begins.append(places - windows.padding[axis][0] + first * dilations[axis])
        lengths.append(last - first)
        # a window that overhangs the padding counts what is within
        left = windows.framed[axis] - places
        shared.append(np.minimum(-(-left // dilations[axis]), windows.kernel[axis]))
    counts = np.multiply.outer(*lengths).ravel()
    bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    # each pixel's window along both axes, and its number among the pixels of its window
    row, column = np.divmod(
        np.repeat(np.arange(len(counts), dtype=np.int64), counts), len(lengths[1])
    )
    number = np.arange(bounds[-1], dtype=np.int64) - np.repeat(bounds[:-1], counts)
    down, right = np.divmod(number, lengths[1][column])
    rows = begins[0][row] + down * dilations[0]
    flat = rows * windows.sizes[1] + begins[1][column] + right * dilations[1]
    return flat, bounds, 1 / np.multiply.outer(*shared).ravel()


@lru_cache(maxsize=64)
def _ends(windows: Windows) -> tuple[np.ndarray, np.ndarray]:
    """For each tap of each window over a series: the bounds of the window if it ends with that
    tap, since the series does, and 1 / divisor."""
    pixels, bounds, _ = _tables(windows)
    taps = np.arange(len(pixels), dtype=np.int64)
    window = np.searchsorted(bounds, taps, side="right") - 1
    spans = np.stack([bounds[window], taps + 1], axis=1).reshape(-1)
    (before, after), stride = windows.padding[1], windows.stride[1]
    left = before + pixels + 1 + after - window * stride
    return spans, 1 / np.minimum(left, windows.kernel[1])


def _operands(lowering: Lowering, call: Call, over: Block, out: Block) -> dict[str, Any]:
    """The operands of windows over a block, with an element of another for each."""
    windows = call.given["windows"].in_the_plane()
    pixels, bounds, shares = _tables(windows)
    found = {
        "pixels": pixels,
        "bounds": bounds,
        "windows": len(bounds) - 1,
        "once": bool((np.bincount(pixels, minlength=over.positions) == 1).all()),
        "x_pixels": over.positions,
        "x_pixel": over.stride,
        "out_pixel": out.stride,
        "padded": padded(out.width, lowering.dtype),
        "spans": np.zeros(2, np.int64),  # not read without lengths
    }
    ends = shares
    lengths = [call.given[name] for name in ("lengths", "out_lengths")]
    if lengths[0] is not None:
        spans, ends = _ends(windows)
        if call.op in UPSAMPLING:  # the windows are over its output
            lengths.reverse()
        found |= {"spans": spans, "once": False}
        names = zip(("lengths", "window_lengths"), lengths, strict=True)
        found |= {name: lowering.values(one) for name, one in names if one is not None}
    if call.op in UPSAMPLING:
        shares = ends = np.ones_like(ends)
    if "taken" not in {*call.given, *call.out}:
        found["shares"], found["end_shares"] = (
            one.astype(lowering.dtype) for one in (shares, ends)
        )
    return found


UPSAMPLING = "upsample", "upsample_backward"


def _bound(kernel, over: str, out: str, /, **names: str):
    """The binding of a call to a kernel.

    Parameters
    ----------
    kernel : kernel
    over, out : str
        The array that windows are over, and that with an element for each window.
    **names : str
        The kernel's names of operands that have others in the call.
    """

    names_read = {over, out, "taken"}

    def bind(lowering: Lowering, call: Call) -> list[np.ndarray]:
        blocks = {
            name: lowering.blocks[array]
            for name, array in {**call.given, **call.out}.items()
            if name in names_read
        }
        operands = _operands(lowering, call, blocks[over], blocks[out])
        operands |= {names.get(name, name): block.by_sample for name, block in blocks.items()}
        return [lowering.program.record(kernel, operands)]

    return bind


max_pool = _bound(pooling.max_pool, "x", "out")
max_pool_backward = _bound(pooling.max_pool_backward, "dx", "dout")
average_pool = _bound(pooling.average_pool, "x", "out")
average_pool_backward = _bound(pooling.average_pool_backward, "dx", "dout")
# each element of the input is the mean of its window of the output, not divided
upsample = _bound(pooling.average_pool_backward, "out", "x", out="dx", x="dout")
upsample_backward = _bound(pooling.average_pool, "dout", "dx", dout="x", dx="out")
