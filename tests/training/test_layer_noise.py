"""Dropout and noise of networks given as layers: what a step sees of them, and predictions.

A step of gradient descent from output weights of 0, towards targets that are the identity, leaves
in those weights what the output layer received: the rows are the columns of the weights.
"""

import numpy as np
import pytest
from scipy import stats

from fusednn import NetworkClassifier, NetworkRegressor
from fusednn.layers import (
    Activation,
    AlphaDropout,
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GaussianNoise,
    Reshape,
    Residual,
)
from fusednn.optimizers import SGD

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ROWS, COLUMNS = 61, 333
X = np.random.RandomState(0).normal(size=(ROWS, COLUMNS))
SELU_LIMIT = -1.0507009873554805 * 1.6732632423543772


def seen(layers, data=X, steps=1, seed=0):
    """What the output layer receives in each step, of shape (steps, rows, columns)."""
    model = NetworkRegressor(
        layers, solver=SGD(), learning_rate_init=ROWS, batch_size=ROWS, random_state=seed,
        shuffle=False,
    ).initialize(data, np.eye(ROWS))  # fmt: skip
    blank = model.get_weights()
    blank[-1] = [np.zeros_like(part) for part in blank[-1]]
    found = []
    for _ in range(steps):
        model.set_weights(blank).partial_fit(data, np.eye(ROWS))
        found.append(model.get_weights()[-1][0].T)
    return np.array(found)


def assert_share(mask, share):
    """A mask of fair draws, in all, in each column and in each row."""
    for axis in (None, 0, 1):
        mean = mask.mean(axis=axis)
        deviation = np.sqrt(share * (1 - share) / (mask.size / np.size(mean)))
        assert (abs(mean - share) < 5 * deviation).all()


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("where", ["first", "residual", "behind a layer", "rows"])
def test_dropout(rate, where):
    layers, inputs = [Dropout(rate)], X
    if where == "rows":
        layers = [Reshape(37, 9), *layers, Flatten()]
    elif where == "residual":
        layers = [Residual([Dropout(rate)])]
    elif where == "behind a layer":
        layers, inputs = [Activation("tanh"), Dropout(rate)], np.tanh(X)
    found = seen(layers)[0] - (X if where == "residual" else 0)
    dropped = abs(found) < 1e-12
    assert_share(dropped, rate)
    np.testing.assert_allclose(found[~dropped], inputs[~dropped] / (1 - rate), atol=1e-12)


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_alpha_dropout_keeps_mean_and_variance(rate):
    found = seen([AlphaDropout(rate)])[0]
    value = stats.mode(found, axis=None).mode
    dropped = found == value
    assert_share(dropped, rate)
    kept = 1 - rate
    factor = (kept + kept * rate * SELU_LIMIT**2) ** -0.5
    assert value == pytest.approx(factor * SELU_LIMIT * kept)
    shift = -factor * rate * SELU_LIMIT
    np.testing.assert_allclose(found[~dropped], factor * X[~dropped] + shift, atol=1e-12)
    for after in (found, seen([Activation("selu"), AlphaDropout(rate)])[0]):
        assert after.mean() == pytest.approx(0, abs=0.05)
        assert after.var() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("deviation", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("where", ["first", "residual", "behind a layer", "rows"])
def test_gaussian_noise(deviation, where):
    layers, inputs = [GaussianNoise(deviation)], X
    if where == "rows":
        layers = [Reshape(37, 9), *layers, Flatten()]
    elif where == "residual":
        layers, inputs = [Residual(layers)], 2 * X
    elif where == "behind a layer":
        layers, inputs = [Activation("tanh"), *layers], np.tanh(X)
    noise = seen(layers)[0] - inputs
    if not deviation:
        np.testing.assert_allclose(noise, 0, atol=1e-12)
        return
    assert stats.kstest(noise.ravel() / deviation, "norm").pvalue > 1e-3
    for axis in (0, 1):
        beside = np.corrcoef(np.roll(noise, 1, axis=axis).ravel(), noise.ravel())[0, 1]
        assert abs(beside) < 5 / np.sqrt(noise.size)


def test_embedded_codes_have_noise():
    codes = np.tile(np.arange(5.0), (ROWS, 1))
    layers = [Embedding((0, 1, 2, 3, 4), (5,) * 5, 40, rate_factor=0.0)]
    plain, noisy = (seen([*layers, *more], codes)[0] for more in ([], [Dropout(0.4)]))
    assert_share(noisy == 0, 0.4)
    np.testing.assert_allclose(noisy[noisy != 0], plain[noisy != 0] / 0.6, atol=1e-12)


def test_every_layer_and_step_draws_for_itself():
    first, second = seen([Dropout(0.5), Dropout(0.5)], steps=2)
    for found in (first, second):
        assert_share(found == 0, 0.75)
        np.testing.assert_allclose(found[found != 0], 4 * X[found != 0])
    assert_share((first == 0) & (second == 0), 0.75**2)
    same, other = seen([Dropout(0.5), Dropout(0.5)])[0], seen([Dropout(0.5)] * 2, seed=1)[0]
    np.testing.assert_array_equal(first, same)
    assert_share((first == 0) & (other == 0), 0.75**2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_predictions_have_no_noise(dtype):
    """To a bit those of the same network without; also of the averages and while it trains."""
    labels = np.arange(ROWS) % 3
    plain = [Dense(9), BatchNorm(), Activation("selu"), Residual([Dense(9, "tanh")])]
    noisy = [
        GaussianNoise(0.5), plain[0], Dropout(0.2), plain[1], GaussianNoise(), plain[2],
        AlphaDropout(0.3), Residual([Dropout(0.5), *plain[3].layers, AlphaDropout(0.1)]),
        Dropout(0.5),
    ]  # fmt: skip
    model = NetworkClassifier(
        noisy, max_iter=3, random_state=0, dtype=dtype, ema_decay=0.5, batch_size=20
    ).fit(X, labels, X_val=X, y_val=labels)
    weights = model.get_weights()
    other = NetworkClassifier(plain, random_state=0, dtype=dtype).initialize(X, labels)
    inner = [part for part in weights[7] if part]
    other.set_weights([weights[1], weights[3], weights[5], inner, weights[-1]])
    for rows in (slice(None), slice(3), slice(0, 1)):
        expected = other.predict_proba(X[rows])
        assert model.predict_proba(X[rows]).tobytes() == expected.tobytes()
    assert model.validation_scores_[-1] == model.score(X, labels)
