"""How each op's record is cut into parts.

A record that works on many rows of a sample (pixels, windows) becomes one record for each part of
these, with the same tables and blocks from a later row on. Each element is computed as before, so
the bits are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from fusednn.kernels.intrinsics.shapes import SHAPE
from fusednn.kernels.ops import reshape
from fusednn.kernels.ops.attention import attend, positions, rotate
from fusednn.kernels.ops.norms import layer_norm
from fusednn.kernels.ops.pointwise import activate, elementwise, gate, parametric, rescale
from fusednn.kernels.ops.products import convolution, dense, depthwise, pooling, scatter
from fusednn.kernels.ops.tabular import bins, periodic

from .memory.buffers import Block, padded

Operands = Mapping[str, Any]

ROWS, PANELS = "rows", "panels"

PER_ELEMENT = 8
"""Approximate operations that an element of an op without products counts as."""

PER_WEIGHT = 5
"""And a weight that is read for one row: reading it takes longer than multiplying it."""

PER_TAP = 20
"""And an element of a window of a pool."""


class Cut(NamedTuple):
    """How a record is cut.

    Parameters
    ----------
    units : tuple of (str, int)
        What its parts are made of: "rows" of a sample, or "panels" of the weights; and how many.
    operations : float
        Approximate floating-point operations for a sample.
    part : callable
        From the number of a sample and the bounds of a part to the operands that differ.
    gathered : sequence of str
        The operands of which each part reads more than its own rows.
    written : sequence of str
        The operands that it writes: of each part its own rows.
    """

    units: tuple[str, int]
    operations: float
    part: Callable[[int, int, int], dict[str, Any]]
    gathered: Sequence[str] = ()
    written: Sequence[str] = ("out",)


def _from(block: Block, first: int, stride: int) -> Block:
    """The same block from a later row on."""
    return block._replace(values=block.values[first * stride :])


def _by_rows(*written: str, rows_of: Sequence[str] = (), operations: float = PER_ELEMENT):
    """The cut of an op that computes each row of its blocks from the same row of the others.

    Parameters
    ----------
    *written : str
    rows_of : sequence of str
        Operands with an element for each row.
    operations : float
        Operations for an element of the first block that it writes.
    """

    def cut(operands: Operands, dtype) -> Cut | None:
        blocks = {name: one for name, one in operands.items() if type(one) is Block}
        out = blocks[written[0]]
        if any(block.positions != out.positions for block in blocks.values()):
            return None

        def part(sample: int, lo: int, hi: int) -> dict[str, Any]:
            rows = hi - lo
            # so that row `sample * rows`, where the op begins, is row `lo` of the sample
            first = sample * (out.positions - rows) + lo
            found: dict[str, Any] = {
                name: _from(block, first, block.stride)._replace(positions=rows)
                for name, block in blocks.items()
            }
            return found | {name: operands[name][first:] for name in rows_of}

        per_element = 2 * operands["fan_in"] if "fan_in" in operands else operations
        count = out.positions * padded(out.width, dtype)
        return Cut((ROWS, out.positions), per_element * count, part, (), written)

    return cut


_dense_rows = _by_rows("out")


def _dense(operands: Operands, dtype) -> Cut | None:
    """By rows, or the one row by panels of the weights."""
    out, fan_in, fan_out = operands["out"], operands["fan_in"], operands["fan_out"]
    if out.positions > 1:
        return _dense_rows(operands, dtype)
    width = SHAPE.panel(np.dtype(dtype).itemsize)

    def part(sample: int, lo: int, hi: int) -> dict[str, Any]:
        first = lo * width
        return {
            "out": _from(out, first, 1),
            "w": operands["w"][first * fan_in :],
            "b": operands["b"][first:],
            "fan_out": min(fan_out, hi * width) - first,
        }

    panels = -(-fan_out // width)
    return Cut((PANELS, panels), PER_WEIGHT * fan_in * fan_out, part, ("x",))


def _convolve(operands: Operands, dtype) -> Cut:
    out, pixels, at, steps = (operands[name] for name in ("out", "pixels", "at", "steps"))
    line = operands["frame_width"] * operands["frame_pixel"]

    def part(sample: int, lo: int, hi: int) -> dict[str, Any]:
        found = {
            "out": _from(out, lo, operands["out_pixel"]),
            "at": at[lo:hi],
            "pixels": hi - lo,
        }
        if operands["is_framed"]:
            last = int(at[hi - 1] + steps[-1])
            found |= {"first_line": int(at[lo]) // line, "last_line": last // line + 1}
        return found

    products = 2.0 * pixels * operands["fan_in"] * operands["columns"]
    return Cut((ROWS, pixels), products, part, ("x",))


def _scatter(operands: Operands, dtype) -> Cut | None:
    """By panels of the weights: windows of adjacent pixels overlap. Each part has a frame."""
    if operands["kept"]:
        return None
    out, b, taps, channels = (operands[name] for name in ("out", "b", "taps", "channels"))
    columns, pixels = operands["columns"], operands["n_rows"] * operands["length"]
    frame = () if operands["is_framed"] else ("height", "width")
    width = SHAPE.panel(np.dtype(dtype).itemsize)

    def part(sample: int, lo: int, hi: int) -> dict[str, Any]:
        first, last = lo * width, min(columns, hi * width)
        found = {
            "out": _from(out, first, 1),
            "w": operands["w"][first * taps * channels :],
            "b": None if b is None else b[first:],
            "columns": last - first,
            "filters": min(operands["filters"], last) - first,
            "is_framed": True,
        }
        return found | {f"frame_{name}": operands[name] for name in frame}

    operations = 2.0 * pixels * taps * channels * columns
    return Cut((PANELS, -(-columns // width)), operations, part, ("x",))


def _depthwise(operands: Operands, dtype) -> Cut | None:
    if operands["folds"] != 1 or operands["is_framed"]:
        return None
    pixels, at = operands["pixels"], operands["at"]
    phases = operands["phases"].reshape(-1, 2)

    def part(sample: int, lo: int, hi: int) -> dict[str, Any]:
        own = (pixels >= lo) & (pixels < hi)
        before = np.concatenate([[0], np.cumsum(own)])
        bounds = np.stack([before[phases[:, 0]], phases[:, 1]], axis=1)
        return {
            "pixels": np.append(pixels[own], 0),
            "at": np.append(at[own], 0),
            "phases": bounds.reshape(-1).astype(np.int64),
        }

    count = operands["out_pixels"] * operands["columns"]
    operations = PER_ELEMENT * operands["n_taps"] * count
    return Cut((ROWS, operands["out_pixels"]), operations, part, ("x",))


def _pool(*names: str):
    """The cut of an op that reduces windows, and its blocks with a row for each window."""

    def cut(operands: Operands, dtype) -> Cut:
        bounds, windows = operands["bounds"], operands["windows"]

        def part(sample: int, lo: int, hi: int) -> dict[str, Any]:
            found = {name: _from(operands[name], lo, operands["out_pixel"]) for name in names}
            if "shares" in operands:
                found["shares"] = operands["shares"][lo:hi]
            return found | {"bounds": bounds[lo : hi + 1], "windows": hi - lo}

        operations = PER_TAP * int(bounds[-1]) * operands["padded"]
        return Cut((ROWS, windows), operations, part, ("x",), names)

    return cut


def _flatten(operands: Operands, dtype) -> Cut | None:
    """Rows without padding become parts of one row."""
    x, out = operands["x"], operands["out"]
    if operands["rows"] != 1 or operands["columns"] != 1 or x.width != padded(x.width, dtype):
        return None

    def part(sample: int, lo: int, hi: int) -> dict[str, Any]:
        return {
            "x": _from(x, lo, operands["x_row"]),
            "out": _from(out, lo, x.width)._replace(width=(hi - lo) * x.width),
        }

    return Cut((ROWS, out.width // x.width), float(out.width), part)


def _by_steps(name: str):
    """The cut of an op on rows in place that reads a table with as many rows of numbers."""
    by_rows = _by_rows("out")

    def cut(operands: Operands, dtype) -> Cut | None:
        whole, table = by_rows(operands, dtype), operands[name]
        assert whole is not None
        each = len(table) // operands["out"].positions

        def part(sample: int, lo: int, hi: int) -> dict[str, Any]:
            return whole.part(sample, lo, hi) | {name: table[lo * each :]}

        return whole._replace(part=part)

    return cut


def _attend(operands: Operands, dtype) -> Cut:
    """By queries; each part reads all keys."""
    steps, columns = operands["steps"], operands["heads"] * operands["columns"]

    def part(sample: int, lo: int, hi: int) -> dict[str, Any]:
        return {"first": lo, "last": hi}

    operations = steps * steps * (4.0 * columns + PER_ELEMENT * operands["heads"])
    return Cut((ROWS, steps), operations, part, ("qkv",))


CUTS: dict[Any, Callable[[Operands, Any], Cut | None]] = {
    convolution.convolve: _convolve,
    depthwise.depthwise: _depthwise,
    scatter.scatter: _scatter,
    pooling.max_pool: _pool("out", "taken"),
    pooling.average_pool: _pool("out"),
    dense.dense_forward: _dense,
    attend.attend: _attend,
    rotate.rotate: _by_steps("turns"),
    positions.add_positions: _by_steps("table"),
    gate.gate: _by_rows("out"),
    reshape.reshape_rows: _flatten,
    activate.activate: _by_rows("out"),
    elementwise.copy_rows: _by_rows("out"),
    elementwise.add_rows: _by_rows("out"),
    elementwise.scale_rows: _by_rows("out"),
    elementwise.prelu_forward: _by_rows("out"),
    parametric.parametric_forward: _by_rows("out"),
    bins.encode_bins: _by_rows("out"),
    bins.embed_bins: _by_rows("out"),
    periodic.periodic_forward: _by_rows("out"),
    rescale.rescale_rows: _by_rows("out"),
    layer_norm.layer_norm_forward: _by_rows("out", "normal", rows_of=("inverse",)),
}
"""The ops that are cut; others are run by one worker."""
