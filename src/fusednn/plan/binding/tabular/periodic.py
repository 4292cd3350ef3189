"""Binds periodic embeddings to kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusednn.graph.calls import Call, Graph
from fusednn.kernels.ops.tabular import periodic
from fusednn.plan.binding.lowering import Lowering
from fusednn.plan.memory.buffers import Block, padded


def periodic_elements(graph: Graph, dtype) -> int:
    """The elements of scratch that periodic embeddings need."""
    shapes = [call.given["w"].shape for call in graph.calls if call.op == "periodic_forward"]
    return max((periodic.ROWS_OF_SCRATCH * m * padded(F, dtype) for m, F in shapes), default=0)


def periodic_forward(lowering: Lowering, call: Call) -> list[np.ndarray]:
    given, out = call.given, lowering.blocks[call.out["out"]]
    operands = {
        **_read(lowering, call),
        "out": out,
        "c": lowering.values(given["c"]),
        "column_row": padded(given["c"].width, lowering.dtype),
    }
    operands["plain"] = _plain(operands)
    return [lowering.program.record(periodic.periodic_forward, operands)]


def periodic_backward(lowering: Lowering, call: Call) -> list[np.ndarray]:
    operands = {**_back(lowering, call), "dx": lowering.blocks[call.out["dx"]]}
    operands["plain"] = _plain(operands)
    return [lowering.program.record(periodic.periodic_backward, operands)]


def periodic_sums(lowering: Lowering, call: Call) -> list[np.ndarray]:
    """The gradients of all parameters, for each chunk of samples."""
    operands: dict[str, Any] = {name: lowering.values(one) for name, one in call.out.items()}
    operands["column_row"] = padded(call.out["dc"].width, lowering.dtype)
    return [lowering.program.record(periodic.periodic_sums, {**_back(lowering, call), **operands})]


def _read(lowering: Lowering, call: Call) -> dict[str, Any]:
    """What all three read."""
    given, x = call.given, lowering.blocks[call.given["x"]]
    w, b, v = (given[name] for name in ("w", "b", "v"))
    m, F = w.shape
    sums = v.shape[0] if b is not None else v.shape[0] // 2
    return {
        "x": x,
        "w": lowering.values(w),
        "b": None if b is None else lowering.values(b),
        "v": lowering.values(v),
        "columns": np.array(given["columns"], np.int64),
        "n_columns": m,
        "frequencies": F,
        "frequency_row": padded(F, lowering.dtype),
        "sums": sums,
        "n_plain": x.width - m,
    }


def _back(lowering: Lowering, call: Call) -> dict[str, Any]:
    out = call.given["out"]
    return {
        **_read(lowering, call),
        "dout": lowering.blocks[call.given["dout"]],
        "out": None if out is None else lowering.blocks[out],
    }


def _plain(operands: dict[str, Any]) -> np.ndarray:
    """The columns that are copied; never empty, since its address is taken."""
    x, columns = operands["x"], operands["columns"]
    assert isinstance(x, Block)
    return np.append(np.setdiff1d(np.arange(x.width), columns), 0).astype(np.int64)
