"""Attention, positions and gates as ONNX operators that all opsets have."""

from __future__ import annotations

import numpy as np

from fusednn.graph.layers.attention import Attention, Gate, Positions
from fusednn.plan.binding.attention import turns

from .graph import Graph
from .series_tensors import Steps, step_numbers, within


def add_attention(op: Attention, graph: Graph, x: str, steps: int | Steps) -> str:
    """Adds attention on rows (N steps, columns); returns rows of all heads.

    A vector of factors scales the queries: ONNX Runtime would merge a single factor with the
    product behind it, in float32.
    """
    heads, keys, size = op.heads, op.key_heads, op.size
    most = steps.most if isinstance(steps, Steps) else steps
    factors = np.ones(op.fan_in)
    factors[: op.fan_out] = size**-0.5
    x = graph.node("Mul", x, graph.array("factors", factors))
    x = graph.node("Reshape", x, _axes(graph, "axes", -1, most, heads + 2 * keys, size))
    x = graph.node("Transpose", x, perm=[0, 2, 1, 3])
    if op.base:
        turned, v = split(graph, x, [heads + keys, keys], 1)
        q, k = split(graph, _rotated(op, graph, turned, steps), [heads, keys], 1)
    else:
        q, k, v = split(graph, x, [heads, keys, keys], 1)
    if keys < heads:
        q = graph.node("Reshape", q, _axes(graph, "group", -1, keys, heads // keys, most, size))
        axes = _axes(graph, "shared", -1, keys, 1, most, size)
        k, v = (graph.node("Reshape", one, axes) for one in (k, v))
    last = [0, 1, 3, 2] if keys == heads else [0, 1, 2, 4, 3]
    scores = graph.node("MatMul", q, graph.node("Transpose", k, perm=last))
    scores = _masked(op, graph, scores, steps)
    out = graph.node("MatMul", graph.node("Softmax", scores, axis=-1), v)
    if keys < heads:
        out = graph.node("Reshape", out, _axes(graph, "heads", -1, heads, most, size))
    out = graph.node("Transpose", out, perm=[0, 2, 1, 3])
    return graph.node("Reshape", out, graph.indices("rows", [-1, op.fan_out]))


def _axes(graph: Graph, label: str, *sizes: int | str) -> str:
    """A shape, of numbers and of the names of tensors (1,)."""
    if all(isinstance(size, int) for size in sizes):
        return graph.indices(label, sizes)
    parts = (graph.indices(label, [one]) if isinstance(one, int) else one for one in sizes)
    return graph.node("Concat", *parts, axis=0)


def _masked(op: Attention, graph: Graph, scores: str, steps: int | Steps) -> str:
    """Scores (N, ..., queries, keys) of minus infinity where a query does not see a key."""
    if not isinstance(steps, Steps):
        if not op.causal:
            return scores
        mask = np.where(np.tril(np.ones((steps, steps), bool)), 0.0, -np.inf)
        return graph.node("Add", scores, graph.array("mask", mask))
    before = [1, 2] if op.key_heads == op.heads else [1, 2, 3]
    seen = graph.node("Unsqueeze", within(graph, steps), graph.indices("before", before))
    if op.causal:
        keys = step_numbers(graph, steps.most)
        queries = graph.node("Unsqueeze", keys, graph.indices("axes", [1]))
        seen = graph.node("And", seen, graph.node("LessOrEqual", keys, queries))
    return graph.node("Where", seen, scores, graph.number(-np.inf))


def split(graph: Graph, x: str, sizes: list[int], axis: int) -> list[str]:
    """The parts of a tensor, of so many elements along an axis."""
    names = [graph.name("part") for _ in sizes]
    return list(graph.nodes_of("Split", [x, graph.indices("sizes", sizes)], names, axis=axis))


def _rotated(op: Attention, graph: Graph, x: str, steps: int | Steps) -> str:
    """Heads (N, heads, steps, size), turned by the step."""
    cosines, sines = _turns(op, graph, steps)
    a, b = split(graph, x, [op.size // 2] * 2, 3)
    first = graph.node("Sub", graph.node("Mul", a, cosines), graph.node("Mul", b, sines))
    second = graph.node("Add", graph.node("Mul", b, cosines), graph.node("Mul", a, sines))
    return graph.node("Concat", first, second, axis=3)


def _turns(op: Attention, graph: Graph, steps: int | Steps) -> tuple[str, str]:
    """The cosines and sines (steps, size / 2) of each step's angles."""
    if isinstance(steps, int):
        table = turns(steps, op.size, op.base, back=False)
        return graph.array("cosines", table[:, 0]), graph.array("sines", table[:, 1])
    numbers = graph.cast(step_numbers(graph, steps.most), float)
    column = graph.node("Unsqueeze", numbers, graph.indices("axes", [1]))
    rates = op.base ** (-np.arange(0, op.size, 2) / op.size)
    angles = graph.node("Mul", column, graph.array("rates", rates, float))
    quarter = graph.node("Add", angles, graph.number(np.pi / 2, float))
    cosines, sines = (
        graph.cast(graph.node("Sin", angle), graph.dtype) for angle in (quarter, angles)
    )
    return cosines, sines


def add_positions(
    op: Positions, graph: Graph, x: str, table: np.ndarray, steps: int | Steps
) -> str:
    """Adds a table's rows to rows (N steps, width); readers refuse more steps than it has."""
    if isinstance(steps, int):
        most: int | str = steps
        rows = graph.array("table", table[:steps])
    else:
        most = steps.most
        numbers = step_numbers(graph, most)
        rows = graph.node("Gather", graph.array("table", table), numbers, axis=0)
    x = graph.node("Reshape", x, _axes(graph, "axes", -1, most, op.width))
    return graph.node("Reshape", graph.node("Add", x, rows), graph.indices("rows", [-1, op.width]))


def add_gate(op: Gate, graph: Graph, x: str) -> str:
    """Adds a gate on rows (N, 2 width)."""
    a, b = split(graph, x, [op.width] * 2, 1)
    return graph.node("Mul", graph.node("Mul", a, graph.node("Sigmoid", a)), b)
