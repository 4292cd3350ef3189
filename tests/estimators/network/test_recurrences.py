"""Recurrences in estimators: what they take, their first weights, what they learn, their bits."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracles.parity import fit_quietly
from running.nested_weights import flat

from fusednn import NetworkClassifier, NetworkRegressor, freeze
from fusednn.layers import (
    GRU,
    LSTM,
    RNN,
    BatchNorm,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool,
    LayerNorm,
    Reshape,
    Residual,
)

KINDS = pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
RANDOM = np.random.RandomState(0)
X, LABELS = RANDOM.normal(size=(50, 6, 2)), np.arange(50) % 3


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def by_hand(kind, x, weights):
    """The last state from the formulas of the docstrings."""
    w, v, b, *inner = weights
    H = len(v)
    h = c = np.zeros((len(x), H))
    for t in range(x.shape[1]):
        z, s = x[:, t] @ w + b, h @ v
        if kind is RNN:
            h = np.tanh(z + s)
        elif kind is LSTM:
            i, f, g, o = np.split(z + s, 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        else:
            (zr, zu, zn), (sr, su, sn) = np.split(z, 3, axis=1), np.split(s, 3, axis=1)
            u = sigmoid(zu + su)
            h = (1 - u) * np.tanh(zn + sigmoid(zr + sr) * (sn + inner[0])) + u * h
    return h


@KINDS
def test_formulas(kind):
    model = NetworkRegressor([kind(5)]).initialize(X, LABELS)
    weights, (out, b) = model.get_weights()
    found = by_hand(kind, X, weights) @ out + b
    assert_allclose(model.predict(X), found.ravel(), rtol=1e-12, atol=1e-14)


@KINDS
def test_the_second_direction_reads_backward(kind):
    """Its weights are the second half; its columns come behind those of the first."""
    layers = [kind(5, return_sequences=True, bidirectional=True), Flatten()]
    model = NetworkRegressor(layers).initialize(X, LABELS)
    weights, _, (out, b) = model.get_weights()
    half = len(weights) // 2
    states = np.zeros((len(X), 6, 10))
    for t in range(6):
        states[:, t, :5] = by_hand(kind, X[:, : t + 1], weights[:half])
        states[:, t, 5:] = by_hand(kind, X[:, : -7 + t : -1] if t else X[:, ::-1], weights[half:])
    expected = states.reshape(len(X), -1) @ out + b
    assert_allclose(model.predict(X), expected.ravel(), rtol=1e-12, atol=1e-14)
    last = NetworkRegressor([kind(5, bidirectional=True)]).initialize(X, LABELS)
    last.set_weights([weights, [np.ones((10, 1)), np.zeros(1)]])
    ends = np.concatenate([states[:, -1, :5], states[:, 0, 5:]], axis=1)
    assert_allclose(last.predict(X), ends.sum(axis=1), rtol=1e-12, atol=1e-14)


@KINDS
def test_columns_are_series_of_one_channel(kind):
    columns = X[:, :, 0]
    models = [
        NetworkClassifier(layers, max_iter=2, random_state=0)
        for layers in ([kind(4)], [Reshape(6, 1), kind(4)])
    ]
    found = [fit_quietly(model, columns, LABELS).predict_proba(columns) for model in models]
    assert_array_equal(*found)
    with_axes = fit_quietly(models[0], columns[:, :, np.newaxis], LABELS)
    assert_array_equal(with_axes.predict_proba(columns[:, :, np.newaxis]), found[0])


def test_rows_of_an_image_are_steps():
    """(n, H, W) before a recurrence is a series of W features."""
    images = RANDOM.normal(size=(20, 5, 7))
    model = NetworkClassifier([GRU(3)]).initialize(images, LABELS[:20])
    assert model.get_weights()[0][0].shape == (7, 9)


@KINDS
def test_first_weights(kind):
    """Uniform in +-1 / sqrt(H), as in PyTorch."""
    model = NetworkClassifier([kind(100)], random_state=0).initialize(X, LABELS)
    for array in model.get_weights()[0]:
        assert 0.08 < abs(array).max() <= 0.1
        assert abs(array.mean()) < 0.02


def test_forget_bias():
    layers = [LSTM(4, bidirectional=True, forget_bias=1.0)]
    model = NetworkClassifier(layers, random_state=0).initialize(X, LABELS)
    for biases in model.get_weights()[0][2::3]:
        assert_array_equal(biases[4:8], 1.0)
        assert abs(np.delete(biases, slice(4, 8))).max() <= 0.5
        assert len(set(np.delete(biases, slice(4, 8)))) == 12


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RNN(4, "gelu"), "activation of RNN must be 'tanh' or 'relu', got 'gelu'"),
        (lambda: LSTM(0), "units of LSTM must be an integer from 1, got 0"),
        (lambda: LSTM(4, 1), "return_sequences of LSTM must be True or False, got 1"),
        (lambda: GRU(4, bidirectional=None), "bidirectional of GRU must be True or False"),
        (lambda: LSTM(4, forget_bias="1"), "forget_bias of LSTM must be a finite number"),
    ],
)
def test_values_that_no_layer_could_have(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([Dense(4), LSTM(3)], r"layers\[1\] is LSTM.*received 4 columns.*put Reshape\(50, 16\)"),
        ([Reshape(1, 3, 2), GRU(3)], r"layers\[1\] is GRU.*axes \(1, 3, 2\).*\(steps, channels\)"),
        ([Reshape(3, 2), RNN(3, return_sequences=True)], r"end with axes \(3,\), .* Flatten"),
        ([Reshape(3, 2), Residual([LSTM(2)])], "received axes .*, not 2 columns"),
        ([Reshape(3, 2), LSTM(4), Conv2D(2, 1)], r"layers\[2\] is Conv2D"),
    ],
)
def test_shapes_that_do_not_fit(layers, message):
    model = NetworkClassifier(layers)
    with pytest.raises(ValueError, match=message):
        model.fit(X[:, :3].reshape(50, -1), LABELS)
    assert not hasattr(model, "classes_")


MIXED = [
    *(Conv1D(5, 3, "relu"), BatchNorm(), LSTM(9, return_sequences=True), Dropout(0.1)),
    Residual([GRU(9, return_sequences=True), LayerNorm()]),
    RNN(4, return_sequences=True, bidirectional=True),
    *(Dense(6, "gelu"), GlobalAvgPool()),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_threads_and_batches_change_no_bit(dtype):
    """Tasks of several sizes; more samples than go through the steps together."""
    many = RANDOM.normal(size=(140, 6, 2)).astype(dtype)
    y = np.arange(140) % 3
    fits = [
        fit_quietly(
            NetworkClassifier(MIXED, max_iter=2, batch_size=75, n_jobs=jobs, random_state=0),
            many,
            y,
        )
        for jobs in (1, 2, 3)
    ]
    answers = [model.predict_proba(many) for model in fits]
    for model, answer in zip(fits, answers, strict=True):
        assert flat(model.get_weights()).tobytes() == flat(fits[0].get_weights()).tobytes()
        assert_array_equal(answer, answers[0])
    predictor = freeze(fits[0])
    rows = np.concatenate([predictor.predict_proba(row[np.newaxis]) for row in many])
    assert_array_equal(rows, predictor.predict_proba(many))


@pytest.mark.parametrize("layer", [LSTM(16), GRU(16), RNN(16)], ids=["LSTM", "GRU", "RNN"])
def test_learns_the_order_of_steps(layer):
    """Whether the larger pulse comes first: no sum over steps tells."""
    random = np.random.RandomState(1)
    series = 0.05 * random.normal(size=(400, 12, 1))
    first, second = random.randint(0, 5, 400), random.randint(6, 12, 400)
    y = random.randint(2, size=400)
    series[np.arange(400), first, 0] += np.where(y, 2, 1)
    series[np.arange(400), second, 0] += np.where(y, 1, 2)
    model = NetworkClassifier([layer], max_iter=60, learning_rate_init=0.01, random_state=0)
    assert fit_quietly(model, series[:300], y[:300]).score(series[300:], y[300:]) > 0.95


def test_rate_and_decay_factors():
    """A rate of 0 keeps the weights; decay moves both matrices and no bias."""
    frozen = NetworkClassifier([LSTM(3, rate_factor=0.0)], max_iter=2, random_state=0)
    before = flat(
        NetworkClassifier([LSTM(3)], random_state=0).initialize(X, LABELS).get_weights()[0]
    )
    assert_array_equal(flat(fit_quietly(frozen, X, LABELS).get_weights()[0]), before)
    losses = []
    for factor in (0.0, 1.0):
        model = NetworkRegressor([GRU(3, decay_factor=factor)], alpha=0.5, random_state=0)
        model.initialize(X, LABELS)
        losses.append(model.loss_and_gradient(X, LABELS)[0])
        squares = sum((array**2).sum() for array in model.get_weights()[0] if array.ndim == 2)
    assert losses[1] - losses[0] == pytest.approx(0.5 * squares / 2 / len(X))
