"""Refused input: scikit-learn's own classes say how, with the same arguments."""

import numpy as np
import pytest
from cases.refused_arguments import (
    DATA,
    GOOD,
    KINDS,
    LABELLED,
    LABELS,
    WEIGHTS,
    X,
    assert_alike,
    both,
    changed,
    target,
)
from oracles.parity import CLASSES, outcome, parameters
from sklearn.linear_model import PoissonRegressor


@KINDS
@pytest.mark.parametrize("name", DATA)
def test_fit(kind, name):
    data, y = DATA[name]
    assert_alike(*both(kind, lambda e: e.fit(data, target(kind, y)), random_state=0))


@KINDS
@pytest.mark.parametrize("name", DATA)
def test_partial_fit(kind, name):
    data, y = DATA[name]
    y = target(kind, y)
    assert_alike(*both(kind, lambda e: e.partial_fit(data, y, **LABELLED[kind]), random_state=0))


@KINDS
@pytest.mark.parametrize("name", [name for name in DATA if name[0] == "X" and "long" not in name])
@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_predict(kind, method, name):
    if not hasattr(CLASSES[kind][1], method):
        method = "predict"

    def call(estimator):
        outcome(lambda: estimator.fit(X, GOOD[kind]))
        return getattr(estimator, method)(DATA[name][0])

    assert_alike(*both(kind, call, random_state=0))


@KINDS
@pytest.mark.parametrize("features", [1, 2, 4])
@pytest.mark.parametrize("method", ["predict", "predict_proba", "score", "partial_fit"])
def test_features_that_do_not_match(kind, method, features):
    other = np.ones((40, features))

    def call(estimator):
        outcome(lambda: estimator.fit(X, GOOD[kind]))
        arguments = (GOOD[kind],) if method in ("score", "partial_fit") else ()
        return getattr(estimator, method)(other, *arguments)

    assert_alike(*both(kind, call, random_state=0))


@KINDS
@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba", "score"])
def test_not_fitted(kind, method):
    if not hasattr(CLASSES[kind][1], method):
        method = "predict"
    arguments = (GOOD[kind],) if method == "score" else ()
    assert_alike(*both(kind, lambda e: getattr(e, method)(X, *arguments)))


def test_poisson_targets_of_zero():
    y = np.zeros(40)
    assert_alike(*both("regressor", lambda e: e.fit(X, y), loss="poisson", random_state=0))


def test_negative_poisson_targets():
    """scikit-learn's networks learn NaN of them, its GLM refuses them."""
    y = changed(np.ones(40), 3, -1)
    ours = both("regressor", lambda e: e.fit(X, y), loss="poisson")[1].error
    with pytest.raises(ValueError, match="out of the valid range") as theirs:
        PoissonRegressor().fit(X, y)
    assert ours == (
        "ValueError",
        str(theirs.value).replace("HalfPoissonLoss", "Poisson")
        + " It takes y >= 0, got -1 in float64.",
    )


@KINDS
@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_sample_weights(kind, solver, name):
    params = {"random_state": 0, "solver": solver}
    theirs, ours = both(kind, lambda e: e.fit(X, GOOD[kind], WEIGHTS[name]), **params)
    assert_alike(theirs, ours)


@KINDS
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_batch_whose_weights_are_all_zero(kind, solver):
    """scikit-learn stumbles in its middle; ours has no gradient there (test_zero_weights.py)."""
    weights = np.repeat([1.0, 0.0], 20)
    params = {"batch_size": 10, "shuffle": False, "solver": solver}
    theirs, ours = both(kind, lambda e: e.fit(X, GOOD[kind], weights), **params)
    assert theirs.error == ("ZeroDivisionError", "Weights sum to zero, can't be normalized")
    assert ours.error is None
    assert all(np.isfinite(w).all() for w in parameters(ours.value))


@KINDS
@pytest.mark.parametrize("fraction", [0.0, 0.02, 0.025, 0.05, 0.99])
@pytest.mark.parametrize("rows", [2, 4, 40])
def test_early_stopping_with_few_samples(kind, rows, fraction):
    params = {"early_stopping": True, "validation_fraction": fraction, "random_state": 0}
    y = np.arange(rows) % 2
    assert_alike(*both(kind, lambda e: e.fit(X[:rows], y), **params))


def test_early_stopping_with_a_class_of_one_sample():
    y = changed(np.zeros(40, int), 0, 1)
    assert_alike(*both("classifier", lambda e: e.fit(X, y), early_stopping=True, random_state=0))


PARTIAL = {
    "no classes": lambda e: e.partial_fit(X, LABELS),
    "unseen in the first call": lambda e: e.partial_fit(X, LABELS, classes=[0, 1]),
    "unseen later": lambda e: e.partial_fit(X, LABELS, classes=[0, 1, 2]).partial_fit(
        X, LABELS + 1
    ),
    "other classes": lambda e: e.partial_fit(X, LABELS, classes=[0, 1, 2]).partial_fit(
        X, LABELS, classes=[0, 1, 2, 3]
    ),
    "strings later": lambda e: e.partial_fit(X, LABELS, classes=[0, 1, 2]).partial_fit(
        X, LABELS.astype(str)
    ),
    "multilabel later": lambda e: e.partial_fit(X, LABELS, classes=[0, 1, 2]).partial_fit(
        X, np.eye(3, dtype=int)[LABELS]
    ),
    "warm start": lambda e: (
        e.set_params(warm_start=True)
        .partial_fit(X, LABELS, classes=[0, 1, 2])
        .partial_fit(X, LABELS % 2)
    ),
    "one class": lambda e: e.partial_fit(X, np.zeros(40), classes=[0]),
}


@pytest.mark.parametrize("name", PARTIAL)
def test_labels_of_partial_fit(name):
    assert_alike(*both("classifier", PARTIAL[name], random_state=0))


@pytest.mark.parametrize("y", [LABELS % 2, LABELS + 1, LABELS.astype(str), LABELS == 0], ids=str)
def test_warm_start_with_other_classes(y):
    def call(estimator):
        outcome(lambda: estimator.fit(X, LABELS))
        return estimator.fit(X, y)

    assert_alike(*both("classifier", call, warm_start=True, random_state=0))
