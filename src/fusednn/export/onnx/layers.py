"""Each op of a network as ONNX operators, with its parameters as constants."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import singledispatch
from itertools import islice

import numpy as np

from fusednn.graph.layers.attention import Attention, Gate, Positions
from fusednn.graph.layers.batch_norm import BatchNorm
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.embedding import Embedding
from fusednn.graph.layers.history import History
from fusednn.graph.layers.layer import Layer, shapes_along
from fusednn.graph.layers.layer_norm import LayerNorm
from fusednn.graph.layers.prelu import PReLU
from fusednn.graph.layers.recurrent import Recurrent
from fusednn.graph.layers.rescale import Rescale
from fusednn.graph.layers.reshape import Reshape
from fusednn.graph.layers.residual import Residual
from fusednn.graph.layers.stepped_attention import SteppedAttention, SteppedPositions
from fusednn.graph.layers.tabular.parametric import Parametric
from fusednn.graph.layers.tabular.periodic import Periodic
from fusednn.graph.layers.tabular.piecewise_linear import PiecewiseLinear
from fusednn.graph.layers.tabular.scaling import Scaling
from fusednn.graph.layers.tied import Tied
from fusednn.graph.layers.token_embedding import TokenEmbedding
from fusednn.graph.layers.untrained import Identity, Standardize
from fusednn.serving.files.op_fields import FILE_NAMES

from .activations import add_activation, prelu
from .attention import add_attention, add_gate, add_positions
from .graph import Graph
from .recurrent import add_recurrent
from .samples import Tensor
from .stepped_attention import add_attention_step, add_positions_step
from .steps import add_history, add_recurrent_step
from .tabular import add_bins, add_periodic
from .windows import WINDOWED, add_windows

FAR_BIAS = 16.0
"""Biases of a first layer above this include the mean of a scaling, which the products cancel.
Such a layer computes in float64, because runtimes round large intermediate sums differently."""

BY_CHANNEL = BatchNorm | Parametric | PReLU | Scaling | Standardize | Identity
"""Ops that treat each element by its channel, so that channels may also be first."""


def add_layers(graph: Graph, x: str, ops: Iterable[Layer], arrays: Iterator[np.ndarray]) -> str:
    """Adds a chain of ops, which take their parameters from `arrays` in order.

    Returns
    -------
    str
        The name of the last op's output.

    Raises
    ------
    TypeError
        If ONNX has no form of an op.
    """
    ops = tuple(ops)
    return add_chain(graph, Tensor(x), ops, arrays, (ops[0].fan_in,)).rows(graph).name


def add_chain(
    graph: Graph,
    x: Tensor,
    ops: Sequence[Layer],
    arrays: Iterator[np.ndarray],
    shape: tuple[int, ...],
    first: int = 0,
) -> Tensor:
    """`add_layers` of a tensor that has its channels last or first.

    `shape` is a sample's, and `first` the number of the first op.
    """
    for number, (op, own) in enumerate(zip(ops, shapes_along(ops, shape), strict=False), first):
        kind = FILE_NAMES.get(type(op), type(op).__name__)
        with graph.place(f"layer{number}_{kind.lower()}"):
            if isinstance(op, Residual):
                x = _add_residual(op, graph, x, arrays, own)
            elif isinstance(op, History):
                x = Tensor(add_history(op, graph, x.rows(graph).name))
            elif isinstance(op, Recurrent) and op.carried:
                given = list(islice(arrays, len(op.parameters())))
                x = Tensor(add_recurrent_step(op, graph, x.rows(graph).name, given))
            elif isinstance(op, Recurrent):
                given = list(islice(arrays, len(op.parameters())))
                x = Tensor(add_recurrent(op, graph, x.rows(graph).name, given, own[0]))
            elif isinstance(op, Attention):
                x = Tensor(add_attention(op, graph, x.rows(graph).name, own[0]))
            elif isinstance(op, Positions):
                x = Tensor(add_positions(op, graph, x.rows(graph).name, next(arrays), own[0]))
            elif isinstance(op, SteppedAttention):
                x = Tensor(add_attention_step(op, graph, x.rows(graph).name))
            elif isinstance(op, SteppedPositions):
                x = Tensor(add_positions_step(op, graph, x.rows(graph).name, next(arrays)))
            else:
                x = _add_one(op, graph, x, list(islice(arrays, len(op.parameters()))))
            x = x._replace(name=add_activation(graph, x.name, op.after))
    return x


def _add_residual(op: Residual, graph: Graph, x: Tensor, arrays, shape: tuple[int, ...]) -> Tensor:
    inner = add_chain(graph, x, op.inner, arrays, shape)
    with graph.place("shortcut"):
        x = add_chain(graph, x, op.shortcut, arrays, shape)
    axes = inner.shape or x.shape
    if axes is not None:
        inner, x = inner.channels_first(graph, axes), x.channels_first(graph, axes)
    return Tensor(graph.node("Add", inner.name, x.name), axes)


def _add_one(op: Layer, graph: Graph, x: Tensor, arrays: list[np.ndarray]) -> Tensor:
    if isinstance(op, WINDOWED):
        return add_windows(op, graph, x, arrays)
    if isinstance(op, Reshape) and op.channels_first:
        axes = graph.indices("channels", [-1, *op.shape])
        return Tensor(graph.node("Reshape", x.rows(graph).name, axes), op.shape)
    if x.shape is not None and isinstance(op, BY_CHANNEL):
        ones = (1,) * (len(x.shape) - 1)
        arrays = [array.reshape(-1, *ones) for array in arrays]
    else:
        x = x.rows(graph)
    return x._replace(name=add_op(op, graph, x.name, arrays))


@singledispatch
def add_op(op, graph: Graph, x: str, arrays: list[np.ndarray]) -> str:
    """Adds an op without its activation, and returns the name of its output."""
    raise TypeError(f"ONNX has no form of the op {FILE_NAMES[type(op)]} here")


@add_op.register
def _(op: Dense, graph: Graph, x: str, arrays) -> str:
    """In float64 a separate Add adds the biases: ONNX Runtime up to 1.17 fuses a Gemm with the
    activation after it, and has no float64 form of the fused operator. It drops the Add of a
    single 0, so such a layer is a sum of products. A MatMul would absorb adjacent factors as
    float32."""
    weights, biases = arrays
    if graph.dtype == np.float32 and x == graph.data and abs(biases).max() > FAR_BIAS:
        wide = graph.array("weights", weights, float), graph.array("biases", biases, float)
        return graph.cast(graph.node("Gemm", graph.cast(x, float), *wide), graph.dtype)
    if graph.dtype == np.float32:
        return graph.node(
            "Gemm", x, graph.array("weights", weights), graph.array("biases", biases)
        )
    if op.fan_out == 1 and not biases.any():
        products = graph.node("Mul", x, graph.array("weights", weights[:, 0]))
        return graph.node("ReduceSum", products, graph.indices("columns", [1]))
    product = graph.node("Gemm", x, graph.array("weights", weights))
    return graph.node("Add", product, graph.array("biases", biases))


@add_op.register
def _(op: Tied, graph: Graph, x: str, arrays) -> str:
    return graph.node("Gemm", x, graph.table, transB=1)


@add_op.register
def _(op: Gate, graph: Graph, x: str, arrays) -> str:
    return add_gate(op, graph, x)


@add_op.register
def _(op: Identity, graph: Graph, x: str, arrays) -> str:
    return x


@add_op.register
def _(op: Reshape, graph: Graph, x: str, arrays) -> str:
    """All ops have two axes: a sample of several rows is that many consecutive rows."""
    return graph.node("Reshape", x, graph.indices("rows", [-1, op.fan_out]))


@add_op.register
def _(op: PReLU, graph: Graph, x: str, arrays) -> str:
    return prelu(graph, x, graph.array("slopes", arrays[0]))


@add_op.register
def _(op: Scaling, graph: Graph, x: str, arrays) -> str:
    return _affine(graph, x, *arrays)


@add_op.register
def _(op: Parametric, graph: Graph, x: str, arrays) -> str:
    [shares] = arrays
    kept = graph.node("Mul", x, graph.array("kept", 1 - shares))
    activated = add_activation(graph, x, op.function)
    return graph.node("Add", kept, graph.node("Mul", activated, graph.array("shares", shares)))


@add_op.register
def _(op: Periodic, graph: Graph, x: str, arrays) -> str:
    return add_periodic(op, graph, x, arrays)


@add_op.register
def _(op: PiecewiseLinear, graph: Graph, x: str, arrays) -> str:
    return add_bins(op, graph, x, arrays)


@add_op.register
def _(op: LayerNorm, graph: Graph, x: str, arrays) -> str:
    """Uses simple operators, which all opsets have: LayerNormalization may compute the variance as
    a difference of large sums. Squares are products, because runtimes replace the pattern with a
    power by LayerNormalization."""
    if op.centered:
        x = graph.node("Sub", x, graph.mean(x))
    square = graph.mean(graph.node("Mul", x, x))
    spread = graph.node("Sqrt", graph.node("Add", square, graph.number(op.epsilon)))
    return _affine(graph, graph.node("Div", x, spread), *arrays)


@add_op.register
def _(op: BatchNorm, graph: Graph, x: str, arrays) -> str:
    """Subtracts the mean first: BatchNormalization subtracts it from products, which are large."""
    scale, shift, mean, variance = arrays
    factor = scale / np.sqrt(variance.astype(float) + op.epsilon)
    return _affine(graph, graph.node("Sub", x, graph.array("means", mean)), factor, shift)


@add_op.register
def _(op: Standardize, graph: Graph, x: str, arrays) -> str:
    mean, factor = arrays
    return _affine(graph, graph.node("Sub", x, graph.array("means", mean)), factor)


def _affine(graph: Graph, x: str, factor: np.ndarray, shift: np.ndarray | None = None) -> str:
    x = graph.node("Mul", x, graph.array("factors", factor))
    return x if shift is None else graph.node("Add", x, graph.array("shifts", shift))


@add_op.register
def _(op: Rescale, graph: Graph, x: str, arrays) -> str:
    before, factor, divisor, after, low, high = arrays
    for kind, values, neutral in (
        ("Add", before, 0), ("Mul", factor, 1), ("Div", divisor, 1), ("Add", after, 0)
    ):  # fmt: skip
        if np.any(values != neutral):
            x = _rounded(graph, kind, x, values)
    for kind, bounds, nothing in (("Max", low, -np.inf), ("Min", high, np.inf)):
        if np.any(bounds != nothing):
            x = graph.node(kind, x, graph.array("bounds", bounds))
    return x


def _rounded(graph: Graph, kind: str, x: str, values: np.ndarray) -> str:
    """Adds a step in float64, rounded to the graph's type.

    If the graph's type holds the constants exactly, a step in that type rounds to the same result:
    float64 has more than two digits beyond twice those of float32.
    """
    with np.errstate(over="ignore"):
        plain = np.array_equal(values.astype(graph.dtype), values)
    if plain:
        return graph.node(kind, x, graph.array("steps", values))
    wide = graph.node(kind, graph.cast(x, float), graph.array("steps", values, float))
    return graph.cast(wide, graph.dtype)


@add_op.register
def _(op: Embedding, graph: Graph, x: str, arrays) -> str:
    """Codes are the columns' values, rounded to the nearest integer (halves up) and clipped to the
    table; NaN becomes 0, because no row may make the whole call fail."""
    parts = []
    if op.plain:
        parts.append(graph.node("Gather", x, graph.indices("plain", op.plain), axis=1))
    for number, (column, table) in enumerate(zip(op.columns, arrays, strict=True)):
        with graph.place(f"table{number}"):
            values = graph.node("Gather", x, graph.indices("column", column), axis=1)
            codes = _codes(graph, values, len(table))
            parts.append(graph.node("Gather", graph.array("vectors", table), codes, axis=0))
    return graph.node("Concat", *parts, axis=1)


def _codes(graph: Graph, x: str, count: int) -> str:
    """Adds the conversion of values to codes below `count`; returns their name."""
    code = graph.node("Add", graph.cast(x, float), graph.number(0.5, float))
    zero, last = graph.number(0, float), graph.number(count - 1, float)
    code = graph.node("Where", graph.node("IsNaN", code), zero, code)
    return graph.cast(graph.node("Clip", code, zero, last), np.int64)


@add_op.register
def _(op: TokenEmbedding, graph: Graph, x: str, arrays) -> str:
    """Codes are converted as those of an `Embedding`."""
    [table] = arrays
    codes, graph.table = _codes(graph, x, op.categories), graph.array("vectors", table)
    vectors = graph.node("Gather", graph.table, codes, axis=0)
    return graph.node("Reshape", vectors, graph.indices("rows", [-1, op.size]))
