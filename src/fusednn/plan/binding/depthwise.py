"""Binds depthwise convolutions: by vectors of all channels, phase by phase of their pixels."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import inf, prod
from typing import Any, NamedTuple

import numpy as np

from fusednn.graph.arrays import Array
from fusednn.graph.calls import Call
from fusednn.graph.windows import Windows
from fusednn.kernels.ops.products import depthwise as kernels
from fusednn.plan.layout.reduced_taps import ReducedTaps
from fusednn.plan.layout.taps import TRANSPOSED, Taps
from fusednn.plan.memory.buffers import padded

from .grids import reading_lanes
from .lowering import Lowering


class _Axis(NamedTuple):
    """Pixels of one phase along one axis, and the taps that read them.

    Parameters
    ----------
    places, begins : tuple of int
        The pixels, and where the window of each begins: there tap 0 would read, were it in the
        phase.
    taps, steps : tuple of int
        The taps, and how far each is from the beginning.
    """

    places: tuple[int, ...]
    begins: tuple[int, ...]
    taps: tuple[int, ...]
    steps: tuple[int, ...]


def _read_by_windows(size, taps, stride, padding, dilation, count) -> list[_Axis]:
    """The phases of windows along one axis, which read the sample that they are over."""
    begins = [at * stride - padding[0] for at in range(count)]
    found: dict[tuple[int, ...], list[int]] = {}
    for place, begin in enumerate(begins):
        own = tuple(tap for tap in range(taps) if 0 <= begin + tap * dilation < size)
        found.setdefault(own, []).append(place)
    return [
        _Axis(
            tuple(places),
            tuple(begins[place] for place in places),
            own,
            tuple(tap * dilation for tap in own),
        )
        for own, places in found.items()
    ]


def _read_by_pixels(size, taps, stride, padding, dilation, count) -> list[_Axis]:
    """The phases of the pixels under windows along one axis, which read the windows."""
    found: dict[tuple[int, ...], list[int]] = {}
    for place in range(size):
        behind = [place + padding[0] - tap * dilation for tap in range(taps)]
        own = tuple(
            tap
            for tap, left in enumerate(behind)
            if left % stride == 0 and 0 <= left // stride < count
        )
        found.setdefault((*own, -1 - (place + padding[0]) % stride), []).append(place)
    return [
        _Axis(
            tuple(places),
            tuple((place + padding[0]) // stride for place in places),
            own,
            tuple(-(tap * dilation // stride) for tap in own),
        )
        for own, places in ((key[:-1], places) for key, places in found.items())
    ]


@lru_cache(maxsize=64)
def _tables(windows: Windows, by_pixels: bool, width: int, pixel: int) -> dict[str, Any]:
    """The tables of pixels and taps, phase by phase, in a grid of such rows and pixels."""
    phases = _read_by_pixels if by_pixels else _read_by_windows
    downs, rights = (phases(*facts) for facts in zip(*windows[:5], windows.counts, strict=True))
    across = windows.sizes[1] if by_pixels else windows.counts[1]
    pixels, at, taps, runs = ([] for _ in range(4))
    bounds = [0, 0]
    for down, right in product(downs, rights):
        pixels.append(_outer(down.places, right.places, across, 1))
        at.append(_outer(down.begins, right.begins, width * pixel, pixel))
        taps.append(_outer(down.taps, right.taps, windows.kernel[1], 1))
        runs.append(_outer(down.steps, right.steps, width * pixel, pixel))
        bounds += [bounds[-2] + len(pixels[-1]), bounds[-1] + len(taps[-1])]
    end = [np.zeros(1, np.int64)]  # no table is empty: its address is taken
    return {
        "pixels": np.concatenate(pixels),
        "at": np.concatenate(at),
        "taps": np.concatenate(taps + end),
        "runs": np.concatenate(runs + end),
        "phases": np.array(bounds),
        "n_phases": len(downs) * len(rights),
        "n_taps": windows.taps,
    }


def _outer(rows, columns, row: int, column: int) -> np.ndarray:
    """The numbers of all pairs of a row and a column."""
    down, right = (np.array(values, np.int64) for values in (rows, columns))
    return np.add.outer(down * row, right * column).reshape(-1)


def scratch(windows: Windows, columns: int) -> int:
    """Elements of a frame of either side, and of sums for each filter."""
    return (prod(windows.sizes) * 2 + prod(windows.counts)) * columns


def gather(lowering: Lowering, call: Call, windows: Windows, x: Array, out: Array) -> np.ndarray:
    """The record of out = max(b + windows of x times w, floor)."""
    repeats = call.given["w"].width // call.given["groups"]
    operands, grid = reading_lanes(lowering, x, windows.sizes, repeats)
    tables = _tables(windows, False, *grid)
    return _record(lowering, call, out, {**operands, **tables, "folds": 1})


def scatter(lowering: Lowering, call: Call, windows: Windows, x: Array, out: Array) -> np.ndarray:
    """The record of out = b + x w, added up where windows lie: each pixel gathers its own."""
    folds = call.given["w"].width // call.given["groups"]
    operands, grid = reading_lanes(lowering, x, windows.counts, 1)
    tables = _tables(windows, True, *grid)
    return _record(lowering, call, out, {**operands, **tables, "folds": folds})


def _record(lowering: Lowering, call: Call, out: Array, operands: dict[str, Any]) -> np.ndarray:
    w, b, target = call.given["w"], call.given.get("b"), lowering.blocks[out]
    columns, form = padded(w.width, lowering.dtype), lowering.form(w)
    assert isinstance(form, Taps | ReducedTaps)
    [weights] = form.weights(lowering.values(w))
    operands |= {
        "out": target.by_sample,
        "out_pixel": target.stride,
        "out_pixels": target.positions,
        "out_channels": target.width,
        **weights,
        "b": lowering.zeros(columns) if b is None else lowering.values(b),
        "floor": float(call.given.get("floor", -inf)),
        "columns": columns,
    }
    return lowering.program.record(form.kernel(kernels.depthwise), operands)


def sums(lowering: Lowering, call: Call, windows: Windows, x: Array, dz: Array) -> np.ndarray:
    """The record of the gradients of weights and biases, for each chunk of samples."""
    pixels, dw, db = lowering.blocks[dz], call.out["dw"], call.out["db"]
    repeats = dw.width // call.given["groups"]
    operands, grid = reading_lanes(lowering, x, windows.sizes, repeats)
    columns = padded(dw.width, lowering.dtype)
    operands |= _tables(windows, False, *grid)
    operands |= {
        "dw": lowering.values(dw),
        "db": lowering.values(db),
        "dz": pixels.by_sample,
        "dz_pixel": pixels.stride,
        "dz_pixels": pixels.positions,
        "columns": columns,
        "turned": call.op in TRANSPOSED,
    }
    return lowering.program.record(kernels.depthwise_partials, operands)
