"""Series of unequal lengths in C: each answer is that of the series alone, at its own steps."""

import numpy as np
import pytest
from cases.free_series import FREE
from oracles.parity import fit_quietly
from running.c_programs import (
    COMPILERS,
    FAST,
    SANITIZED,
    TOLERANCE,
    assert_close,
    needs_compiler,
    run_models,
)

from fusednn import CompiledPredictor, NetworkClassifier, NetworkRegressor, export_library, freeze
from fusednn.export.c.source import write_c
from fusednn.layers import GRU, Conv1D, GlobalAvgPool, Reshape

pytestmark = needs_compiler
SMALL = {"max_iter": 2, "batch_size": 4, "random_state": 0}
RANDOM = np.random.default_rng(0)
STEPS, LENGTHS = 7, (7, 7, 2, 1, 7, 5, 4, 3, 6, 7, 1, 7)
SAMPLES = RANDOM.normal(size=(12, STEPS, 3))


def padded(X, lengths):
    X = X.copy()
    for row, length in zip(X, lengths, strict=True):
        row[length:] = np.nan
    return X


def alone(model, X, lengths):
    pairs = zip(X, lengths, strict=True)
    return np.concatenate([model.predict_logits(row[np.newaxis, :end]) for row, end in pairs])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("way", [SANITIZED, FAST], ids=["sanitized", "optimised"])
def test_answers_of_each_series_alone(way, dtype, tmp_path):
    models, expected = {}, {}
    for number, layers in enumerate(FREE.values()):
        X, name = SAMPLES.astype(dtype), f"series{number}"
        model = fit_quietly(NetworkClassifier(layers, **SMALL), X, np.arange(12) % 3)
        rows = padded(X, LENGTHS).reshape(12, -1)
        models[name] = freeze(model).model(), rows
        expected[name] = alone(model, X, LENGTHS)
    turned = [Reshape(3, STEPS, channels="first"), Conv1D(3, 2), GlobalAvgPool()]
    X = SAMPLES.astype(dtype)
    model = fit_quietly(NetworkClassifier(turned[1:], **SMALL), X, np.arange(12) % 3)
    first = NetworkClassifier(turned, **SMALL).initialize(X.swapaxes(1, 2), np.arange(12) % 3)
    first.set_weights([[], *model.get_weights()])
    rows = padded(X, LENGTHS).swapaxes(1, 2).reshape(12, -1)
    models["turned"] = freeze(first).model(), rows
    expected["turned"] = alone(model, X, LENGTHS)
    found = run_models(tmp_path, models, COMPILERS[0], way)
    for name, answers in found.items():
        for each in answers:
            assert_close(each.logits, expected[name], TOLERANCE[dtype], name)


def test_library(tmp_path):
    model = NetworkRegressor([Conv1D(4, 3, padding="valid"), GRU(3)], **SMALL)
    fit_quietly(model, SAMPLES, SAMPLES[:, 0, 0])
    export_library(model, tmp_path / "series.so", native=False)
    predictor, ends = CompiledPredictor(tmp_path / "series.so"), (7, 3, 5)
    series = [row[:end] for row, end in zip(SAMPLES, ends, strict=False)]
    expected = np.concatenate([model.predict(row[np.newaxis]) for row in series])
    for X in (series, padded(SAMPLES[:3], ends), padded(SAMPLES[:3], ends).reshape(3, -1)):
        np.testing.assert_allclose(predictor.predict(X), expected, rtol=1e-12)
    np.testing.assert_allclose(predictor.predict(SAMPLES[:3, :4]), model.predict(SAMPLES[:3, :4]))
    odd = padded(SAMPLES[:2], (7, 5))
    odd[1, 3] = np.nan
    with pytest.raises(ValueError, match=r"X\[1\] has NaN at step 3: only the last steps"):
        predictor.predict(odd)
    with pytest.raises(ValueError, match="X has series of length 2, but the library takes 3 to 7"):
        predictor.predict(padded(SAMPLES[:2], (7, 2)))
    with pytest.raises(ValueError, match="X has series of length 9, but the library takes 3 to 7"):
        predictor.predict(np.zeros((2, 9, 3)))


def test_macros(tmp_path):
    model = NetworkRegressor([Conv1D(4, 3, padding="valid"), GRU(3)], **SMALL)
    fit_quietly(model, SAMPLES, SAMPLES[:, 0, 0])
    write_c(freeze(model).model(), tmp_path / "net.c", "net")
    text = (tmp_path / "net.c").read_text()
    assert "#define NET_T 7\n#define NET_LEAST_T 3\n" in text
