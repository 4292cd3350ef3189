"""ONNX Runtime on language models: windows of the context, and tied weights as one tensor."""

import numpy as np
import pytest
from cases.small_language_models import CODES, LISTS, fitted, model_of
from scipy.special import softmax

from fusednn import export_onnx

onnxruntime = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.peers


@pytest.mark.parametrize("name", LISTS)
def test_answers_are_those_of_the_model(name, tmp_path):
    model = fitted(model_of(name), CODES)
    proto = export_onnx(model, None)
    held = sum([*part.dims[:1]] == [9] and len(part.dims) == 2 for part in proto.graph.initializer)
    assert held == 1  # the table alone; an output layer of its own is (I, 9)
    (tmp_path / "model.onnx").write_bytes(proto.SerializeToString())
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    X = CODES[:48].reshape(4, 12)
    *_, found = session.run(None, {"X": X.astype(np.float32)})
    expected = softmax(model.predict_logits(X), axis=-1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
