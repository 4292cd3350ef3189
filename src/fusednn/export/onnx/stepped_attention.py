"""Causal attention and positions step by step, as ONNX operators; the caches are states.

The axis of the steps of a cache is free: it is 0 before the first step, and grows.
"""

from __future__ import annotations

import numpy as np

from fusednn.graph.layers.stepped_attention import SteppedAttention, SteppedPositions
from fusednn.plan.binding.attention import turns

from .attention import split
from .graph import Graph


def add_attention_step(op: SteppedAttention, graph: Graph, x: str) -> str:
    """Adds the attention of a step to those before it; returns its heads, from x (N, columns).

    Keys are kept as they are, and turned by their places from the newest: scores depend on the
    distances of steps alone.
    """
    heads, keys, size = op.heads, op.key_heads, op.size
    q, k, v = split(graph, x, [op.fan_out, op.kept, op.kept], 1)
    factors = graph.array("factors", np.full(op.fan_out, size**-0.5))
    q = graph.node("Mul", q, factors)
    k, v = (_kept(op, graph, one) for one in (k, v))
    q = graph.node("Reshape", q, graph.indices("queries", [-1, keys, heads // keys, size]))
    if op.base:
        q, k = _turned(op, graph, q, k)
    scores = graph.node("MatMul", q, graph.node("Transpose", k, perm=[0, 1, 3, 2]))
    out = graph.node("MatMul", graph.node("Softmax", scores, axis=-1), v)
    return graph.node("Reshape", out, graph.indices("rows", [-1, op.fan_out]))


def _kept(op: SteppedAttention, graph: Graph, x: str) -> str:
    """The keys or values (N, key heads, steps, size) up to this step, x (N, columns)."""
    before = graph.state(op.key_heads, None, op.size)
    x = graph.node("Reshape", x, graph.indices("step", [-1, op.key_heads, 1, op.size]))
    if op.length == 1:
        found = x
    else:
        last = graph.indices("first", [1 - op.length]), graph.indices("end", [op.length])
        kept = graph.node("Slice", before, *last, graph.indices("axis", [2]))
        found = graph.node("Concat", kept, x, axis=2)
    graph.leave(before, found)
    return found


def _turned(op: SteppedAttention, graph: Graph, q: str, k: str) -> tuple[str, str]:
    """Queries turned as in the last place, and keys as in those up to it."""
    table = turns(op.length, op.size, op.base, back=False)
    q = _rotated(graph, q, op.size, *(graph.array("last_turn", part) for part in table[-1]))
    shape = graph.node("Shape", k)
    steps = graph.node("Gather", shape, graph.indices("axis", [2]), axis=0)
    ends = graph.node("Neg", steps), graph.indices("end", [op.length])
    parts = (
        graph.node(
            "Slice", graph.array("turns", table[:, part]), *ends, graph.indices("axis", [0])
        )
        for part in range(2)
    )
    return q, _rotated(graph, k, op.size, *parts)


def _rotated(graph: Graph, x: str, size: int, cosines: str, sines: str) -> str:
    a, b = split(graph, x, [size // 2] * 2, 3)
    first = graph.node("Sub", graph.node("Mul", a, cosines), graph.node("Mul", b, sines))
    second = graph.node("Add", graph.node("Mul", b, cosines), graph.node("Mul", a, sines))
    return graph.node("Concat", first, second, axis=3)


def add_positions_step(op: SteppedPositions, graph: Graph, x: str, table: np.ndarray) -> str:
    """Adds the row of the step to x (N, width); readers refuse a step that the table lacks."""
    before = graph.state(1)
    place = graph.cast(graph.node("Squeeze", before, graph.indices("axis", [1])), np.int64)
    rows = graph.node("Gather", graph.array("table", table), place, axis=0)
    graph.leave(before, graph.node("Add", before, graph.number(1)))
    return graph.node("Add", x, rows)
