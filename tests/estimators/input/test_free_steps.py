"""Steps of series are free in predictions and in fits that go on, where no layer fixes them."""

import numpy as np
import pytest
from cases.free_series import FIXED, FREE
from oracles.parity import fit_quietly

from fusednn import NetworkClassifier, NetworkRegressor, freeze, load
from fusednn.layers import (
    GRU,
    Conv1D,
    Dense,
    GlobalAvgPool,
    MultiHeadAttention,
    PositionalEncoding,
    Reshape,
)
from fusednn.optimizers import SGD

RANDOM = np.random.default_rng(3)
STEPS = 7
SAMPLES = RANDOM.normal(size=(12, STEPS, 3))
LABELS = np.arange(12) % 3
SMALL = {"max_iter": 2, "batch_size": 4, "random_state": 0}


def series(steps, samples=5):
    return RANDOM.normal(size=(samples, steps, 3))


def of_own_steps(model, X):
    """A network that was made for X, with the weights of another."""
    other = NetworkClassifier(model.layers, **SMALL).initialize(X, LABELS[: len(X)])
    return other.set_weights(model.get_weights())


@pytest.mark.parametrize("layers", FREE.values(), ids=FREE)
def test_predicts_as_the_network_of_these_steps(layers):
    model = fit_quietly(NetworkClassifier(layers, **SMALL), SAMPLES, LABELS)
    predictor = freeze(model)
    assert model.input_shape_ == (None, 3)
    assert model.n_features_in_ == 3 * STEPS
    for steps in (1, 4, STEPS, 10):
        X = series(steps)
        expected = of_own_steps(model, X).predict_proba(X)
        np.testing.assert_array_equal(model.predict_proba(X), expected)
        given = [X, list(X)]
        if steps > 1:  # rows of three columns are no series of one step
            given.append(X.reshape(5, -1))
        for form in given:
            np.testing.assert_array_equal(model.predict_proba(form), expected)
            np.testing.assert_allclose(predictor.predict_proba(form), expected, atol=1e-12)
        for one in (X[0], X[0].ravel()):
            np.testing.assert_array_equal(
                predictor.predict_proba(one), predictor.predict_proba(X[:1])
            )


def test_looks_and_gradients():
    model = fit_quietly(NetworkClassifier(FREE["convolutions"], **SMALL), SAMPLES, LABELS)
    X = series(10)
    same = of_own_steps(model, X)
    np.testing.assert_array_equal(model.hidden_activations(X, 0), same.hidden_activations(X, 0))
    np.testing.assert_array_equal(model.input_gradient(X), same.input_gradient(X))
    found, expected = (one.loss_and_gradient(X, LABELS[:5], inputs=True) for one in (model, same))
    assert found[0] == expected[0]
    np.testing.assert_array_equal(found[2], expected[2])


def test_training_goes_on_with_other_steps():
    model = NetworkClassifier([GRU(4)], **SMALL).partial_fit(SAMPLES, LABELS, classes=range(3))
    X = series(10)
    other = of_own_steps(model, X)
    other.partial_fit(X, LABELS[:5])
    first = of_own_steps(model, SAMPLES)  # without the moments, as `other`
    first.partial_fit(X, LABELS[:5])
    np.testing.assert_array_equal(first.predict_proba(X), other.predict_proba(X))
    assert first.n_features_in_ == 3 * STEPS


def test_validation_set_of_other_steps():
    X_val, y_val = series(10, 6), LABELS[:6]
    model = NetworkClassifier([GRU(4)], early_stopping=True, **SMALL)
    fit_quietly(model, SAMPLES, LABELS, X_val=X_val, y_val=y_val)
    assert max(model.validation_scores_) == model.score(X_val, y_val)
    by_loss = NetworkClassifier([GRU(4)], scoring="neg_log_loss", early_stopping=True, **SMALL)
    fit_quietly(by_loss, SAMPLES, LABELS, X_val=X_val, y_val=y_val)
    assert len(by_loss.validation_scores_) == 2


