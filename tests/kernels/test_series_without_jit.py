"""Networks over series of unequal lengths and over tokens, with the JIT and without it.

The coverage of lines runs this file without the JIT: then all ops are plain Python.
"""

import numpy as np
import pytest
from fusednn.kernels.answer import WRONG_COLUMNS
from oracles.parity import fit_quietly
from running.nested_weights import flat

from fusednn import NetworkRegressor, freeze
from fusednn.layers import (
    GRU,
    LSTM,
    RNN,
    BatchNorm,
    Conv1D,
    Dense,
    GlobalAvgPool,
    MultiHeadAttention,
    PositionalEncoding,
    TokenEmbedding,
)

RANDOM = np.random.RandomState(0)
COUNTS = 5, 1, 3, 19, 2, 4
SERIES = [RANDOM.normal(size=(steps, 2)) for steps in COUNTS]
TARGETS = RANDOM.normal(size=len(COUNTS))
LISTS = {
    "both directions": [LSTM(3, return_sequences=True, bidirectional=True), GRU(3)],
    "RNN": [RNN(3, return_sequences=True), RNN(2, "relu", bidirectional=True)],
    "GRU, both directions": [GRU(2, bidirectional=True)],
    "attention": [
        Conv1D(20, 1),
        PositionalEncoding("rotary"),
        MultiHeadAttention(2, kv_heads=1),
        GlobalAvgPool(),
    ],
    "causal attention": [Conv1D(36, 1), MultiHeadAttention(2, causal=True), GlobalAvgPool()],
}
SMALL = {"max_iter": 1, "batch_size": 4, "random_state": 0, "alpha": 0.0, "dtype": "float64"}


@pytest.mark.parametrize("layers", LISTS.values(), ids=LISTS)
def test_gradients_and_answers_are_those_of_each_alone(layers):
    model = NetworkRegressor(layers, **SMALL).initialize(SERIES, TARGETS)
    loss, gradient = model.loss_and_gradient(SERIES, TARGETS)
    alone = [
        model.loss_and_gradient(series[np.newaxis], TARGETS[row : row + 1])
        for row, series in enumerate(SERIES)
    ]
    assert loss == pytest.approx(np.mean([one for one, _ in alone]), rel=1e-10)
    expected = np.mean([flat(one) for _, one in alone], axis=0)
    np.testing.assert_allclose(flat(gradient), expected, rtol=1e-9, atol=1e-12)
    answers = [model.predict(series[np.newaxis])[0] for series in SERIES]
    np.testing.assert_allclose(model.predict(SERIES), answers, rtol=1e-12)


@pytest.mark.parametrize(
    "layers",
    [
        [GRU(3, return_sequences=True)],
        [Dense(2, "tanh"), RNN(2, return_sequences=True)],
        [LSTM(17, return_sequences=True), Dense(18, "tanh")],
    ],
)
def test_windows_are_those_of_whole_series_without_targets_behind_the_ends(layers):
    steps = [min(one, 5) for one in COUNTS]
    whole = np.zeros((len(COUNTS), 5, 2))
    y = np.full(whole.shape[:2], np.nan)
    for row, t, one in zip(whole, y, SERIES, strict=True):
        row[: len(one)], t[: len(one)] = one[:5], one[:5, 0]
    options = {**SMALL, "window": 2, "shuffle": False, "max_iter": 2}
    filled = NetworkRegressor(layers, missing_targets="ignore", **options)
    filled = fit_quietly(filled, whole, y)
    short = [row[:count] for row, count in zip(whole, steps, strict=True)]
    ragged = fit_quietly(NetworkRegressor(layers, **options), short, [one[:, 0] for one in short])
    expected = flat(filled.get_weights())
    np.testing.assert_allclose(flat(ragged.get_weights()), expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ragged.loss_curve_, filled.loss_curve_, rtol=1e-9)


def test_windows_of_labels_and_of_tokens():
    """All series fit into the last window: the windows before it change nothing."""
    options = {**SMALL, "shuffle": False}
    short = [one[:2] for one in SERIES]
    tokens = [np.arange(1, 1 + len(one)) for one in short]
    for layers, X, fill in (
        ([LSTM(3)], short, np.nan),
        ([TokenEmbedding(3, 5, padding=0), GRU(2)], tokens, 0),
    ):
        wide = np.full((len(X), 5, *X[0].shape[1:]), fill)
        for row, one in zip(wide, X, strict=True):
            row[: len(one)] = one
        plain = fit_quietly(NetworkRegressor(layers, **options), wide, TARGETS)
        cut = fit_quietly(NetworkRegressor(layers, window=2, **options), wide, TARGETS)
        expected = flat(plain.get_weights())
        np.testing.assert_allclose(flat(cut.get_weights()), expected, rtol=1e-12, atol=1e-15)


BATCHES = LISTS | {"BatchNorm": [Conv1D(3, 1), BatchNorm(), GRU(2)]}


@pytest.mark.parametrize("layers", BATCHES.values(), ids=BATCHES)
@pytest.mark.parametrize("mixup", [0.0, 0.5])
def test_fits_have_the_same_bits_for_any_threads(layers, mixup):
    one, other = (
        fit_quietly(NetworkRegressor(layers, mixup=mixup, n_jobs=n, **SMALL), SERIES, TARGETS)
        for n in (1, 2)
    )
    np.testing.assert_array_equal(flat(one.get_weights()), flat(other.get_weights()))


@pytest.mark.parametrize("causal", [False, True])
def test_dropped_weights_of_attention(causal):
    """Fits with dropout keep their bits for any threads, and differ from those without it."""
    fits = [
        fit_quietly(
            NetworkRegressor(
                [Conv1D(6, 1), MultiHeadAttention(2, causal, dropout), GlobalAvgPool()],
                **{**SMALL, "n_jobs": jobs},
            ),
            SERIES,
            TARGETS,
        )
        for dropout, jobs in ((0.4, 1), (0.4, 2), (0.0, 1))
    ]
    one, other, without = (flat(model.get_weights()) for model in fits)
    np.testing.assert_array_equal(one, other)
    assert np.abs(one - without).max() > 1e-6


@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4"])
def test_tokens_of_any_type(kind):
    """Whatever holds the codes: the fit is that of int64."""
    X = RANDOM.randint(1, 5, size=(6, 4))
    X[1, 2:] = X[3, 3:] = 0
    layers = [TokenEmbedding(3, count=5, padding=0), GRU(2)]
    one, other = (
        fit_quietly(NetworkRegressor(layers, **SMALL), codes, TARGETS)
        for codes in (X, X.astype(kind))
    )
    np.testing.assert_array_equal(flat(one.get_weights()), flat(other.get_weights()))
    np.testing.assert_array_equal(one.predict(X), other.predict(X.astype(kind)))


def test_steps_of_a_stream_are_those_of_the_whole():
    layers = [Conv1D(3, 2, padding="causal"), LSTM(2)]
    predictor = freeze(NetworkRegressor(layers, **SMALL).initialize(SERIES, TARGETS))
    stream = predictor.stream()
    for at, x in enumerate(SERIES[0], 1):
        np.testing.assert_array_equal(stream.step(x), predictor(SERIES[0][:at])[0])
    for wrong, words in ((np.full(2, np.nan), "NaN"), (np.zeros(3), "3")):
        with pytest.raises(ValueError, match=words):
            stream.step(wrong)
    status = stream._step(stream._words, np.zeros(3), np.zeros(1), True)
    assert status == WRONG_COLUMNS  # as for an array that another thread resizes
