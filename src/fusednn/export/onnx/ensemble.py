"""An ensemble as an ONNX model: raw columns in, labels and probabilities or values out."""

from __future__ import annotations

import json

import numpy as np

from fusednn.serving.ensembles.ensemble import Ensemble, check_weights, fitting_member
from fusednn.serving.ensembles.targets import Classes, Quantities
from fusednn.serving.model import BINARY

from .graph import Graph, helper, onnx
from .heads import (
    LABEL,
    PROBABILITIES,
    VARIABLE,
    Output,
    add_label,
    add_link,
    label_output,
    tensor_of,
)
from .layers import add_layers
from .model import checked_opset, made_model
from .preparation import ML, ML_VERSION, add_preparation, column_inputs

OUTPUTS = LABEL, PROBABILITIES, VARIABLE


def onnx_ensemble(ensemble: Ensemble, opset: int) -> onnx.ModelProto:
    """Builds a model with an input (N, 1) for each column of the training table.

    Columns of numbers and of booleans are float64, NaN where missing; texts are strings, empty
    where missing; dates are int64, microseconds since 1970, the least one where missing.

    Parameters
    ----------
    ensemble : Ensemble
    opset : int
        See `onnx_model`.

    Returns
    -------
    ModelProto
        Checked by `onnx.checker`, including shapes and types.

    Raises
    ------
    TypeError, ValueError
        See `onnx_model`.
    """
    opsets = [
        helper.make_opsetid("", checked_opset(opset)),
        helper.make_opsetid(ML, ML_VERSION),
    ]
    preparation, members, target = ensemble[:3]
    check_weights([member.weight for member in members])
    graph = Graph(np.dtype(members[0].model.dtype), opset)
    inputs = column_inputs(preparation, OUTPUTS)
    for name in (*OUTPUTS, *(one.name for one in inputs)):
        graph.reserve(name)
    with graph.place("table"):
        x = add_preparation(graph, preparation, inputs)
    weighted = []
    for number, (model, weight) in enumerate(members):
        model = fitting_member(model, preparation, target, f"members[{number}]")
        with graph.place(f"member{number}"):
            graph.data = x
            z = add_layers(graph, x, model.ops, iter(model.arrays))
            y = add_link(graph, z, model.head.link)
            if model.head.kind == BINARY:
                y = graph.node("Concat", graph.node("Sub", graph.number(1), y), y, axis=-1)
            y = graph.cast(y, float)
            weighted.append(graph.node("Mul", y, graph.number(weight, float)))
    with graph.place("head"):
        total = weighted[0]
        for one in weighted[1:]:  # in this order, so sums have the bits of Python's
            total = graph.node("Add", total, one)
        if isinstance(target, Classes):
            outputs = _add_classes(graph, total, target)
        else:
            outputs = _add_quantities(graph, total, target)
    names = ", ".join(output.name for output in outputs)
    description = f"A fitted {ensemble.name} of fusednn: {names} of the rows of a table."
    properties = {"estimator": ensemble.name, "columns": json.dumps(preparation.columns)}
    return made_model(graph, ensemble.name, opsets, inputs, outputs, description, properties)


def _add_classes(graph: Graph, total: str, target: Classes) -> list[Output]:
    """Adds probabilities from the weighted sums, and the most probable labels."""
    all_of_row = graph.node("ReduceSum", total, graph.indices("axes", [1]), keepdims=1)
    graph.node("Div", total, all_of_row, output=PROBABILITIES)
    position = graph.node("ArgMax", PROBABILITIES, axis=1, keepdims=0)
    classes = tensor_of(target.labels)
    add_label(graph, classes, position, LABEL)
    count = len(target.labels)
    return [label_output(classes, ()), Output(PROBABILITIES, onnx.TensorProto.DOUBLE, (count,))]


def _add_quantities(graph: Graph, total: str, target: Quantities) -> list[Output]:
    """Adds values in the targets' units from the weighted sums."""
    factors, means, least, most = (
        graph.array(name, np.repeat(getattr(target, name), target.each)[np.newaxis], float)
        for name in ("factors", "means", "least", "most")
    )
    values = graph.node("Add", graph.node("Mul", total, factors), means)
    values = graph.node("Min", graph.node("Max", values, least), most)
    shape: tuple[int, ...] = () if target.is_flat else (len(target.means),)
    if target.quantiles:
        each = graph.node("Reshape", values, graph.indices("targets", [-1, target.each]))
        names = [graph.name("sorted"), graph.name("places")]
        count = graph.indices("count", [target.each])
        values = graph.nodes_of("TopK", [each, count], names, axis=1, largest=0, sorted=1)[0]
        shape = (*shape, target.each)
    graph.node("Reshape", values, graph.indices("shape", [-1, *shape]), output=VARIABLE)
    return [Output(VARIABLE, onnx.TensorProto.DOUBLE, shape)]