def test_files(tmp_path):
    model = fit_quietly(NetworkClassifier(FREE["pools"], **SMALL), SAMPLES, LABELS)
    model.save(tmp_path / "model")
    again, X = NetworkClassifier.load(tmp_path / "model"), series(4)
    assert again.input_shape_ == (None, 3)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    freeze(model).save(tmp_path / "predictor")
    for name in ("model", "predictor"):
        np.testing.assert_array_equal(
            load(tmp_path / name).predict_proba(X), freeze(model).predict_proba(X)
        )


def test_one_channel_in_columns_and_channels_first():
    X, y = SAMPLES[:, :, 0], SAMPLES[:, 0, 1]
    model = fit_quietly(NetworkRegressor([Conv1D(3, 2), GRU(3)], **SMALL), X, y)
    same = fit_quietly(NetworkRegressor([Conv1D(3, 2), GRU(3)], **SMALL), X[:, :, np.newaxis], y)
    for steps in (1, 4, 10):
        Z = RANDOM.normal(size=(5, steps))
        np.testing.assert_array_equal(model.predict(Z), same.predict(Z[:, :, np.newaxis]))
        np.testing.assert_allclose(freeze(model).predict(Z), model.predict(Z), rtol=1e-12)
    turned = [Reshape(3, STEPS, channels="first"), Conv1D(3, 2), GlobalAvgPool()]
    last = fit_quietly(NetworkRegressor(turned[1:], **SMALL), SAMPLES, y)
    first = fit_quietly(NetworkRegressor(turned, **SMALL), SAMPLES.swapaxes(1, 2), y)
    assert first.input_shape_ == (3, None)
    Z = series(10)
    np.testing.assert_array_equal(last.predict(Z), first.predict(Z.swapaxes(1, 2)))


@pytest.mark.parametrize("layers", FIXED.values(), ids=FIXED)
def test_layers_that_fix_the_steps(layers):
    model = fit_quietly(NetworkClassifier(layers, **SMALL), SAMPLES, LABELS)
    assert model.input_shape_ == (STEPS, 3)
    for one in (model, freeze(model)):
        with pytest.raises(ValueError, match=r"axes \(4, 3\).*axes \(7, 3\)"):
            one.predict(series(4))


def test_positions_of_fewer_steps():
    """A series has the first rows of the tables, and what it has no step for stays."""
    layers = [
        *(Dense(4), PositionalEncoding(), PositionalEncoding("sinusoidal")),
        *(MultiHeadAttention(2), GlobalAvgPool()),
    ]
    model = NetworkClassifier(layers, solver=SGD(momentum=0.0), alpha=0.0, **SMALL)
    model.partial_fit(SAMPLES, LABELS, classes=range(3))
    X, before = series(4), model.get_weights()[1][0]
    padded = np.concatenate([X, np.full((5, 3, 3), np.nan)], axis=1)
    expected = model.predict_proba(padded)
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    np.testing.assert_allclose(freeze(model).predict_proba(X), expected, atol=1e-12)
    for one, why in (
        (model, r"^layers\[1\] is PositionalEncoding.*has positions of 7 steps, not of 8"),
        (
            freeze(model),
            r"network.s PositionalEncoding number 1 has positions of 7 steps",
        ),
    ):
        with pytest.raises(ValueError, match=why):
            one.predict(series(8))
    model.partial_fit(X, LABELS[:5])
    after = model.get_weights()[1][0]
    assert (after[:4] != before[:4]).all()
    np.testing.assert_array_equal(after[4:], before[4:])


def test_refused_steps_and_columns():
    layers = [Conv1D(3, 4, padding="valid"), GRU(3)]
    model = fit_quietly(NetworkClassifier(layers, **SMALL), SAMPLES, LABELS)
    with pytest.raises(ValueError, match=r"^layers\[0\] is Conv1D.* X has series of length 3"):
        model.predict(series(3))
    with pytest.raises(
        ValueError, match="X has series of length 3, but the network's Conv1D leaves"
    ):
        freeze(model).predict(series(3))
    for one in (model, freeze(model)):
        with pytest.raises(ValueError, match="X has 20 features, but NetworkClassifier is expect"):
            one.predict(np.zeros((2, 20)))
        with pytest.raises(ValueError, match=r"axes \(7, 4\)"):
            one.predict(np.zeros((2, 7, 4)))
    with pytest.raises(ValueError, match="X has 3 features, but NetworkClassifier is expecting"):
        model.predict(np.zeros((2, 3)))
