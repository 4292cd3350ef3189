"""Series step by step in ONNX Runtime, with states as inputs and outputs, beside the stream."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

# Without the peers the module ends above, so these imports cannot come first.
from cases.op_models import made
from cases.step_networks import CHANNELS, STEPPED, ops_of
from oracles.onnx_sessions import check_values

from fusednn import NetworkClassifier, NetworkRegressor, export_onnx, freeze
from fusednn.layers import LSTM, PositionalEncoding, TokenEmbedding, TransformerBlock
from fusednn.serving.model import VALUES, Head
from fusednn.serving.predictor import Predictor

pytestmark = pytest.mark.peers
SERIES, STEPS = 3, 9


def session_of(estimator, opset):
    proto = export_onnx(estimator, None, opset, stream=True)
    onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True, data_prop=True)
    return onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )


def before_the_first(states, series, dtype):
    """Zeros; axes with a name have no elements yet."""
    shapes = {
        one.name: [size if type(size) is int else 0 for size in one.shape[1:]] for one in states
    }
    return {name: np.zeros((series, *shape), dtype) for name, shape in shapes.items()}


@pytest.mark.parametrize("opset", [13, 21])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", STEPPED)
def test_steps_are_those_of_streams(name, dtype, opset):
    head = Head(VALUES, "identity")
    predictor = Predictor(made(ops_of(name, STEPS), head, dtype))
    session = session_of(predictor, opset)
    X = np.random.default_rng(1).normal(size=(SERIES, STEPS, CHANNELS)).astype(dtype)
    streams = [predictor.stream() for _ in X]
    given, *states = session.get_inputs()
    assert (given.name, given.shape) == ("X", ["N", CHANNELS])
    assert all(one.name.startswith("state_") for one in states)
    held = before_the_first(states, SERIES, dtype)
    names = [one.name for one in session.get_outputs()]
    for step in X.swapaxes(0, 1):
        answers = dict(zip(names, session.run(None, {"X": step, **held}), strict=True))
        want = [stream.step(x) for stream, x in zip(streams, step, strict=True)]
        check_values(answers["variable"], want)
        held = {state: answers[f"next_{state}"] for state in held}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("fitted", [1, 4])
def test_attention_slides(dtype, fitted):
    """Behind the fitted steps: caches keep the last ones, and shared and rotary heads too."""
    head = Head(VALUES, "identity")
    predictor = Predictor(made(ops_of("rotary attention", fitted), head, dtype))
    session = session_of(predictor, 17)
    X = np.random.default_rng(1).normal(size=(1, STEPS, CHANNELS)).astype(dtype)
    stream, (_, *states) = predictor.stream(), session.get_inputs()
    held = before_the_first(states, 1, dtype)
    for step in X.swapaxes(0, 1):
        answer, *left = session.run(None, {"X": step, **held})
        check_values(answer, [stream.step(step[0])])
        held = dict(zip(held, left, strict=True))
    assert {array.shape[2] for array in left} == {fitted}


def test_tokens_and_positions():
    """Codes as X (N, 1); a step behind the last position is an error of the runtime."""
    X = np.random.default_rng(0).integers(0, 7, size=(20, 5))
    layers = [TokenEmbedding(8, count=7), PositionalEncoding(), TransformerBlock(2, causal=True)]
    model = NetworkClassifier(layers, random_state=0).initialize(X, X)
    predictor, session = freeze(model), session_of(model, 17)
    stream, (given, *states) = predictor.stream(), session.get_inputs()
    assert given.shape == ["N", 1]
    held = before_the_first(states, 1, np.float32)
    names = [one.name for one in session.get_outputs()]
    for code in X[0]:
        feeds = {"X": np.array([[code]], np.float32), **held}
        answers = dict(zip(names, session.run(None, feeds), strict=True))
        check_values(answers["probabilities"], stream.predict_proba(code))
        held = {state: answers[f"next_{state}"] for state in held}
    with pytest.raises(Exception, match=r"out of (data )?bounds"):
        session.run(None, {"X": feeds["X"], **held})


def test_a_network_that_looks_ahead_is_refused():
    X = np.random.default_rng(0).normal(size=(20, 4, 2))
    model = NetworkRegressor([LSTM(2, bidirectional=True)], max_iter=1, random_state=0)
    with pytest.warns(UserWarning, match="iterations"):
        model.fit(X, X[:, 0, 0])
    with pytest.raises(ValueError, match="the network's LSTM goes from"):
        export_onnx(model, None, stream=True)
