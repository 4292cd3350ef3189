"""Series of any steps and of unequal lengths in ONNX Runtime: padding is found in X."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

# Without the peers the module ends above, so these imports cannot come first.
from cases.free_series import FREE
from oracles.onnx_sessions import check_values, session_of
from oracles.parity import fit_quietly

from fusednn import NetworkClassifier, NetworkRegressor
from fusednn.layers import GRU, LSTM, Conv1D, Dense, Reshape, TokenEmbedding
from fusednn.losses import Gaussian, Quantile

pytestmark = pytest.mark.peers
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
SMALL = {"max_iter": 2, "batch_size": 4, "random_state": 0}
RANDOM = np.random.default_rng(0)
STEPS, LENGTHS = 7, (7, 2, 1, 5, 4, 3, 6, 7)
SAMPLES = RANDOM.normal(size=(12, STEPS, 3))


def padded(X, lengths):
    X = X.copy()
    for row, length in zip(X, lengths, strict=True):
        row[length:] = np.nan
    return X


@DTYPES
@pytest.mark.parametrize("opset", [13, 21])
@pytest.mark.parametrize("layers", FREE.values(), ids=FREE)
def test_any_steps_and_unequal_lengths(layers, opset, dtype, tmp_path):
    X = SAMPLES.astype(dtype)
    model = fit_quietly(NetworkClassifier(layers, **SMALL), X, np.arange(12) % 3)
    session = session_of(model, tmp_path / "model.onnx", opset)
    assert session.get_inputs()[0].shape == ["N", "T", 3]
    for steps in (1, 4, STEPS, 12):
        rows = RANDOM.normal(size=(5, steps, 3)).astype(dtype)
        found = session.run(["probabilities"], {"X": rows})[0]
        check_values(found, model.predict_proba(rows))
    rows = X[: len(LENGTHS)]
    alone = [
        model.predict_proba(row[:length][np.newaxis])
        for row, length in zip(rows, LENGTHS, strict=True)
    ]
    for steps in (STEPS, 11):
        more = np.full((len(rows), steps - STEPS, 3), np.nan, dtype)
        given = np.concatenate([padded(rows, LENGTHS), more], axis=1)
        found = session.run(["probabilities"], {"X": given})[0]
        check_values(found, np.concatenate(alone))


EACH = {
    # layers, and the name of the axis of results
    "states": ([LSTM(4, return_sequences=True), Dense(3, "tanh")], "T"),
    "both ways": ([GRU(3, return_sequences=True, bidirectional=True)], "T"),
    "strides": ([Conv1D(4, 3, "relu", stride=2), GRU(3, return_sequences=True)], "T_out"),
}


def rows_of(name, steps):
    return -(-steps // 2) if name == "strides" else steps


@DTYPES
@pytest.mark.parametrize("opset", [13, 21])
@pytest.mark.parametrize("kind", ["classes", "values", "quantiles", "normal"])
@pytest.mark.parametrize("name", EACH)
@pytest.mark.thinned
def test_results_of_each_step(name, kind, opset, dtype, tmp_path):
    """Any number of steps; of padded series those of their own steps."""
    X, (layers, axis), rows = SAMPLES.astype(dtype), EACH[name], rows_of(name, STEPS)
    if kind == "classes":
        y = (np.arange(12)[:, np.newaxis] + np.arange(rows)) % 3
        model, output = fit_quietly(NetworkClassifier(layers, **SMALL), X, y), "probabilities"
    else:
        loss = {"quantiles": Quantile((0.1, 0.9)), "normal": Gaussian(1e-3)}
        y = RANDOM.normal(size=(12, rows, *[2] * (kind != "quantiles")))
        model = NetworkRegressor(layers, loss=loss.get(kind, "squared_error"), **SMALL)
        model, output = fit_quietly(model, X, y), "variable"
    session = session_of(model, tmp_path / "model.onnx", opset)
    assert session.get_inputs()[0].shape == ["N", "T", 3]
    assert all(one.shape[:2] == ["N", axis] for one in session.get_outputs())
    answer = model.predict_proba if kind == "classes" else model.predict
    for steps in (1, 4, STEPS, 12):
        rows = RANDOM.normal(size=(5, steps, 3)).astype(dtype)
        check_values(session.run([output], {"X": rows})[0], answer(rows))
    found = session.run([output], {"X": padded(X[: len(LENGTHS)], LENGTHS)})[0]
    for row, one, length in zip(X, found, LENGTHS, strict=False):
        alone = answer(row[:length][np.newaxis])[0]
        check_values(one[: rows_of(name, length)], alone)


def test_results_of_rows_and_of_tokens(tmp_path):
    """Rows before `Reshape` have the steps of the fit; tokens any number."""
    y = RANDOM.normal(size=(12, STEPS))
    layers = [Reshape(STEPS, 3), LSTM(4, return_sequences=True)]
    rows = SAMPLES.reshape(12, -1)
    model = fit_quietly(NetworkRegressor(layers, **SMALL), rows, y)
    session = session_of(model, tmp_path / "rows.onnx")
    assert session.get_outputs()[0].shape == ["N", STEPS]
    check_values(session.run(["variable"], {"X": rows})[0], model.predict(rows))
    tokens = RANDOM.integers(1, 9, size=(12, STEPS)).astype(np.float32)
    layers = [TokenEmbedding(3, 9, padding=0), LSTM(4, return_sequences=True)]
    model = fit_quietly(NetworkRegressor(layers, **SMALL), tokens, y)
    session = session_of(model, tmp_path / "tokens.onnx")
    for steps in (3, STEPS):
        found = session.run(["variable"], {"X": tokens[:, :steps]})[0]
        check_values(found, model.predict(tokens[:, :steps]))
