"""Weights that stop being finite: without a good validation score before it the error that every
such fit ends with, else an end at once with the weights of the best score, and a warning."""

import pickle

import numpy as np
import pytest
from oracles.parity import assert_same_bits, fit_quietly
from sklearn.exceptions import ConvergenceWarning

from fusednn import MLPClassifier, MLPRegressor, NetworkRegressor, optimizers
from fusednn.layers import Dense

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
Y = 10 * X[:, 0]
SGD = {"solver": "sgd", "max_iter": 300, "n_iter_no_change": 300, "random_state": 0}
SOON, LATER = 1e200, 0.3  # rates: in the second pass, and after some good ones
KINDS = {
    "MLP": lambda **p: MLPRegressor(hidden_layer_sizes=(5,), **{**SGD, **p}),
    "Network": lambda **p: NetworkRegressor([Dense(5, "relu")], **{**SGD, **p}),
}
VALIDATIONS = {
    "a part": ({}, {}),
    "X_val": ({}, {"X_val": X[:20], "y_val": Y[:20]}),
    "loss": ({"scoring": "loss"}, {}),
    "scorer": ({"scoring": "neg_mean_absolute_error"}, {}),
    "averages": ({"ema_decay": 0.5}, {}),
    "accumulated": ({"accumulate": 2, "batch_size": 30}, {}),
    "float32": ({"dtype": "float32"}, {}),
}


def quietly(function):
    with np.errstate(all="ignore"):
        return function()


def solver_of(kind, rate):
    """A solver that makes both diverge."""
    name = {"MLP": "sgd", "Network": optimizers.SGD(momentum=0.9, nesterov=True)}[kind]
    return {"solver": name, "learning_rate_init": rate}


@pytest.mark.parametrize("name", VALIDATIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_without_any_good_weights(kind, name):
    """The error, and the weights, of the same fit without early stopping."""
    options, given = VALIDATIONS[name]
    model = KINDS[kind](early_stopping=True, **{**options, **solver_of(kind, SOON)})
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        quietly(lambda: model.fit(X, Y, **given))
    assert all(np.isfinite(array).all() for array in model._parameters())
    assert len(model.loss_curve_) == model.n_iter_ <= 1
    assert model.best_validation_score_ == -np.inf


@pytest.mark.parametrize("name", VALIDATIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_good_weights_are_kept(kind, name):
    """Those of the pass with the best score, as a fit that ends there has them."""
    options, given = VALIDATIONS[name]
    options = {"early_stopping": True, **options, **solver_of(kind, LATER)}
    model = KINDS[kind](**options)
    with pytest.warns(ConvergenceWarning, match="stopped being finite after pass") as told:
        quietly(lambda: model.fit(X, Y, **given))
    assert len(told) == 1
    scores = np.array(model.validation_scores_)
    assert len(scores) == len(model.loss_curve_) == model.n_iter_ < 300
    assert f"after pass {model.n_iter_}:" in str(told[0].message)
    assert model.best_validation_score_ == np.nanmax(scores)
    best = int(np.nanargmax(scores)) + 1
    shorter = KINDS[kind](**{**options, "max_iter": best})
    fit_quietly(shorter, X, Y, **given)
    for a, b in zip(model._parameters(), shorter._parameters(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.isfinite(model.predict(X)).all()


def test_it_goes_on_from_the_weights_that_were_kept():
    """Nothing that is not finite is left in the optimizer."""
    model = KINDS["MLP"](
        early_stopping=True, learning_rate_init=LATER, warm_start=True, warm_start_optimizer=True
    )
    quietly(lambda: fit_quietly(model, X, Y))
    again = pickle.loads(pickle.dumps(model)).set_params(learning_rate_init=1e-4, max_iter=3)
    again._optimizer.learning_rate = 1e-4
    fit_quietly(again, X, Y)
    assert again.best_validation_score_ >= model.best_validation_score_
    model.set_params(early_stopping=False)
    model._optimizer.learning_rate = 1e-4
    assert np.isfinite(fit_quietly(model, X, Y).loss_)


def test_good_weights_of_an_earlier_fit():
    model = KINDS["MLP"](early_stopping=True, learning_rate_init=0.001, warm_start=True)
    fit_quietly(model.set_params(max_iter=5), X, Y)
    kept = [part.copy() for part in model.coefs_]
    model.set_params(learning_rate_init=SOON, n_iter_no_change=5)
    with pytest.warns(ConvergenceWarning, match="stopped being finite"):
        quietly(lambda: model.fit(X, Y))
    for one, other in zip(model.coefs_, kept, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_set_that_only_looks_on_changes_nothing():
    given = {"X_val": X[:20], "y_val": Y[:20]}
    models = [KINDS["MLP"](learning_rate_init=LATER) for _ in range(2)]
    for model, extra in zip(models, ({}, given), strict=True):
        with pytest.raises(ValueError, match="non-finite"):
            quietly(lambda m=model, extra=extra: m.fit(X, Y, **extra))
        model.validation_scores_ = None
    assert_same_bits(*models)


def no_number(model, X, y):
    return np.nan


class Scores:
    """Says these, one after the other, whatever it is given."""

    def __init__(self, *scores):
        self.scores = list(scores)

    def __call__(self, model, X, y):
        return self.scores.pop(0)


def test_scores_that_are_no_numbers_are_no_improvement():
    """They end a fit after `n_iter_no_change` passes, with the best weights before."""
    params = {"early_stopping": True, "n_iter_no_change": 4, "max_iter": 50, "random_state": 0}
    model = MLPClassifier((4,), scoring=no_number, **params)
    with pytest.warns(UserWarning, match="No validation score was a number: the first"):
        model.fit(X, Y > 0)
    assert model.n_iter_ == 5
    assert model.best_validation_score_ == -np.inf
    model = MLPClassifier((4,), scoring=Scores(1, 2, *[np.nan] * 5), **params).fit(X, Y > 0)
    assert model.n_iter_ == 7
    assert model.best_validation_score_ == 2
    shorter = MLPClassifier((4,), scoring=Scores(1, 2), **{**params, "max_iter": 2})
    fit_quietly(shorter, X, Y > 0)
    assert all(map(np.array_equal, model.coefs_, shorter.coefs_))
