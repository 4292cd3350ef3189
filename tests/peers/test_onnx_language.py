"""ONNX Runtime on language models: windows of any length, single steps, and tied weights."""

import numpy as np
import pytest

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

# Without the peers the module ends above, so these imports cannot come first.
from cases.small_language_models import CODES, LISTS, fitted, model_of
from oracles.onnx_sessions import check_values, session_of
from scipy.special import softmax

from fusednn import LanguageModel, export_onnx, freeze
from fusednn.layers import PositionalEncoding, TokenEmbedding, TransformerBlock

pytestmark = pytest.mark.peers
NAMES = pytest.mark.parametrize("name", LISTS)
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


@DTYPES
@pytest.mark.parametrize("opset", [13, 21])
@NAMES
def test_windows_of_any_length(name, opset, dtype, tmp_path):
    """Up to the context, and behind it as the model itself answers there."""
    model = fitted(model_of(name, dtype=dtype), CODES)
    session = session_of(model, tmp_path / "model.onnx", opset)
    assert session.get_inputs()[0].shape == ["N", "T"]
    assert [one.shape for one in session.get_outputs()] == [["N", "T"], ["N", "T", 9]]
    for steps in (1, 2, 7, 12, 20):
        X = CODES[: 4 * steps].reshape(4, steps)
        labels, found = session.run(None, {"X": X.astype(dtype)})
        logits = model.predict_logits(X)
        check_values(found, softmax(logits, axis=-1))
        np.testing.assert_array_equal(labels, logits.argmax(axis=-1))


def test_a_table_of_positions_has_an_end(tmp_path):
    layers = [TokenEmbedding(8), PositionalEncoding(), TransformerBlock(2, causal=True)]
    model = LanguageModel(layers, 8, random_state=0).initialize(CODES)
    session = session_of(model, tmp_path / "model.onnx")
    for steps in (1, 5, 8):
        X = CODES[: 3 * steps].reshape(3, steps)
        found = session.run(None, {"X": X.astype(np.float32)})[1]
        check_values(found, softmax(model.predict_logits(X), axis=-1))
    with pytest.raises(Exception, match=r"out of (data )?bounds"):
        session.run(None, {"X": np.zeros((1, 9), np.float32)})


@NAMES
def test_the_table_is_one_tensor(name):
    proto = export_onnx(fitted(model_of(name), CODES), None)
    held = sum([*part.dims[:1]] == [9] and len(part.dims) == 2 for part in proto.graph.initializer)
    assert held == 1  # the table alone; an output layer of its own is (I, 9)


@pytest.mark.parametrize("weights", [None, "bfloat16"])
@NAMES
def test_generation_by_single_steps(name, weights):
    """Behind the context too; the states begin as zeros, and caches are empty."""
    model = fitted(model_of(name, max_iter=1), CODES)
    predictor = freeze(model, weights=weights)
    proto = export_onnx(predictor, None, stream=True)
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    given, *states = session.get_inputs()
    assert given.shape == ["N", 1]
    held = {
        one.name: np.zeros(
            (1, *(size if isinstance(size, int) else 0 for size in one.shape[1:])), np.float32
        )
        for one in states
    }
    names, stream = [one.name for one in session.get_outputs()], predictor.stream()
    for code in CODES[:20]:
        feeds = {"X": np.array([[code]], np.float32), **held}
        answers = dict(zip(names, session.run(None, feeds), strict=True))
        check_values(answers["probabilities"], stream.predict_proba(code))
        held = {state: answers[f"next_{state}"] for state in held}
