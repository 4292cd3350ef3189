"""ONNX Runtime on tokens: samples of unequal lengths, more steps than those of the fit."""

import numpy as np
import pytest

from fusednn import NetworkClassifier, export_onnx, freeze
from fusednn.layers import GRU, BatchNorm, Conv1D, Flatten, GlobalMaxPool, TokenEmbedding

onnxruntime = pytest.importorskip("onnxruntime")
pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

RANDOM = np.random.RandomState(0)
LENGTHS = np.r_[1, 9, RANDOM.randint(1, 10, size=30)]
X = RANDOM.randint(1, 7, size=(32, 9)) * (np.arange(9) < LENGTHS[:, np.newaxis])
WORDS = TokenEmbedding(5, 7, padding=0)
LAYERS = {
    "states": ([WORDS, BatchNorm(), GRU(4, bidirectional=True)], X),
    "windows": (
        [WORDS, Conv1D(6, 3, "relu"), GRU(3, return_sequences=True), GlobalMaxPool()],
        X,
    ),
    "without padding": ([TokenEmbedding(5, 8), GRU(4)], X + 1),
    "fixed": ([TokenEmbedding(5, 8), Flatten()], X + 1),
}


@pytest.mark.parametrize("name", LAYERS)
def test_answers_are_those_of_the_predictor(name, tmp_path):
    layers, data = LAYERS[name]
    model = NetworkClassifier(layers, max_iter=3, random_state=0).fit(data, np.arange(32) % 3)
    export_onnx(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    longer = data if name == "fixed" else np.pad(data, ((0, 0), (0, 4)))
    for given in (data, data[:1], longer):
        if name == "without padding" and given is longer:
            given = np.hstack([data, data])
        *_, found = session.run(None, {"X": given.astype(model._network_dtype())})
        expected = freeze(model).predict_proba(given)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
