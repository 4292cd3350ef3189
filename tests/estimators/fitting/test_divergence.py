"""Fits that diverge, and values that are too large: the error of scikit-learn, and afterwards."""

import numpy as np
import pytest
from cases.refused_arguments import GOOD, KINDS, LABELS, VALUES, X, both, changed
from oracles.parity import CLASSES, outcome, parameters

DIVERGING = {
    "sgd rate": ({"solver": "sgd", "learning_rate_init": 1e10}, 1.0, 1.0),
    "sgd huge X": ({"solver": "sgd", "max_iter": 20}, 1e200, 1.0),
    "sgd huge y": ({"solver": "sgd", "max_iter": 20}, 1.0, 1e200),
    "partial": ({"solver": "sgd", "learning_rate_init": 1e10}, 1.0, 1.0),
}


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("name", DIVERGING)
def test_a_diverging_regression(name, method):
    """scikit-learn's message; the last finite weights stay and can predict."""
    params, scale_X, scale_y = DIVERGING[name]
    params = {"activation": "identity", "random_state": 0, "max_iter": 20, **params}
    pair = []
    for cls in CLASSES["regressor"]:
        estimator = cls(hidden_layer_sizes=(4,), batch_size=5, **params)
        calls = 1 if method == "fit" else 20
        for _ in range(calls):
            told = outcome(lambda e=estimator: getattr(e, method)(X * scale_X, VALUES * scale_y))
            if told.error is not None:
                break
        pair.append(told)
    assert pair[1].error == pair[0].error
    assert pair[1].error[1].startswith("Solver produced non-finite parameter weights")
    assert pair[1].warnings == []
    assert all(np.isfinite(w).all() for w in parameters(estimator))
    assert len(estimator.loss_curve_) == estimator.n_iter_ or method == "partial_fit"


def test_a_diverging_classification():
    params = {"solver": "sgd", "learning_rate_init": 1e200, "alpha": 1e200, "max_iter": 20}
    theirs, ours = both("classifier", lambda e: e.fit(X, LABELS), random_state=0, **params)
    assert ours.error == theirs.error
    assert ours.error[1].startswith("Solver produced non-finite")


@pytest.mark.parametrize("rate", [0.3, 10.0])
def test_early_stopping_of_what_diverges(rate):
    """scikit-learn goes on with scores of NaN, then brings the best weights back, if need be the
    first ones; ours ends at once, and the first ones are none that were trained."""
    params = {"solver": "sgd", "learning_rate_init": rate, "activation": "identity"}
    params = {**params, "early_stopping": True, "max_iter": 30, "batch_size": 5}
    fits = []

    def call(estimator):
        fits.append(estimator)
        return estimator.fit(X, VALUES)

    theirs, ours = both("regressor", call, random_state=0, **params)
    assert theirs.error is None
    scores = fits[0].validation_scores_
    assert len(scores) == 30
    good = int(np.isfinite(scores).sum())
    assert np.isnan(scores[good:]).all()
    if not good:
        assert ours.error[1].startswith("Solver produced non-finite parameter weights")
        return
    assert ours.error is None
    assert [warned[0] for warned in ours.warnings] == ["ConvergenceWarning"]
    assert f"stopped being finite after pass {good}" in ours.warnings[0][1]
    assert fits[1].n_iter_ == len(fits[1].loss_curve_) == good
    np.testing.assert_allclose(fits[1].validation_scores_, scores[:good], rtol=1e-9)
    for one, other in zip(*map(parameters, fits), strict=True):
        assert np.isfinite(other).all()
        np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-12)


@KINDS
def test_a_fit_after_a_diverging_one(kind):
    """Nothing of a failed fit reaches the next one."""
    cls = CLASSES[kind][1]
    estimator = cls(hidden_layer_sizes=(4,), random_state=0, max_iter=5)
    diverging = {"solver": "sgd", "learning_rate_init": 1e200, "alpha": 1e200}
    estimator.set_params(**diverging)
    assert outcome(lambda: estimator.fit(X, GOOD[kind])).error is not None
    estimator.set_params(solver="adam", learning_rate_init=1e-3, alpha=1e-4)
    fresh = cls(hidden_layer_sizes=(4,), random_state=0, max_iter=5)
    for each in (estimator, fresh):
        assert outcome(lambda e=each: e.fit(X, GOOD[kind])).error is None
    for one, other in zip(parameters(estimator), parameters(fresh), strict=True):
        np.testing.assert_array_equal(one, other)


@KINDS
@pytest.mark.parametrize("where", ["fit", "predict"])
def test_values_too_large_for_float32(kind, where):
    large = changed(X, (39, 2), 1e39)  # finite in float64
    estimator = CLASSES[kind][1](hidden_layer_sizes=(4,), dtype="float32", max_iter=2)
    if where == "predict":
        outcome(lambda: estimator.fit(X, GOOD[kind]))
        told = outcome(lambda: estimator.predict(large))
    else:
        told = outcome(lambda: estimator.fit(large, GOOD[kind]))
    message = "Input X contains infinity or a value too large for dtype('float32')."
    assert told.error == ("ValueError", message)
    assert told.warnings == []


@KINDS
def test_values_too_large_for_float64(kind):
    """scikit-learn predicts these in extended precision; ours has no such network."""
    large = changed(X, (39, 2), np.longdouble("1e400"), np.longdouble)
    estimator = CLASSES[kind][1](hidden_layer_sizes=(4,), max_iter=2)
    outcome(lambda: estimator.fit(X, GOOD[kind]))
    told = outcome(lambda: estimator.predict(large))
    message = "Input X contains infinity or a value too large for dtype('float64')."
    assert told.error == ("ValueError", message)
    assert told.warnings == []
