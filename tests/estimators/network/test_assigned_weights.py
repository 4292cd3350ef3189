"""Weights, targets and matrices that do not fit are refused before an address is made of them."""

import numpy as np
import pytest
import scipy.sparse as sp
from oracles.parity import fit_quietly
from sklearn.neural_network import MLPRegressor as Peer

from fusednn import MLPClassifier, MLPRegressor

rng = np.random.RandomState(0)
X, y = rng.normal(size=(60, 4)), rng.normal(size=60)


def fitted(**params):
    return fit_quietly(
        MLPRegressor(hidden_layer_sizes=(5,), max_iter=2, random_state=0, **params), X, y
    )


@pytest.mark.parametrize("rows", [1, 60, 300])
@pytest.mark.parametrize(
    ("name", "layer", "shape"),
    [
        ("intercepts_", 0, (3,)),
        ("intercepts_", 1, (2,)),
        ("coefs_", 1, (6, 1)),
        ("coefs_", 0, (4, 6)),
        ("coefs_", 0, (3, 5)),
    ],
)
def test_weights_that_do_not_fit(name, layer, shape, rows):
    model = fitted()
    getattr(model, name)[layer] = np.zeros(shape)
    with pytest.raises(ValueError, match=r"fit together|features"):
        model.predict(np.ones((rows, 4)))


@pytest.mark.parametrize("dtype", [np.int64, np.float16, np.float32])
def test_weights_of_other_types(dtype):
    model, peer = (
        fitted(),
        fit_quietly(Peer(hidden_layer_sizes=(5,), max_iter=2, random_state=0), X, y),
    )
    for one in (model, peer):
        one.coefs_ = [np.round(4 * w).astype(dtype) for w in one.coefs_]
        one.intercepts_ = [np.round(4 * b).astype(dtype) for b in one.intercepts_]
    expected = peer.predict(X)
    rounding = 8 * np.finfo(np.float32).eps * abs(expected).max()
    np.testing.assert_allclose(model.predict(X), expected, rtol=0, atol=rounding)


@pytest.mark.parametrize("width", [2, 3, 50, 500])
def test_targets_of_another_width(width):
    model = MLPRegressor(hidden_layer_sizes=(5,), random_state=0).partial_fit(X, y)
    before = model.predict(X)
    with pytest.raises(ValueError, match="layers"):
        model.partial_fit(X, np.tile(y[:, np.newaxis], (1, width)))
    np.testing.assert_array_equal(model.predict(X), before)


def test_a_warm_start_with_other_layers():
    model = fitted(warm_start=True)
    with pytest.raises(ValueError, match="layers"):
        model.set_params(hidden_layer_sizes=(7,)).fit(X, y)


@pytest.mark.parametrize("wrong", [99, -7, 2**31 - 1])
def test_column_numbers_out_of_range(wrong):
    matrix = sp.random(60, 50, 0.1, format="csr", random_state=0)
    matrix.indices[5] = wrong
    with pytest.raises(ValueError, match="indices"):
        MLPClassifier((5,), max_iter=2).fit(matrix, y > 0)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_negative_counts_are_no_plausible_loss(solver):
    """The Poisson loss of a negative target is not a number, so such targets are refused."""
    model = MLPRegressor("poisson", (5,), solver=solver, max_iter=3, random_state=0)
    with pytest.raises(ValueError, match=r"'Poisson'.*y >= 0"):
        model.fit(X, y)
    assert not hasattr(model, "coefs_")


def test_moments_of_a_diverged_pass_are_dropped():
    model = MLPRegressor(hidden_layer_sizes=(5,), solver="sgd", random_state=0).partial_fit(X, y)
    with pytest.raises(ValueError, match="non-finite"):
        model.partial_fit(X * 1e200, y)
    assert np.isfinite(model.partial_fit(X, y).predict(X)).all()


def test_early_stopping_switched_between_warm_fits():
    model = fitted(warm_start=True)
    fit_quietly(model.set_params(early_stopping=True), X, y)
    assert len(model.validation_scores_) == 2
    fit_quietly(model.set_params(early_stopping=False), X, y)
    assert np.isfinite(model.best_loss_)
