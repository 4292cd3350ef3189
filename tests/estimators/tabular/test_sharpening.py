"""Probabilities that label smoothing has made too even."""

import numpy as np
import pytest
from sklearn.metrics import log_loss

from fusednn import NetworkClassifier, TabularClassifier
from fusednn.estimators.tabular.sharpening import power_of, sharpen, sharpened
from fusednn.layers import Dense


def drawn(power, classes, rows=20_000):
    """Probabilities whose power is that of the labels."""
    rng = np.random.RandomState(0)
    logits = rng.normal(size=(rows, classes))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    true = p**power
    true /= true.sum(axis=1, keepdims=True)
    return p, (true.cumsum(axis=1) < rng.rand(rows, 1)).sum(axis=1)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("power", [0.5, 1.0, 2.5])
def test_the_power_is_found(power, classes):
    p, y = drawn(power, classes)
    found = power_of(p, y, None)
    assert found == pytest.approx(power, rel=0.06)
    losses = [log_loss(y, sharpened(p, own)) for own in (0.9 * found, found, 1.1 * found)]
    assert losses[1] == min(losses)


def test_weights_count():
    p, y = drawn(2.0, 3, 400)
    weights = np.random.RandomState(1).randint(1, 4, 400)
    again = power_of(np.repeat(p, weights, axis=0), np.repeat(y, weights), None)
    assert power_of(p, y, weights) == pytest.approx(again, rel=1e-3)


@pytest.mark.parametrize("classes", [2, 3])
def test_networks_give_the_power_of_their_probabilities(classes):
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(90, 4)).astype(np.float32), np.arange(90) % classes
    model = NetworkClassifier([Dense(6, "tanh")], random_state=0, dtype="float32").initialize(X, y)
    p = model.predict_proba(X)
    sharpen(model, 1.7)
    np.testing.assert_allclose(model.predict_proba(X), sharpened(p, 1.7), rtol=1e-4)


@pytest.mark.parametrize("preset", ["realmlp", "fast"])
def test_accuracy_leaves_probabilities_that_fit(preset):
    """Labels are certain, but smoothing alone would leave at most 0.95 for them."""
    rng = np.random.RandomState(0)
    X = rng.normal(size=(600, 3))
    y = (X[:, 0] > 0).astype(int)
    model = TabularClassifier(preset, metric="accuracy", random_state=0).fit(X, y)
    p = model.predict_proba(X)
    sure = np.abs(X[:, 0]) > 0.7
    assert p.max(axis=1)[sure].mean() > 0.97
    judged = ~np.isnan(model.oof_[:, 0])
    np.testing.assert_allclose(p[judged], model.oof_[judged], atol=1e-5)
