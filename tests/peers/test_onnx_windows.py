"""Convolutions and pools in ONNX Runtime, over random sizes."""

from collections import Counter

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
torch = pytest.importorskip("torch")

# Without the peers the module ends above, so these imports cannot come first.
from cases.window_networks import (
    convolution,
    grouped_ops,
    model_of,
    parameters_of,
    pool,
    random_ops,
    rows_for,
    single_ops,
    transposes,
)
from oracles.onnx_sessions import check_batches_in, check_values, run, session_of

from fusednn.export.onnx.graph import Graph
from fusednn.export.onnx.windows import Tensor, add_windows
from fusednn.graph.layers.batch_norm import BatchNorm
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.prelu import PReLU
from fusednn.graph.layers.reshape import Reshape
from fusednn.graph.layers.residual import Residual
from fusednn.serving.predictor import Predictor

pytestmark = pytest.mark.peers
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
SINGLE, GROUPED = single_ops(), grouped_ops()
GROUPED_TRANSPOSES = {name for name, op in transposes().items() if op.groups > 1}


@DTYPES
@pytest.mark.parametrize("opset", [13, 18])
@pytest.mark.parametrize("name", SINGLE)
def test_each_option(name, opset, dtype, tmp_path):
    """In ONNX Runtime and in the standard's reference.

    The reference of onnx 1.23 takes the weights of transposed convolutions in groups as if each
    group had one channel and one filter, and adds the biases of the first group to all: there
    ONNX Runtime answers alone.
    """
    predictor, X = Predictor(model_of(SINGLE[name], dtype)), rows_for(SINGLE[name], dtype)
    if name in GROUPED_TRANSPOSES:
        answers = run(session_of(predictor, tmp_path / "model.onnx", opset), X)
        check_values(answers["variable"], predictor.predict(X))
        return

    def check(answers, rows):
        check_values(answers["variable"], predictor.predict(rows))

    check_batches_in(opset, predictor, X, tmp_path / "model.onnx", check)


@DTYPES
@pytest.mark.parametrize("seed", range(60))
def test_random_networks(seed, dtype, tmp_path):
    ops = random_ops(seed)
    predictor, X = Predictor(model_of(ops, dtype)), rows_for(ops, dtype)
    answers = run(session_of(predictor, tmp_path / "model.onnx"), X)
    check_values(answers["variable"], predictor.predict(X))


def test_samples_are_transposed_once_where_convolutions_begin_and_end(tmp_path):
    shape, pads = (6, 6, 8), ((1, 1), (1, 1))
    same = convolution(shape, 8, (3, 3), "relu", padding=pads)
    inner = same, BatchNorm(8), convolution(shape, 8, (3, 3), padding=pads)
    ops = [
        *(Reshape(shape), same, PReLU(8), Residual(inner), pool(shape, (2, 2), True)),
        *(BatchNorm(8), Reshape((72,)), Dense(72, 3)),
    ]
    session_of(Predictor(model_of(ops, "float32")), tmp_path / "model.onnx")
    nodes = onnx.load(tmp_path / "model.onnx").graph.node
    kinds = Counter(node.op_type for node in nodes)
    assert kinds["Transpose"] == 2
    assert kinds["Conv"] == 3


@DTYPES
@pytest.mark.parametrize("name", GROUPED)
def test_groups_are_pytorchs(name, dtype):
    op, rng = GROUPED[name], np.random.default_rng(3)
    w, b = parameters_of([op], dtype)
    x = rng.normal(size=(4, *op.windows.sizes, op.fan_in)).astype(dtype)
    expected = convolved(x.astype(float), w.astype(float), b.astype(float), op)
    graph = Graph(dtype, 17)
    found = add_windows(op, graph, Tensor("X"), [w, b]).rows(graph).name
    kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    values = [
        onnx.helper.make_tensor_value_info(one, kind, ["N", width])
        for one, width in (("X", op.fan_in), (found, op.fan_out))
    ]
    proto = onnx.helper.make_model(
        onnx.helper.make_graph(graph.nodes, "g", values[:1], values[1:], graph.constants),
        opset_imports=[onnx.helper.make_opsetid("", 17)],
        ir_version=8,
    )
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    [answer] = session.run(None, {"X": x.reshape(-1, op.fan_in)})
    check_values(answer, expected.reshape(-1, op.fan_out).astype(dtype))


def convolved(x, w, b, op):
    """PyTorch's answer, with channels last."""
    windows, axes = op.windows, len(op.windows.sizes)
    function = (torch.nn.functional.conv1d, torch.nn.functional.conv2d)[axes - 1]
    pads = [count for pair in reversed(windows.padding) for count in pair]
    out = function(
        torch.nn.functional.pad(torch.tensor(x).movedim(-1, 1), pads),
        torch.tensor(w).permute(axes + 1, axes, *range(axes)),
        torch.tensor(b),
        windows.stride,
        dilation=windows.dilation,
        groups=op.groups,
    )
    return out.movedim(1, -1).numpy()
