"""Binds piecewise-linear encodings and embeddings to kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusednn.graph.calls import Call, Graph
from fusednn.kernels.ops.tabular import bins
from fusednn.plan.binding.lowering import Lowering
from fusednn.plan.memory.buffers import padded


def embedding_elements(graph: Graph, dtype) -> int:
    """The elements of scratch that embeddings of bins need."""
    sizes = [call.given["w"].width for call in graph.calls if call.op == "embed_bins"]
    return max((padded(size, dtype) for size in sizes), default=0)


def encode_bins(lowering: Lowering, call: Call) -> list[np.ndarray]:
    return [lowering.program.record(bins.encode_bins, _read(lowering, call))]


def encode_bins_backward(lowering: Lowering, call: Call) -> list[np.ndarray]:
    return [lowering.program.record(bins.encode_bins_backward, _read(lowering, call))]


def embed_bins(lowering: Lowering, call: Call) -> list[np.ndarray]:
    operands = _read(lowering, call) | _sizes(lowering, call.given["w"].width)
    return [lowering.program.record(bins.embed_bins, operands)]


def embed_bins_backward(lowering: Lowering, call: Call) -> list[np.ndarray]:
    operands = _read(lowering, call) | _sizes(lowering, call.given["w"].width)
    return [lowering.program.record(bins.embed_bins_backward, operands)]


def embed_bins_sums(lowering: Lowering, call: Call) -> list[np.ndarray]:
    """The gradients of all parameters, for each chunk of samples."""
    operands = _read(lowering, call, False) | _sizes(lowering, call.out["dw"].width)
    return [lowering.program.record(bins.embed_bins_sums, operands)]


def _read(lowering: Lowering, call: Call, copies: bool = True) -> dict[str, Any]:
    """The arrays of a call, and which columns they are about."""
    columns, each = call.given["columns"], call.given["bins"]
    arrays = {name: one for name, one in call.given.items() if name not in ("columns", "bins")}
    x = lowering.blocks[call.given["x"]]
    found = {name: lowering.place(array) for name, array in {**arrays, **call.out}.items()} | {
        "columns": np.array(columns, np.int64),
        "starts": np.cumsum([0, *each]),
        "n_columns": len(columns),
        "n_plain": x.width - len(columns),
    }
    if copies:  # never empty, since its address is taken
        found["plain"] = np.append(np.setdiff1d(np.arange(x.width), columns), 0)
    return found


def _sizes(lowering: Lowering, size: int) -> dict[str, int]:
    return {"length": size, "row": padded(size, lowering.dtype)}
