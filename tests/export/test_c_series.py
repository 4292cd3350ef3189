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
    assert_answers,
    assert_close,
    needs_compiler,
    run_models,
)

from fusednn import CompiledPredictor, NetworkClassifier, NetworkRegressor, export_library, freeze
from fusednn.export.c.source import write_c
from fusednn.layers import (
    GRU,
    LSTM,
    BatchNorm,
    Conv1D,
    GlobalAvgPool,
    MaxPool1D,
    Reshape,
    TokenEmbedding,
)
from fusednn.losses import Gaussian

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


@pytest.mark.parametrize(
    ("way", "dtype"),
    [
        pytest.param(SANITIZED, "float32", id="sanitized-float32"),
        *(
            pytest.param(way, dtype, id=f"{name}-{dtype}", marks=pytest.mark.long)
            for name, way, dtype in (
                ("sanitized", SANITIZED, "float64"),
                ("optimised", FAST, "float32"),
                ("optimised", FAST, "float64"),
            )
        ),
    ],
)
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


EACH = {
    # layers, and a sample's rows of results
    "states": ([LSTM(4, return_sequences=True)], 7),
    "strides": ([Conv1D(4, 3, "relu", stride=2), BatchNorm(), GRU(3, return_sequences=True)], 4),
    "pools": (
        [GRU(3, bidirectional=True, return_sequences=True), MaxPool1D(2, ceil_mode=True)],
        4,
    ),
}


def of_each(layers, rows, kind, X):
    """Fitted to targets of each row of results."""
    if kind == "classes":
        y = (np.arange(12)[:, np.newaxis] + np.arange(rows)) % 3
        return fit_quietly(NetworkClassifier(layers, **SMALL), X, y)
    loss = Gaussian(1e-3) if kind == "normal" else "squared_error"
    y = RANDOM.normal(size=(12, rows, 2))
    return fit_quietly(NetworkRegressor(layers, loss=loss, **SMALL), X, y)


@pytest.mark.thinned
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("way", [SANITIZED, FAST], ids=["sanitized", "optimised"])
def test_answers_of_each_step(way, dtype, tmp_path):
    """Those of the predictor, with zeros and first classes behind a series' end."""
    models = {}
    X = SAMPLES.astype(dtype)
    for name, (layers, rows) in EACH.items():
        for kind in ("classes", "values", "normal"):
            model = of_each(layers, rows, kind, X)
            models[f"{name}_{kind}"] = freeze(model).model(), padded(X, LENGTHS).reshape(12, -1)
    tokens = RANDOM.integers(1, 9, size=(12, STEPS)).astype(dtype)
    layers = [TokenEmbedding(3, 9, padding=0), *EACH["states"][0]]
    model = of_each(layers, STEPS, "classes", tokens)
    ends = np.arange(STEPS) >= np.array(LENGTHS)[:, np.newaxis]
    models["tokens"] = freeze(model).model(), np.where(ends, 0, tokens)
    assert_answers(models, run_models(tmp_path, models, COMPILERS[0], way), dtype)


def test_library_of_each_step(tmp_path):
    model = of_each(*EACH["strides"], "classes", SAMPLES)
    export_library(model, tmp_path / "steps.so", native=False)
    predictor = CompiledPredictor(tmp_path / "steps.so")
    for X in (SAMPLES, SAMPLES[:, :4], padded(SAMPLES, LENGTHS), [SAMPLES[0, :3], SAMPLES[1, :6]]):
        expected = model.predict_proba(X)
        found = predictor.predict_proba(X)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        np.testing.assert_array_equal(predictor.predict(X), model.predict(X))
    out = np.empty((12, 4, 3))
    assert predictor.predict_proba(SAMPLES, out=out) is out
    np.testing.assert_allclose(out, model.predict_proba(SAMPLES), rtol=1e-12)


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
