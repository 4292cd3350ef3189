"""Recurrences in ONNX Runtime: ONNX's own operators in float32, a Scan in float64."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

# Without the peers the module ends above, so these imports cannot come first.
from cases.recurrent_layers import RECURRENT_LAYERS
from cases.saved_models import RECURRENCES
from oracles.onnx_sessions import check_values, run, session_of
from oracles.parity import fit_quietly

from fusednn import NetworkRegressor
from fusednn.layers import GRU, LSTM, RNN, Conv1D, GlobalMaxPool

pytestmark = pytest.mark.peers
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
NEWEST = 21
OWN = {"RNN", "LSTM", "GRU"}
RANDOM = np.random.RandomState(0)


def operators(path):
    return {node.op_type for node in onnx.load(path).graph.node}


@DTYPES
@pytest.mark.parametrize("opset", [13, NEWEST])
@pytest.mark.parametrize("name", RECURRENT_LAYERS)
def test_each_option(name, opset, dtype, tmp_path):
    X, y = RANDOM.normal(size=(30, 6)).astype(dtype), RANDOM.normal(size=30)
    model = NetworkRegressor(RECURRENT_LAYERS[name], max_iter=3, random_state=0)
    fit_quietly(model, X, y)
    session = session_of(model, tmp_path / "model.onnx", opset)
    for count in (1, 7, 30):
        check_values(run(session, X[:count])["variable"], model.predict(X[:count]))
    found = operators(tmp_path / "model.onnx")
    assert bool(found & OWN) == (dtype == "float32")
    assert ("Scan" in found) == (dtype == "float64")


@DTYPES
@pytest.mark.parametrize("layer", [LSTM(40), GRU(40), RNN(40), RNN(40, "relu")], ids=repr)
def test_many_steps(layer, dtype, tmp_path):
    """X has its axes."""
    X, y = RANDOM.normal(size=(12, 200, 3)).astype(dtype), RANDOM.normal(size=12)
    layers = [Conv1D(8, 3), layer]
    model = fit_quietly(NetworkRegressor(layers, max_iter=1, random_state=0), X, y)
    answers = run(session_of(model, tmp_path / "model.onnx"), X)
    check_values(answers["variable"], model.predict(X), {"float32": 1e-4, "float64": 1e-9}[dtype])


@DTYPES
def test_between_layers_with_channels_first(dtype, tmp_path):
    X, y = RANDOM.normal(size=(20, 5)).astype(dtype), RANDOM.normal(size=20)
    layers = [*RECURRENCES[:-1], Conv1D(4, 2, "tanh"), GlobalMaxPool()]
    model = fit_quietly(NetworkRegressor(layers, max_iter=1, random_state=0), X, y)
    answers = run(session_of(model, tmp_path / "model.onnx"), X)
    check_values(answers["variable"], model.predict(X))
