"""Ops that take a series step by step, as ONNX operators; states are inputs and outputs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fusednn.graph.layers.history import History
from fusednn.graph.layers.recurrent import Recurrent

from .graph import Graph
from .recurrent import add_step, own_operator


def add_history(op: History, graph: Graph, x: str) -> str:
    """Adds the last steps; returns them as rows (N taps, C), from x (N, C)."""
    before = graph.state(op.length - 1, op.fan_in)
    step = graph.node("Reshape", x, graph.indices("axes", [-1, 1, op.fan_in]))
    every = graph.node("Concat", before, step, axis=1)
    graph.leave(before, _taken(graph, every, range(1, op.length)))
    if op.dilation > 1:
        every = _taken(graph, every, range(0, op.length, op.dilation))
    return graph.node("Reshape", every, graph.indices("rows", [-1, op.fan_in]))


def _taken(graph: Graph, x: str, steps: Sequence[int]) -> str:
    return graph.node("Gather", x, graph.indices("steps", list(steps)), axis=1)


def add_recurrent_step(op: Recurrent, graph: Graph, x: str, arrays: Sequence[np.ndarray]) -> str:
    """Adds a step of a recurrence; returns its state (N, H), from x (N, C)."""
    states = [graph.state(op.units) for _ in range(1 + (op.cell == "lstm"))]
    w, v, b, *inner = arrays
    if graph.dtype == np.float64:
        product = graph.node("Gemm", x, graph.array("weights", w))
        z = graph.node("Add", product, graph.array("biases", b))
        found = add_step(op, graph, v, inner, z, states)
    else:
        kind, inputs, attributes = own_operator(op, graph, [arrays])
        axes = graph.indices("axes", [1, -1, op.units])
        step = graph.node("Reshape", x, graph.indices("step", [1, -1, op.fan_in]))
        before = [graph.node("Reshape", state, axes) for state in states]
        after = [graph.name("after") for _ in states]
        graph.nodes_of(kind, [step, *inputs, "", *before], ["", *after], **attributes)
        rows = graph.indices("rows", [-1, op.units])
        found = [graph.node("Reshape", one, rows) for one in after]
    for state, value in zip(states, found, strict=True):
        graph.leave(state, value)
    return found[0]
