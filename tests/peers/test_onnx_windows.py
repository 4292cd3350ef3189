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
from fusednn.kernels.intrinsics.integers import DOT
from oracles.onnx_sessions import check_batches_in, check_values, run, session_of
from oracles.parity import fit_quietly

from fusednn import NetworkClassifier, freeze, layers, load
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


@pytest.mark.parametrize("weights", ["bfloat16", "int8"] if DOT else ["bfloat16"])
@pytest.mark.parametrize("name", ["every option", "transpose, every option"])
def test_rounded_weights(name, weights, tmp_path):
    predictor = Predictor(model_of(SINGLE[name], "float32"), weights=weights)
    X = rows_for(SINGLE[name], "float32")
    answers = run(session_of(predictor, tmp_path / "model.onnx"), X)
    check_values(answers["variable"], predictor.predict(X))


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


FLAT = layers.Flatten()
IMAGES = np.random.default_rng(0).normal(size=(60, 6, 4, 3))
FITTED = {
    "images": (
        [layers.Conv2D(5, 3, "relu"), layers.BatchNorm(), layers.MaxPool2D(2), FLAT],
        IMAGES,
    ),
    "images of one channel": (
        [layers.Conv2D(5, 3, "relu"), layers.GlobalAvgPool()],
        IMAGES[..., 0],
    ),
    "series": ([layers.Conv1D(5, 3, "relu", padding="causal"), FLAT], IMAGES[:, :, 0]),
    "only dense": ([layers.Dense(4, "tanh"), FLAT], IMAGES),
    "rows": (
        [layers.Reshape(6, 4, 3), layers.Conv2D(5, 3, "tanh"), FLAT],
        IMAGES.reshape(60, -1),
    ),
    "channels first": (
        [layers.Reshape(3, 6, 4, channels="first"), layers.Conv2D(5, 3), FLAT],
        np.moveaxis(IMAGES, -1, 1).reshape(60, -1),
    ),
    "channels first of X with axes": (
        [layers.Reshape(3, 6, 4, channels="first"), layers.Conv2D(5, 3), FLAT],
        np.moveaxis(IMAGES, -1, 1),
    ),
}


@DTYPES
@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize(("specs", "X"), FITTED.values(), ids=FITTED)
def test_inputs_have_the_axes_of_the_fit(specs, X, standardize, dtype, tmp_path):
    X, y = X.astype(dtype), np.arange(60) % 3
    model = NetworkClassifier(specs, max_iter=2, standardize=standardize, random_state=0)
    fit_quietly(model, X, y).save(tmp_path / "estimator")
    freeze(model).save(tmp_path / "predictor")
    expected = model.predict_proba(X)
    for way in (model, freeze(model), load(tmp_path / "estimator"), load(tmp_path / "predictor")):
        session = session_of(way, tmp_path / "model.onnx")
        assert session.get_inputs()[0].shape == ["N", *X.shape[1:]]
        for rows in (X, X[:1]):
            found = run(session, rows)["probabilities"]
            np.testing.assert_allclose(found, expected[: len(rows)], atol=2e-6)
        standard = onnx.reference.ReferenceEvaluator(str(tmp_path / "model.onnx"))
        _, found = standard.run(None, {"X": X[:9]})
        np.testing.assert_allclose(found, expected[:9], atol=2e-6)


def test_channels_that_are_first_stay_first(tmp_path):
    """They are transposed once, behind the convolutions; without these once too."""
    shape = (5, 4, 3)
    first, same = Reshape((3, 5, 4), channels_first=True), {"padding": ((1, 1), (1, 1))}
    conv = convolution(shape, 2, (3, 3), "relu", **same)
    for ops in (
        [first, conv, Reshape((40,)), Dense(40, 3)],
        [first, BatchNorm(3), PReLU(3), conv, Reshape((40,)), Dense(40, 3)],
        [first, Residual((convolution(shape, 3, (3, 3), **same),)), Reshape((60,)), Dense(60, 3)],
        [first, Dense(3, 2), Reshape((40,)), Dense(40, 3)],
    ):
        predictor, X = Predictor(model_of(ops, "float32")), rows_for(ops, "float32")
        answers = run(session_of(predictor, tmp_path / "model.onnx"), X)
        check_values(answers["variable"], predictor.predict(X))
        kinds = Counter(node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node)
        assert kinds["Transpose"] == 1
