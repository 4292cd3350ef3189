"""Networks on series of any number of steps, with padding behind unequal lengths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from fusednn.graph.layers.attention import Attention, Positions
from fusednn.graph.layers.layer import Layer, shapes_along
from fusednn.graph.layers.prelu import PReLU
from fusednn.graph.layers.recurrent import Recurrent
from fusednn.graph.layers.residual import Residual
from fusednn.graph.layers.tabular.scaling import Scaling
from fusednn.graph.layers.token_embedding import TokenEmbedding
from fusednn.graph.layers.untrained import Identity
from fusednn.serving.files.op_fields import FILE_NAMES

from .activations import add_activation
from .attention import add_attention, add_positions
from .graph import Graph
from .layers import BY_CHANNEL, add_chain, add_op
from .recurrent import add_recurrent
from .samples import Tensor
from .series_tensors import SeriesTensor, Steps, step_numbers
from .series_windows import add_series_windows
from .windows import WINDOWED


def add_series(
    graph: Graph, x: SeriesTensor, ops: Sequence[Layer], arrays: Iterator[np.ndarray], steps: int
) -> tuple[str, str]:
    """Adds ops on series.

    Returns the rows of the last op's output, and the tensor of their number of each sample, or ""
    for one.

    Parameters
    ----------
    graph : Graph
    x : SeriesTensor
    ops : sequence of Layer
        Without the first, which reads the data.
    arrays : iterator of ndarray
    steps : int
        The steps of the fit.
    """
    found = _add_chain(graph, x, ops, arrays, (steps, x.width), 1)
    if isinstance(found, str):
        return found, ""
    return found.as_rows(graph).name, found.steps.most


def read_tokens(graph: Graph, x: str, op: TokenEmbedding, table: np.ndarray) -> SeriesTensor:
    """The vectors of tokens (N, T), with the steps before their padding."""
    rows = add_op(op, graph, x, [table])
    if op.after.activation != "identity":
        rows = add_activation(graph, rows, op.after)
    shape = graph.node("Shape", x)
    count = graph.node("Gather", shape, graph.indices("steps", [1]), axis=0)
    if op.padding is None:
        samples = graph.node("Gather", shape, graph.indices("samples", [0]), axis=0)
        return SeriesTensor(rows, op.size, Steps(count, graph.node("Expand", count, samples)))
    is_padding = graph.node("Equal", x, graph.number(op.padding))
    real = graph.cast(graph.node("Not", is_padding), np.int64)
    place = graph.node("Add", step_numbers(graph, count), graph.number(1, np.int64))
    lengths = graph.largest(graph.node("Mul", real, place), axis=1)
    return SeriesTensor(rows, op.size, Steps(count, lengths))


def _add_chain(graph, x, ops, arrays, shape, first=0) -> SeriesTensor | str:
    """`add_series` of a tensor; returns a name once samples are single rows."""
    shapes = shapes_along(ops, shape)
    for number, (op, own) in enumerate(zip(ops, shapes, strict=False)):
        if isinstance(x, str):  # one row for each sample
            return add_chain(graph, Tensor(x), ops[number:], arrays, own, number + first).name
        with graph.place(f"layer{number + first}_{FILE_NAMES[type(op)].lower()}"):
            if isinstance(op, Residual):
                x = _add_residual(op, graph, x, arrays, own)
            else:
                x = _add_one(op, graph, x, list(islice(arrays, len(op.parameters()))))
            x = _activated(graph, x, op)
    return x


def _activated(graph: Graph, x, op: Layer):
    if op.after.activation == "identity":
        return x
    if isinstance(x, str):
        return add_activation(graph, x, op.after)
    return x._replace(name=add_activation(graph, x.name, op.after), is_clear=False)


def _add_residual(op: Residual, graph: Graph, x: SeriesTensor, arrays, shape):
    inner = _add_chain(graph, x, op.inner, arrays, shape)
    with graph.place("shortcut"):
        other = _add_chain(graph, x, op.shortcut, arrays, shape)
    if isinstance(inner, str) or isinstance(other, str):
        assert isinstance(inner, str) and isinstance(other, str)  # noqa: PT018 - both or none
        return graph.node("Add", inner, other)
    is_clear = inner.is_clear and other.is_clear
    if not (inner.first and other.first):
        inner, other = inner.as_rows(graph), other.as_rows(graph)
    added = graph.node("Add", inner.name, other.name)
    return inner._replace(name=added, is_clear=is_clear)


def _add_one(op, graph: Graph, x: SeriesTensor, arrays):
    if isinstance(op, WINDOWED):
        return add_series_windows(op, graph, x, arrays)
    if isinstance(op, Recurrent):
        found = add_recurrent(op, graph, x.as_rows(graph).name, arrays, x.steps)
        if not op.sequences:
            return found
        return SeriesTensor(found, op.fan_out, x.steps, is_clear=True)
    if isinstance(op, Attention | Positions):
        rows = x.as_rows(graph).name
        if isinstance(op, Attention):
            found = add_attention(op, graph, rows, x.steps)
        else:
            found = add_positions(op, graph, rows, arrays[0], x.steps)
        return SeriesTensor(found, op.fan_out, x.steps)
    if x.first and isinstance(op, BY_CHANNEL):
        arrays = [array.reshape(-1, 1) for array in arrays]
    else:
        x = x.as_rows(graph)
    is_clear = x.is_clear and isinstance(op, Identity | PReLU | Scaling)
    return x._replace(name=add_op(op, graph, x.name, arrays), width=op.fan_out, is_clear=is_clear)
