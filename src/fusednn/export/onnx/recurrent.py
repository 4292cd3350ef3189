"""Recurrences as ONNX operators.

In float32 they are ONNX's own. ONNX Runtime has no float64 forms of these: a Scan over the steps
takes their place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fusednn.graph.layers.recurrent import GATES, Recurrent

from .graph import Graph, helper, onnx
from .series_tensors import Steps, within

OPERATORS = {"tanh": "RNN", "relu": "RNN", "lstm": "LSTM", "gru": "GRU"}
ORDERS = {"tanh": [0], "relu": [0], "lstm": [0, 3, 1, 2], "gru": [1, 0, 2]}
"""ONNX's order of the columns: i o f c of an LSTM, z r h of a GRU."""


def add_recurrent(
    op: Recurrent, graph: Graph, x: str, arrays: Sequence[np.ndarray], steps: int | Steps
) -> str:
    """Adds a recurrence on rows (N steps, C); returns rows of its states, or of the last ones.

    `steps` is their number, or says the lengths of the samples, which end there; states behind
    are zeros.
    """
    each = len(arrays) // op.directions
    parts = [arrays[first : first + each] for first in range(0, len(arrays), each)]
    if graph.dtype == np.float32:
        return _own_operator(op, graph, x, parts, steps)
    directions = [
        _scanned(op, graph, x, part, steps, number == 1) for number, part in enumerate(parts)
    ]
    found = directions[0] if len(directions) == 1 else graph.node("Concat", *directions, axis=-1)
    return _rows(op, graph, found) if op.sequences else found


def _rows(op: Recurrent, graph: Graph, x: str) -> str:
    return graph.node("Reshape", x, graph.indices("rows", [-1, op.fan_out]))


def _by_step(graph: Graph, x: str, steps: int | Steps, width: int) -> str:
    """Rows (N steps, width) as (steps, N, width)."""
    if isinstance(steps, Steps):
        parts = graph.indices("samples", [-1]), steps.most, graph.indices("width", [width])
        axes = graph.node("Concat", *parts, axis=0)
    else:
        axes = graph.indices("axes", [-1, steps, width])
    x = graph.node("Reshape", x, axes)
    return graph.node("Transpose", x, perm=[1, 0, 2])


def _own_operator(op: Recurrent, graph: Graph, x: str, parts, steps: int | Steps) -> str:
    kind, inputs, attributes = own_operator(op, graph, parts)
    names = [graph.name(kind.lower()), graph.name("last")]
    outputs = [names[0], ""] if op.sequences else ["", names[1]]
    x = _by_step(graph, x, steps, op.fan_in)
    if isinstance(steps, Steps):
        inputs = [*inputs, graph.cast(steps.lengths, np.int32)]
    graph.nodes_of(kind, [x, *inputs], outputs, **attributes)
    if op.sequences:  # (steps, directions, N, H)
        return _rows(op, graph, graph.node("Transpose", names[0], perm=[2, 0, 1, 3]))
    return _rows(op, graph, graph.node("Transpose", names[1], perm=[1, 0, 2]))


def own_operator(op: Recurrent, graph: Graph, parts) -> tuple[str, list[str], dict[str, Any]]:
    """ONNX's own operator of a recurrence: its kind, its inputs behind X, its attributes."""
    weights, recurrent, biases = [], [], []
    for w, v, b, *inner in parts:
        hidden = np.zeros_like(b)
        if inner:
            hidden[2 * op.units :] = inner[0]
        weights.append(_ordered(op, w).T)
        recurrent.append(_ordered(op, v).T)
        biases.append(np.concatenate([_ordered(op, b), _ordered(op, hidden)]))
    attributes: dict[str, Any] = {"hidden_size": op.units}
    if op.both:
        attributes["direction"] = "bidirectional"
    if op.cell == "gru":
        attributes["linear_before_reset"] = 1
    if op.cell == "relu":
        attributes["activations"] = ["Relu"] * op.directions
    inputs = [
        graph.array("weights", np.stack(weights)),
        graph.array("recurrent_weights", np.stack(recurrent)),
        graph.array("biases", np.stack(biases)),
    ]
    return OPERATORS[op.cell], inputs, attributes


def _ordered(op: Recurrent, array: np.ndarray) -> np.ndarray:
    parts = np.split(array, GATES[op.cell], axis=-1)
    return np.concatenate([parts[number] for number in ORDERS[op.cell]], axis=-1)


