"""From logits to answers as ONNX operators: labels and probabilities, or values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from onnx import TensorProto, helper

from fusednn.serving.labels_and_values import shared_type
from fusednn.serving.model import BINARY, COLUMNS, MULTICLASS, MULTILABEL, VALUES, Head
from fusednn.tables.preparing.raw_types import is_whole

from .graph import Graph

LABEL, PROBABILITIES = "label", "probabilities"
VARIABLE, STD = "variable", "std"
LINKS = {"logistic": ("Sigmoid", {}), "softmax": ("Softmax", {"axis": -1}), "exp": ("Exp", {})}


class Output(NamedTuple):
    """An output of a graph: its name, ONNX's number of its type, and its shape without rows."""

    name: str
    kind: int
    shape: tuple[int | str, ...]


def add_head(
    graph: Graph,
    logits: str,
    width: int,
    head: Head,
    axes: tuple[int | str, ...] = (),
    sizes: Sequence[str] = (),
) -> list[Output]:
    """Adds the operators that follow the logits, and returns the graph's outputs.

    The logits are (N, width), or (N * rows, width) of samples of several rows, to which axes are
    given again: `sizes` are tensors of these, and `axes` their sizes or names.

    Raises
    ------
    TypeError
        If no tensor can hold the classes.
    """
    number = helper.np_dtype_to_tensor_dtype(graph.dtype)
    if axes:
        logits = _with_sizes(graph, logits, [-1], sizes, [width])
    outputs = _add_outputs(graph, logits, width, head, number, sizes)
    return [output._replace(shape=(*axes, *output.shape)) for output in outputs]


def _add_outputs(
    graph: Graph, logits: str, width: int, head: Head, number: int, sizes: Sequence[str]
) -> list[Output]:
    """Adds the operators; the shapes of the outputs are those of a row."""
    if head.kind == VALUES:
        return _add_values(graph, logits, width, head, number, sizes)
    if head.kind == MULTILABEL:
        add_link(graph, logits, head.link, PROBABILITIES)
        above = graph.node("Greater", PROBABILITIES, graph.number(0.5))
        graph.cast(above, np.int64, LABEL)
        label = Output(LABEL, TensorProto.INT64, (width,))
        return [label, Output(PROBABILITIES, number, (width,))]
    if head.kind == COLUMNS:
        return _add_columns(graph, logits, head, number)
    classes = tensor_of(head.classes[0])
    if head.kind == BINARY:
        position, width = _add_binary(graph, logits, head), 2
        classes = np.resize(classes, 2)  # a single class fills both columns, as in scikit-learn
    else:
        assert head.kind == MULTICLASS
        add_link(graph, logits, head.link, PROBABILITIES)
        position = graph.node("ArgMax", PROBABILITIES, axis=-1, keepdims=0)
    add_label(graph, classes, position, LABEL)
    return [label_output(classes, ()), Output(PROBABILITIES, number, (width,))]


def _with_sizes(
    graph: Graph, x: str, before: list[int], sizes: Sequence[str], after: list[int], output=None
) -> str:
    """Gives axes to x: known ones, and between them those of tensors."""
    first, last = graph.indices("before", before), graph.indices("after", after)
    shape = graph.node("Concat", first, *sizes, last, axis=0)
    return graph.node("Reshape", x, shape, output=output)


def tensor_of(classes: np.ndarray) -> np.ndarray:
    """Converts classes to a type of tensors: int64, bool, float32, float64, or object of strings.

    Raises
    ------
    TypeError
        If they have another type or mixed types, or exceed int64.
    ValueError
        If one has half of a surrogate pair.
    """
    each = [one.item() if isinstance(one, np.generic) else one for one in classes.tolist()]
    halved = [one for one in each if isinstance(one, str) and not is_whole(one)]
    if halved:
        raise ValueError(
            f"y has the label {halved[0]!r} with half of a surrogate pair, which ONNX's strings"
            " cannot hold: fit with another label in its place."
        )
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


def label_output(classes: np.ndarray, shape) -> Output:
    if classes.dtype == object:
        return Output(LABEL, TensorProto.STRING, shape)
    return Output(LABEL, helper.np_dtype_to_tensor_dtype(classes.dtype), shape)


def add_link(graph: Graph, logits: str, link: str, output: str | None = None) -> str:
    if link == "identity":
        return logits if output is None else graph.node("Identity", logits, output=output)
    kind, attributes = LINKS[link]
    return graph.node(kind, logits, output=output, **attributes)


