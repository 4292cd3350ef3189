"""Binds attention to kernels; rows of `attend` are samples, which begin with the first step."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusednn.graph.calls import Call, Graph
from fusednn.kernels.intrinsics.shapes import SHAPE
from fusednn.kernels.ops.attention import attend as kernels
from fusednn.kernels.ops.attention import positions, stepped
from fusednn.kernels.ops.attention.rotate import rotate as rotate_rows
from fusednn.plan.memory.buffers import padded

from .lowering import Lowering

PANELS = {"attend": 2, "attend_backward": 3}
"""Panels of weights in the scratch, by the call."""
NEAR = {"attend": 0, "attend_backward": 4}
"""Arrays (steps, columns of a head) there: keys, values, and their gradients."""


def attention_elements(graph: Graph, dtype) -> int:
    """The elements of a worker's scratch that the attention of a graph needs at most."""
    wanted = [_scratch(call, dtype) for call in graph.calls if call.op in PANELS]
    wanted += [_stepped_scratch(call, dtype) for call in graph.calls if call.op == "attend_next"]
    return max(wanted, default=0)


def _stepped_scratch(call: Call, dtype) -> int:
    """The queries of a row, its weights, and the turned keys of a head."""
    queries, row = padded(call.out["out"].width, dtype), padded(call.given["length"], dtype)
    return queries + row + ("turned" in call.out) * _size(call) * row


def _scratch(call: Call, dtype) -> int:
    """The turned rows of a block, its panels, the mask of a row, and what is kept of a head."""
    steps = call.given["qkv"].shape[0]
    panel = SHAPE.panel(np.dtype(dtype).itemsize)
    size = _size(call)
    return panel * (size + PANELS[call.op] * steps + 1) + steps * (1 + NEAR[call.op] * size)


def _size(call: Call) -> int:
    """Columns of a head."""
    given = call.given
    return given["qkv"].width // (given["heads"] + 2 * given["key_heads"])


def _heads(lowering: Lowering, call: Call, weights) -> dict[str, Any]:
    """The operands of both ways."""
    given, size = call.given, _size(call)
    qkv, dropout = lowering.blocks[given["qkv"]], given["dropout"]
    return {
        "qkv": qkv.by_sample,
        "weights": None if weights is None else lowering.blocks[weights].by_sample,
        "zeros": lowering.zeros(max(size, SHAPE.panel(np.dtype(lowering.dtype).itemsize))),
        "lengths": lowering.lengths(call),
        "steps": qkv.positions,
        "heads": given["heads"],
        "key_heads": given["key_heads"],
        "columns": size,
        "qkv_step": qkv.stride,
        "causal": given["causal"],
        "scale": float(size**-0.5),
        "key": lowering.key if dropout else None,
        "layer": given["stream"],
        "dropped": round(dropout * 2**32),
        "factor": 1 / (1 - dropout),
    }


def attend(lowering: Lowering, call: Call) -> list[np.ndarray]:
    out = lowering.blocks[call.out["out"]]
    operands = {
        **_heads(lowering, call, call.out.get("weights")),
        "out": out.by_sample,
        "out_step": out.stride,
        "padded": padded(out.width, lowering.dtype),
        "first": 0,
        "last": out.positions,
    }
    return [lowering.program.record(kernels.attend, operands)]


def attend_backward(lowering: Lowering, call: Call) -> list[np.ndarray]:
    dqkv, dout = (lowering.blocks[one] for one in (call.out["dqkv"], call.given["dout"]))
    operands = {
        **_heads(lowering, call, call.given["weights"]),
        "dqkv": dqkv.by_sample,
        "dqkv_step": dqkv.stride,
        "dout": dout.by_sample,
        "dout_step": dout.stride,
        "padded": padded(dqkv.width, lowering.dtype),
    }
    return [lowering.program.record(kernels.attend_backward, operands)]


def attend_next(lowering: Lowering, call: Call) -> list[np.ndarray]:
    given, size, out = call.given, _size(call), lowering.blocks[call.out["out"]]
    qkv, length = lowering.blocks[given["qkv"]], given["length"]
    operands: dict[str, Any] = {}
    for name in ("keys", "values", "turned"):
        cache = lowering.blocks[call.out[name]] if name in call.out else None
        operands[name] = None if cache is None else cache.by_sample
        operands[f"{name}_row"] = 0 if cache is None else cache.stride
    if given["base"]:
        table = turns(length, size, given["base"], back=False).reshape(length, -1)
        turned = np.zeros((size, padded(length, lowering.dtype)), lowering.dtype)
        turned[:, :length] = table.T
        operands["turns"] = table.astype(lowering.dtype).reshape(-1)
        operands["steps_turns"] = turned.reshape(-1)
    operands |= {
        "place": lowering.blocks[call.out["place"]].by_sample,
        "out": out.by_sample,
        "qkv": qkv.by_sample,
        "zeros": lowering.zeros(max(size, length)),
        "length": length,
        "key_heads": given["key_heads"],
        "columns": size,
        "steps": out.positions,
        "heads": given["heads"],
        "window_row": padded(length, lowering.dtype),
        "qkv_row": qkv.stride,
        "out_row": out.stride,
        "padded": padded(out.width, lowering.dtype),
        "scale": float(size**-0.5),
    }
    return [lowering.program.record(stepped.attend_next, operands)]


def turns(steps: int, size: int, base: float, back: bool) -> np.ndarray:
    """The cosines and sines (steps, 2, size / 2) of each step's angles, in float64."""
    angles = np.outer(np.arange(steps), base ** (-np.arange(0, size, 2) / size))
    return np.stack([np.cos(angles), -np.sin(angles) if back else np.sin(angles)], axis=1)


def rotate(lowering: Lowering, call: Call) -> list[np.ndarray]:
    given, out = call.given, lowering.blocks[call.out["out"]]
    table = turns(out.positions, given["size"], given["base"], given["back"])
    operands = {
        "out": out,
        "turns": table.astype(lowering.dtype).reshape(-1),
        "heads": given["heads"],
        "half": given["size"] // 2,
    }
    return [lowering.program.record(rotate_rows, operands)]


def add_positions(lowering: Lowering, call: Call) -> list[np.ndarray]:
    out, table = lowering.blocks[call.out["out"]], lowering.values(call.given["table"])
    rows = out.positions * padded(out.width, lowering.dtype)
    operands = {"out": out, "table": table[:rows]}
    return [lowering.program.record(positions.add_positions, operands)]


def add_next_positions(lowering: Lowering, call: Call) -> list[np.ndarray]:
    out, table = lowering.blocks[call.out["out"]], call.given["table"]
    operands = {
        "out": out.by_sample,
        "place": lowering.blocks[call.out["place"]].by_sample,
        "table": lowering.values(table),
        "steps": out.positions,
        "length": table.shape[0],
        "out_row": out.stride,
    }
    return [lowering.program.record(stepped.add_next_positions, operands)]