def _scanned(
    op: Recurrent, graph: Graph, x: str, arrays, steps: int | Steps, reverse: bool
) -> str:
    """A direction: (N, H) the last states, or (N, steps, H) all of them."""
    w, v, b, *inner = arrays
    product = graph.node("Gemm", x, graph.array("weights", w))
    z = _by_step(graph, graph.node("Add", product, graph.array("biases", b)), steps, op.columns)
    samples = graph.node("Gather", graph.node("Shape", z), graph.indices("second", [1]), axis=0)
    shape = graph.node("Concat", samples, graph.indices("units", [op.units]), axis=0)
    start = graph.node("Expand", graph.number(0), shape)
    names = ["h", "c"] if op.cell == "lstm" else ["h"]
    body = Graph(graph.dtype, graph.opset)
    states, scanned = add_step(op, body, v, inner, "z", names), [z]
    if isinstance(steps, Steps):  # behind its end, or before it in reverse, a sample has no step
        mask = graph.node("Transpose", within(graph, steps), perm=[1, 0])
        scanned.append(graph.node("Unsqueeze", mask, graph.indices("axes", [2])))
        pairs = zip(states, names, strict=True)
        states = [body.node("Where", "is_real", state, old) for state, old in pairs]
    states = [
        body.node("Identity", state, output=f"{name}_after")
        for name, state in zip(names, states, strict=True)
    ]
    given = [_real(graph, name, ["N", op.units]) for name in names]
    given.append(_real(graph, "z", ["N", op.columns]))
    if len(scanned) > 1:
        given.append(helper.make_tensor_value_info("is_real", onnx.TensorProto.BOOL, ["N", 1]))
    gives = [_real(graph, name, ["N", op.units]) for name in states]
    if op.sequences:
        if len(scanned) > 1:
            body.node("Where", "is_real", states[0], body.array("zero", 0), output="state")
        else:
            body.node("Identity", states[0], output="state")
        gives.append(_real(graph, "state", ["N", op.units]))
    ends = [graph.name(f"{name}_last") for name in names]
    outputs = [*ends, graph.name("states")] if op.sequences else ends
    way = int(reverse)
    attributes = {"scan_output_directions": [way]} if op.sequences else {}
    graph.nodes_of(
        "Scan",
        [*[start] * len(names), *scanned],
        outputs,
        body=helper.make_graph(body.nodes, "step", given, gives, body.constants),
        num_scan_inputs=len(scanned),
        scan_input_directions=[way] * len(scanned),
        **attributes,
    )
    if op.sequences:
        return graph.node("Transpose", outputs[-1], perm=[1, 0, 2])
    return ends[0]


def _real(graph: Graph, name: str, shape):
    kind = helper.np_dtype_to_tensor_dtype(graph.dtype)
    return helper.make_tensor_value_info(name, kind, shape)


def add_step(op: Recurrent, body: Graph, v: np.ndarray, inner, z: str, states) -> list[str]:
    """The states after a step: from those before, h (N, H) and of an LSTM c, and z (N, G H)."""
    product = body.node("Gemm", states[0], body.array("recurrent_weights", v))
    if op.cell == "gru":
        return _gru_step(op, body, product, inner[0], z, states[0])
    total = body.node("Add", z, product)
    if op.cell != "lstm":
        return [body.node("Tanh" if op.cell == "tanh" else "Relu", total)]
    i, f, g, o = _split(op, body, total, 4)
    i, f, o = (body.node("Sigmoid", one) for one in (i, f, o))
    taken = body.node("Mul", i, body.node("Tanh", g))
    cell = body.node("Add", body.node("Mul", f, states[1]), taken)
    return [body.node("Mul", o, body.node("Tanh", cell)), cell]


def _gru_step(
    op: Recurrent, body: Graph, product: str, b: np.ndarray, x: str, h: str
) -> list[str]:
    z, s = _split(op, body, x, 3), _split(op, body, product, 3)
    r, u = (body.node("Sigmoid", body.node("Add", z[k], s[k])) for k in (0, 1))
    hidden = body.node("Add", s[2], body.array("recurrent_biases", b))
    n = body.node("Tanh", body.node("Add", z[2], body.node("Mul", r, hidden)))
    kept = body.node("Mul", u, body.node("Sub", h, n))
    return [body.node("Add", n, kept)]


def _split(op: Recurrent, body: Graph, x: str, count: int) -> list[str]:
    names = [body.name("part") for _ in range(count)]
    sizes = body.indices("sizes", [op.units] * count)
    return list(body.nodes_of("Split", [x, sizes], names, axis=1))
