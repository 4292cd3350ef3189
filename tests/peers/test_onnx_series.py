"""Series of any steps and of unequal lengths in ONNX Runtime: padding is found in X."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

# Without the peers the module ends above, so these imports cannot come first.
from cases.free_series import FREE
from oracles.onnx_sessions import check_values, session_of
from oracles.parity import fit_quietly

from fusednn import NetworkClassifier

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
