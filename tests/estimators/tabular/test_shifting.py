"""Factors of classes that networks get after training."""

import numpy as np
import pytest
from cases.short_presets import short_presets
from scipy.special import expit, logit, softmax
from sklearn.datasets import make_classification
from sklearn.metrics import log_loss, roc_auc_score

from fusednn import NetworkClassifier, TabularClassifier, freeze
from fusednn.estimators.tabular.shifting import shift, shifted
from fusednn.layers import Dense, Output

RNG = np.random.RandomState(0)
X = RNG.normal(size=(90, 4)).astype(np.float32)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("last", [[], [Output(parametrization="ntk")]])
def test_a_networks_probabilities_get_factors(classes, last):
    y, factors = RNG.randint(classes, size=90), np.array([0.5, 20.0, 3.0])[:classes]
    network = NetworkClassifier(
        [Dense(6), *last], max_iter=30, dtype="float32", solver="adam", random_state=0
    )
    with pytest.warns(match="converged"):
        network.fit(X, y)
    before = network.predict_proba(X)
    wanted = before * factors / (before * factors).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shifted(before, factors), wanted, rtol=1e-6)
    shift(network, factors)
    np.testing.assert_allclose(network.predict_proba(X), wanted, atol=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_it_is_what_weighted_rows_teach(classes):
    """The minimum of a weighted log-loss over logits, by SciPy's formulas."""
    logits = RNG.normal(size=(1, classes))
    p, factors = softmax(logits, axis=1), np.array([1.0, 9.0, 0.2])[:classes]
    if classes == 2:
        share = p[0, 1] * 9 / (p[0, 1] * 9 + p[0, 0])
        np.testing.assert_allclose(expit(logit(p[0, 1]) + np.log(9)), share)

    def weighted(q):
        return -np.sum(factors * p * np.log(q))

    best = shifted(p, factors)
    for _ in range(20):
        other = softmax(np.log(best) + 0.1 * RNG.normal(size=best.shape), axis=1)
        assert weighted(best) < weighted(other)


def test_a_class_of_factor_zero_is_not_predicted():
    found = shifted(np.array([[0.999, 0.001, 0.0], [0.2, 0.3, 0.5]]), np.array([0.0, 1.0, 1.0]))
    np.testing.assert_allclose(found, [[0, 1, 0], [0, 0.375, 0.625]], atol=1e-8)


@pytest.fixture(scope="module")
def rare():
    """Few rows of the second class, and many other rows to judge by."""
    X, y = make_classification(
        8000, 10, n_informative=5, weights=[0.97], class_sep=0.8, flip_y=0, random_state=1
    )
    return X[:3000], y[:3000], X[3000:], y[3000:]


def test_balanced_weights_are_as_good_at_order_and_better_at_their_own_loss(rare):
    """Against the same networks without weights, and with the factors by hand."""
    X, y, others, truth = rare
    plain = TabularClassifier("fast", random_state=0).fit(X, y).predict_proba(others)
    model = TabularClassifier("fast", class_weight="balanced", random_state=0).fit(X, y)
    found = model.predict_proba(others)
    factors = len(y) / (2 * np.bincount(y))
    weights = factors[truth]
    assert roc_auc_score(truth, found[:, 1]) > roc_auc_score(truth, plain[:, 1]) - 1e-3
    by_hand = plain * factors / (plain * factors).sum(axis=1, keepdims=True)
    losses = [log_loss(truth, p, sample_weight=weights) for p in (found, by_hand, plain)]
    assert losses[0] < 1.1 * losses[1]  # few rows have decided how sharp it is
    assert losses[0] < 0.8 * losses[2]
    np.testing.assert_allclose(freeze(model).predict_proba(others), found, atol=2e-6)


@pytest.mark.parametrize("metric", ["balanced_accuracy", "accuracy", "roc_auc", "neg_log_loss"])
@pytest.mark.parametrize("classes", [2, 3])
def test_all_metrics_decide_by_weighted_rows(metric, classes):
    y = (X[:, 0] + 0.3 * RNG.normal(size=90) > 0.8).astype(int) + (X[:, 1] > 1) * (classes == 3)
    with short_presets():
        for own in ({}, {"X_val": X[:50], "y_val": y[:50]}):
            model = TabularClassifier(
                "fast", metric=metric, class_weight="balanced", n_folds=2, random_state=0
            )
            model.fit(X, y, **own)
            recalls = [np.mean(model.predict(X)[y == place] == place) for place in range(classes)]
            assert np.mean(recalls) > 1.3 / classes
