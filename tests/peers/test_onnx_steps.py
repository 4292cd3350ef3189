"""Series step by step in ONNX Runtime, with states as inputs and outputs, beside the stream."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

# Without the peers the module ends above, so these imports cannot come first.
from cases.op_models import made
from cases.step_networks import CHANNELS, STEPPED, ops_of
from oracles.onnx_sessions import check_values

from fusednn import NetworkRegressor, export_onnx
from fusednn.layers import LSTM
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
    held = {one.name: np.zeros((SERIES, *one.shape[1:]), dtype) for one in states}
    names = [one.name for one in session.get_outputs()]
    for step in X.swapaxes(0, 1):
        answers = dict(zip(names, session.run(None, {"X": step, **held}), strict=True))
        want = [stream.step(x) for stream, x in zip(streams, step, strict=True)]
        check_values(answers["variable"], want)
        held = {state: answers[f"next_{state}"] for state in held}


def test_a_network_that_looks_ahead_is_refused():
    X = np.random.default_rng(0).normal(size=(20, 4, 2))
    model = NetworkRegressor([LSTM(2, bidirectional=True)], max_iter=1, random_state=0)
    with pytest.warns(UserWarning, match="iterations"):
        model.fit(X, X[:, 0, 0])
    with pytest.raises(ValueError, match="the network's LSTM goes from"):
        export_onnx(model, None, stream=True)