def add_label(graph: Graph, classes: np.ndarray, position: str, output: str | None) -> str:
    """Adds the lookup of classes by their numbers."""
    if classes.dtype == np.int64 and np.array_equal(classes, np.arange(len(classes))):
        return position if output is None else graph.node("Identity", position, output=output)
    table = graph.array("classes", classes, classes.dtype)
    return graph.node("Gather", table, position, axis=0, output=output)


def _add_binary(graph: Graph, logits: str, head: Head) -> str:
    """Adds both probabilities; returns class numbers: 1 if the second is above 0.5."""
    above = add_link(graph, logits, head.link)
    below = graph.node("Sub", graph.number(1), above)
    graph.node("Concat", below, above, axis=-1, output=PROBABILITIES)
    position = graph.cast(graph.node("Greater", above, graph.number(0.5)), np.int64)
    return graph.node("Squeeze", position, graph.indices("columns", [-1]))


def _add_columns(graph: Graph, logits: str, head: Head, number: int) -> list[Output]:
    together = np.concatenate(head.classes, dtype=shared_type(head.classes), casting="unsafe")
    classes = tensor_of(together)  # all columns share a type, as in predict
    parts = [f"logits_{column}" for column in range(len(head.groups))]
    graph.nodes_of("Split", [logits, graph.indices("groups", head.groups)], parts, axis=1)
    labels, outputs = [], []
    first = 0
    for column, (part, count) in enumerate(zip(parts, head.groups, strict=True)):
        name = f"{PROBABILITIES}_{column}"
        outputs.append(Output(name, number, (count,)))
        add_link(graph, part, head.link, name)
        position = graph.node("ArgMax", name, axis=1, keepdims=1)
        labels.append(add_label(graph, classes[first : first + count], position, None))
        first += count
    graph.node("Concat", *labels, axis=1, output=LABEL)
    return [label_output(classes, (len(labels),)), *outputs]


def _add_values(
    graph: Graph, logits: str, width: int, head: Head, number: int, sizes: Sequence[str]
) -> list[Output]:
    """Adds values in the shape of `predict`, and standard deviations if there are any."""
    targets, count = width // head.per_target, head.per_target
    values = add_link(graph, logits, head.link)
    if head.point is None:
        values = _INVERSES[head.inverse](graph, values)
        if targets == 1:
            graph.node("Identity", values, output=VARIABLE)
            return [Output(VARIABLE, number, (count,))]
        _with_sizes(graph, values, [-1], sizes, [targets, count], VARIABLE)
        return [Output(VARIABLE, number, (targets, count))]
    shape: tuple[int, ...] = (targets,) if targets > 1 or head.column else ()
    points = _columns_of(graph, values, head.point, width, count)
    _add_shaped(graph, _INVERSES[head.inverse](graph, points), shape, VARIABLE)
    outputs = [Output(VARIABLE, number, shape)]
    if head.least and head.inverse == "identity":
        logs = _columns_of(graph, values, 1, width, count)
        logs = graph.node("Max", logs, graph.array("least", head.least))
        std = graph.node("Exp", graph.node("Mul", logs, graph.number(0.5)))
        _add_shaped(graph, std, shape, STD)
        outputs.append(Output(STD, number, shape))
    return outputs


def _columns_of(graph: Graph, x: str, first: int, width: int, step: int) -> str:
    """Every `step`-th column, beginning at `first`."""
    if step == 1:
        return x
    return graph.node("Gather", x, graph.indices("points", range(first, width, step)), axis=-1)


def _add_shaped(graph: Graph, values: str, shape: tuple[int, ...], output: str) -> None:
    """Names a column `output`; removes its last axis if `shape` is empty."""
    if shape:
        graph.node("Identity", values, output=output)
    else:
        graph.node("Squeeze", values, graph.indices("columns", [-1]), output=output)


def _expm1(graph: Graph, x: str) -> str:
    """exp(x) - 1; near 0, where it would lose digits, 2 t / (1 - t) with t = tanh(x / 2)."""
    half, one = graph.number(0.5), graph.number(1)
    near = graph.node("Less", graph.node("Abs", x), half)
    t = graph.node("Tanh", graph.node("Mul", graph.node("Clip", x, graph.number(-1), one), half))
    small = graph.node("Div", graph.node("Add", t, t), graph.node("Sub", one, t))
    return graph.node("Where", near, small, graph.node("Sub", graph.node("Exp", x), one))


_INVERSES: dict[str, Callable[[Graph, str], str]] = {
    "identity": lambda graph, x: x,
    "exp": lambda graph, x: graph.node("Exp", x),
    "expm1": _expm1,
    "square": lambda graph, x: graph.node("Mul", x, x),
}
"""The form of each of `serving.labels_and_values.INVERSES`."""
