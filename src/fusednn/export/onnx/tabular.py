"""Embeddings of numeric columns as ONNX operators."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fusednn.graph.layers.tabular.periodic import Periodic
from fusednn.graph.layers.tabular.piecewise_linear import PiecewiseLinear
from fusednn.kernels.ops.tabular.periodic import MOST_TURNS

from .graph import Graph


def add_periodic(op: Periodic, graph: Graph, x: str, arrays: Sequence[np.ndarray]) -> str:
    """Adds cosines of all columns at once, as (rows, columns, F); returns the output's name.

    Only a part of a turn goes into the sine, since runtimes lose digits of large angles; they have
    no float64 cosine.
    """
    w, *phases, v, c = arrays
    z = _chosen(graph, x, op.columns)
    turns = graph.node("Mul", z, graph.array("frequencies", w))
    if phases:
        turns = graph.node("Add", turns, graph.array("phases", phases[0] / (2 * np.pi)))
    near = graph.node("Less", graph.node("Abs", turns), graph.number(MOST_TURNS))
    turns = graph.node("Where", near, turns, graph.number(0))
    S = len(c)
    found = _product(graph, _sine(graph, turns, 0.25), v[:S])
    if op.is_plr:
        found = graph.node("Add", found, _product(graph, _sine(graph, turns, 0.0), v[S:]))
    found = graph.node("Add", found, graph.array("biases", c.T))
    found = graph.node("Relu", found) if op.is_plr else graph.node("Concat", z, found, axis=2)
    rows = graph.node("Reshape", found, graph.indices("rows", [-1, len(w) * op.size]))
    return with_plain(graph, x, op.plain, rows)


def add_bins(op: PiecewiseLinear, graph: Graph, x: str, arrays: Sequence[np.ndarray]) -> str:
    """Adds the encoding of all columns at once, as (rows, bins), or their embedding; returns the
    output's name."""
    edges, *tables = arrays
    first, last = np.cumsum([0, *op.bins]), np.cumsum(op.bins)
    lower = np.delete(edges, last + np.arange(len(last)))
    width = np.delete(edges[1:], last[:-1] + np.arange(len(last) - 1)) - lower
    low, high = np.zeros(len(lower)), np.ones(len(lower))
    low[first[:-1]], high[last - 1] = -np.inf, np.inf
    repeated = graph.indices("columns", np.repeat(op.columns, op.bins))
    numbers = graph.node("Gather", x, repeated, axis=1)
    found = graph.node("Sub", numbers, graph.array("edges", lower))
    found = graph.node("Div", found, graph.array("widths", width))
    found = graph.node("Max", found, graph.array("least", low))
    found = graph.node("Min", found, graph.array("most", high))
    if tables:
        found = _embedded(op, graph, x, found, tables)
    return with_plain(graph, x, op.plain, found)


def _embedded(
    op: PiecewiseLinear, graph: Graph, x: str, encoding: str, tables: Sequence[np.ndarray]
) -> str:
    """The embedding, from the encoding: bins that a column lacks have rows of zeros."""
    w, b, v = tables
    m, T = len(op.columns), max(op.bins)
    own = np.arange(T) < np.array(op.bins)[:, np.newaxis]
    places = np.zeros((m, T), int)
    places[own] = np.arange(sum(op.bins))
    padded = np.zeros((m, T, op.size), v.dtype)
    padded[own] = v
    each = graph.node("Gather", encoding, graph.indices("bins", places.ravel()), axis=1)
    each = graph.node("Reshape", each, graph.indices("by_column", [-1, m, T]))
    sums = _product(graph, each, padded.transpose(2, 0, 1))
    linear = graph.node("Mul", _chosen(graph, x, op.columns), graph.array("slopes", w))
    found = graph.node("Add", graph.node("Add", linear, graph.array("biases", b)), sums)
    return graph.node("Reshape", found, graph.indices("rows", [-1, m * op.size]))


def with_plain(graph: Graph, x: str, plain: Sequence[int], found: str) -> str:
    """The plain columns of x, if there are some, and then what was found."""
    if not plain:
        return found
    return graph.node(
        "Concat", graph.node("Gather", x, graph.indices("plain", plain), axis=1), found, axis=1
    )


def _chosen(graph: Graph, x: str, columns: Sequence[int]) -> str:
    """Chosen columns, as (rows, columns, 1)."""
    found = graph.node("Gather", x, graph.indices("columns", columns), axis=1)
    return graph.node("Unsqueeze", found, graph.indices("axis", [2]))


def _sine(graph: Graph, turns: str, more: float) -> str:
    """The sine of 2 pi (turns + more)."""
    rest = graph.node("Sub", turns, graph.node("Floor", turns))
    if more:
        rest = graph.node("Add", rest, graph.number(more))
    return graph.node("Sin", graph.node("Mul", rest, graph.number(2 * np.pi)))


def _product(graph: Graph, waves: str, v: np.ndarray) -> str:
    """(rows, columns, F) with weights (S, columns, F): the sums (rows, columns, S)."""
    by_column = graph.node("Transpose", waves, perm=[1, 0, 2])
    sums = graph.node("MatMul", by_column, graph.array("weights", v.transpose(1, 2, 0)))
    return graph.node("Transpose", sums, perm=[1, 0, 2])
