"""What outputs mean as ONNX operators: labels and probabilities, or values."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from onnx import TensorProto, helper

from fusednn.serving.answers import shared_type
from fusednn.serving.model import BINARY, COLUMNS, MULTICLASS, MULTILABEL, VALUES, Head

from .onnx_graph import Graph

LABEL, PROBABILITIES, VARIABLE = "label", "probabilities", "variable"
LINKS = {"logistic": ("Sigmoid", {}), "softmax": ("Softmax", {"axis": 1}), "exp": ("Exp", {})}


class Output(NamedTuple):
    """An output of a graph: its name, type (as ONNX numbers them), and shape behind the rows."""

    name: str
    kind: int
    shape: tuple[int, ...]


def add_head(graph: Graph, logits: str, width: int, head: Head) -> list[Output]:
    """Adds what follows the logits (N, width), and says what it puts out.

    Raises
    ------
    TypeError
        If no tensor holds the classes.
    """
    number = helper.np_dtype_to_tensor_dtype(graph.dtype)
    if head.kind == VALUES:
        return [Output(VARIABLE, number, _add_values(graph, logits, width, head))]
    if head.kind == MULTILABEL:
        _add_link(graph, logits, head.link, PROBABILITIES)
        above = graph.node("Greater", PROBABILITIES, graph.number(0.5))
        graph.cast(above, np.int64, LABEL)
        label = Output(LABEL, TensorProto.INT64, (width,))
        return [label, Output(PROBABILITIES, number, (width,))]
    if head.kind == COLUMNS:
        return _add_columns(graph, logits, head, number)
    classes = tensor_of(head.classes[0])
    if head.kind == BINARY:
        position, width = _add_binary(graph, logits, head), 2
        classes = np.resize(classes, 2)  # one class is both, as in scikit-learn
    else:
        assert head.kind == MULTICLASS
        _add_link(graph, logits, head.link, PROBABILITIES)
        position = graph.node("ArgMax", PROBABILITIES, axis=1, keepdims=0)
    _add_label(graph, classes, position, LABEL)
    return [_label(classes, ()), Output(PROBABILITIES, number, (width,))]


def tensor_of(classes: np.ndarray) -> np.ndarray:
    """Classes as a tensor holds them: int64, bool, float32, float64, or object with strings.

    Raises
    ------
    TypeError
        If they are of another type, of mixed types, or integers above those of int64.
    """
    each = [one.item() if isinstance(one, np.generic) else one for one in classes.tolist()]
    for kind, dtype in ((str, object), (bool, bool), (int, np.int64)):
        if set(map(type, each)) == {kind}:
            try:
                return np.array(each, dtype)
            except OverflowError:
                break
    if classes.dtype in (np.float16, np.float32, np.float64):
        return classes.astype(np.promote_types(classes.dtype, np.float32))
    raise TypeError(
        "ONNX has labels of strings, booleans, floats, or integers of 64 bits, all of one type;"
        f" got classes {classes!r}."
    )


def _label(classes: np.ndarray, shape) -> Output:
    if classes.dtype == object:
        return Output(LABEL, TensorProto.STRING, shape)
    return Output(LABEL, helper.np_dtype_to_tensor_dtype(classes.dtype), shape)


def _add_link(graph: Graph, logits: str, link: str, output: str | None = None) -> str:
    if link == "identity":
        return logits if output is None else graph.node("Identity", logits, output=output)
    kind, attributes = LINKS[link]
    return graph.node(kind, logits, output=output, **attributes)


def _add_label(graph: Graph, classes: np.ndarray, position: str, output: str | None) -> str:
    """Classes by their numbers."""
    if classes.dtype == np.int64 and np.array_equal(classes, np.arange(len(classes))):
        return position if output is None else graph.node("Identity", position, output=output)
    table = graph.array("classes", classes, classes.dtype)
    return graph.node("Gather", table, position, axis=0, output=output)


def _add_binary(graph: Graph, logits: str, head: Head) -> str:
    """Both probabilities, and the number of the class (N,): 1 is what is above a half."""
    above = _add_link(graph, logits, head.link)
    below = graph.node("Sub", graph.number(1), above)
    graph.node("Concat", below, above, axis=1, output=PROBABILITIES)
    position = graph.cast(graph.node("Greater", above, graph.number(0.5)), np.int64)
    return graph.node("Squeeze", position, graph.indices("columns", [1]))


def _add_columns(graph: Graph, logits: str, head: Head, number: int) -> list[Output]:
    together = np.concatenate(head.classes, dtype=shared_type(head.classes), casting="unsafe")
    classes = tensor_of(together)  # they share a type, as in predict
    parts = [f"logits_{column}" for column in range(len(head.groups))]
    graph.nodes_of("Split", [logits, graph.indices("groups", head.groups)], parts, axis=1)
    labels, outputs = [], []
    first = 0
    for column, (part, count) in enumerate(zip(parts, head.groups, strict=True)):
        name = f"{PROBABILITIES}_{column}"
        outputs.append(Output(name, number, (count,)))
        _add_link(graph, part, head.link, name)
        position = graph.node("ArgMax", name, axis=1, keepdims=1)
        labels.append(_add_label(graph, classes[first : first + count], position, None))
        first += count
    graph.node("Concat", *labels, axis=1, output=LABEL)
    return [_label(classes, (len(labels),)), *outputs]


def _add_values(graph: Graph, logits: str, width: int, head: Head) -> tuple[int, ...]:
    """Values in the shape of `predict`, which has one column as a vector; returns the shape."""
    targets, count = width // head.per_target, head.per_target
    values = _add_link(graph, logits, head.link)
    if head.point is None:
        shape = (count,) if targets == 1 else (targets, count)
        if targets == 1:
            graph.node("Identity", values, output=VARIABLE)
        else:
            sizes = graph.indices("sizes", [-1, *shape])
            graph.node("Reshape", values, sizes, output=VARIABLE)
        return shape
    if width == 1:
        graph.node("Squeeze", values, graph.indices("columns", [1]), output=VARIABLE)
        return ()
    if count == 1:
        graph.node("Identity", values, output=VARIABLE)
        return (width,)
    columns = list(range(head.point, width, count))
    points = graph.indices("points", columns if targets > 1 else columns[0])
    graph.node("Gather", values, points, axis=1, output=VARIABLE)
    return (targets,) if targets > 1 else ()
