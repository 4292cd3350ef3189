"""A fitted network as an ONNX model, for ONNX Runtime and other readers of the format."""

from __future__ import annotations

import json
from collections.abc import Sequence
from numbers import Integral

import numpy as np

import fusednn
from fusednn.graph.layers.token_embedding import TokenEmbedding
from fusednn.graph.time_axis import Series, free_series
from fusednn.serving.model import Model, ops_of_a_step, output_axes

from .graph import Graph, helper, onnx
from .heads import Output, add_head
from .layers import add_layers
from .series import add_series, read_tokens
from .series_tensors import read_series

LOWEST_OPSET = 13
"""From 2020. Operators of older opsets lack int64 or float64 forms, or have other inputs."""

INPUT, ROWS, STEPS, ENDS = "X", "N", "T", "T_out"


def onnx_model(model: Model, opset: int, stream: bool = False) -> onnx.ModelProto:
    """Builds a model with one input in the network's type, X (N, n_features) or (N, *axes), any N.

    Parameters
    ----------
    model : Model
    opset : int
        Version of the operators, at least LOWEST_OPSET. The model has the lowest IR version that
        allows it.
    stream : bool
        Whether X is one step of a series, (N, features of a step); states are inputs and outputs.

    Returns
    -------
    ModelProto
        Checked by `onnx.checker`, including shapes and types.

    Raises
    ------
    TypeError
        If an op, an activation, or the type of the classes has no form in ONNX.
    ValueError
        If the parameters exceed the 2 GiB of a model, or the opset is not supported, or a layer
        cannot be run step by step.
    """
    opsets = [helper.make_opsetid("", checked_opset(opset))]
    if stream:
        ops = ops_of_a_step(model.ops, model.columns)
        model = model._replace(ops=ops, axes=None)
    graph, network = Graph(model.dtype, opset), model.network
    x = INPUT
    if model.columns is not None:
        x = graph.node("Gather", x, graph.indices("columns", model.columns.chosen), axis=1)
    graph.data = x
    series = None if stream or model.columns else free_series(model.ops)
    axes: tuple[int | str, ...] = output_axes(model.ops)
    most = ""
    if series is None:
        logits = add_layers(graph, x, model.ops, iter(model.arrays))
    else:
        arrays = iter(model.arrays)
        with graph.place("series"):
            if isinstance(first := model.ops[0], TokenEmbedding):
                found = read_tokens(graph, x, first, next(arrays))
            else:
                found = read_series(graph, x, series, model.axes is not None)
        logits, most = add_series(graph, found, model.ops[1:], arrays, series.steps)
        if most and STEPS in _axes(model, series):
            axes = (STEPS if most == found.steps.most else ENDS,)
    with graph.place("head"):
        sizes = [most] if most else []
        if axes and not most:
            sizes = [graph.indices("axes", output_axes(model.ops))]
        outputs = add_head(graph, logits, network.outputs, model.head, axes, sizes)
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(model.dtype))
    properties = {"estimator": model.names[1]}
    if model.features is not None:
        properties["feature_names"] = json.dumps(model.features)
    inputs = [Output(INPUT, kind, _axes(model, series))]
    inputs += [Output(before, kind, shape) for before, _, shape, _ in graph.states]
    description = _description(model, outputs)
    outputs += [Output(after, kind, shape) for _, after, _, shape in graph.states]
    return made_model(graph, model.names[1], opsets, inputs, outputs, description, properties)


def made_model(
    graph: Graph,
    name: str,
    opsets: Sequence[onnx.OperatorSetIdProto],
    inputs: Sequence[Output],
    outputs: Sequence[Output],
    description: str,
    properties: dict[str, str],
) -> onnx.ModelProto:
    """The checked model of a graph, of an estimator of this name."""
    proto = helper.make_model(
        helper.make_graph(
            graph.nodes, name, list(map(_value, inputs)), list(map(_value, outputs)),
            graph.constants,
        ),
        opset_imports=opsets,
        ir_version=helper.find_min_ir_version_for(opsets),
        producer_name="fusednn",
        producer_version=fusednn.__version__,
        doc_string=description,
    )  # fmt: skip
    helper.set_model_props(proto, properties)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def _axes(model: Model, series: Series | None) -> tuple[int | str, ...]:
    """The axes of a sample of X; free steps have a name."""
    if series is not None and series.are_tokens:
        return (STEPS,)
    if model.axes is None:
        return (model.inputs,)
    if series is None or model.axes != series.axes(series.steps):
        return model.axes
    return tuple(STEPS if size is None else size for size in series.free_axes)


def checked_opset(opset) -> int:
    """The opset as an integer; raises ValueError if it is not supported."""
    newest = onnx.defs.onnx_opset_version()
    if not isinstance(opset, Integral) or not LOWEST_OPSET <= int(opset) <= newest:
        raise ValueError(
            f"opset must be an integer from {LOWEST_OPSET} to {newest}, the newest that the"
            f" installed onnx {onnx.__version__} knows; got {opset!r}."
        )
    return int(opset)


def _value(output: Output) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(output.name, output.kind, [ROWS, *output.shape])


def _description(model: Model, outputs: list[Output]) -> str:
    names = ", ".join(output.name for output in outputs)
    return f"A fitted {model.names[1]} of fusednn or scikit-learn: {names} of the rows of {INPUT}."
