"""Real data: what a user would see in a first try."""

import warnings

import numpy as np
import pytest
from oracles.parity import assert_same_network, fit_pair
from scipy import sparse

from fusednn import MLPClassifier, MLPRegressor


def fit(estimator, X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(X, y)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_digits(digits, dtype):
    X, y = digits
    model = fit(MLPClassifier((64,), max_iter=60, random_state=0, dtype=dtype), X[:1400], y[:1400])
    assert model.score(X[1400:], y[1400:]) > 0.88
    assert model.score(X[:1400], y[:1400]) > 0.98
    assert np.diff(model.loss_curve_[:10]).max() < 0


@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
def test_digits_by_other_solvers(digits, solver):
    X, y = digits
    params = {"learning_rate_init": 0.2} if solver == "sgd" else {}
    model = MLPClassifier((64,), solver=solver, max_iter=60, random_state=0, **params)
    assert fit(model, X[:1400], y[:1400]).score(X[1400:], y[1400:]) > 0.88


def test_diabetes(diabetes):
    X, y = diabetes
    model = MLPRegressor(hidden_layer_sizes=(20,), alpha=10, max_iter=500, random_state=0)
    assert fit(model, X[:340], y[:340]).score(X[340:], y[340:]) > 0.45


def test_images(images):
    """Fashion-MNIST where it is at hand: dense and sparse, early stopping, several threads."""
    X, y, X_test, y_test, wanted = images
    model = MLPClassifier((128,), max_iter=12, early_stopping=True, random_state=0, n_jobs=2)
    assert fit(model, X, y).score(X_test, y_test) > wanted
    assert fit(model, sparse.csr_matrix(X), y).score(sparse.csr_matrix(X_test), y_test) > wanted


def test_images_give_scikit_learns_network(images):
    X, y, *_ = images
    X, y = np.ascontiguousarray(X[:2000], np.float64), y[:2000]
    expected, actual = fit_pair("classifier", X, y, hidden_layer_sizes=(40,), max_iter=12)
    assert_same_network(expected, actual, 1e-6)
