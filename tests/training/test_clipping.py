"""Clipping of the gradient as its users meet it."""

import numpy as np
import pytest
from oracles.parity import assert_same_bits

from fusednn import MLPClassifier, MLPRegressor

X = np.random.RandomState(0).normal(size=(23, 6))
LABELS = np.random.RandomState(1).randint(3, size=23)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("params", [{"clip_norm": 0.1}, {"clip_value": 0.01}], ids=str)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_estimators(params, solver):
    """Bounds that bind change the fit, those that do not leave it as it was, up to rounding."""
    many = np.tile(X, (300, 1))
    options = {
        "hidden_layer_sizes": (9, 2), "max_iter": 4, "random_state": 0, "solver": solver,
        "learning_rate_init": 0.05,
    }  # fmt: skip
    plain = MLPClassifier(**options).fit(X, LABELS)
    loose = MLPClassifier(**options, **dict.fromkeys(params, 1e9)).fit(X, LABELS)
    bound = MLPClassifier(**options, **params).fit(X, LABELS)
    np.testing.assert_allclose(loose.coefs_[0], plain.coefs_[0], atol=1e-12)
    assert abs(bound.coefs_[0] - plain.coefs_[0]).max() > 1e-6
    for batch in (200, 5000):  # blocks too
        fits = [
            MLPRegressor(**options, **params, batch_size=batch, n_jobs=n_jobs).fit(
                many, many[:, :2]
            )
            for n_jobs in (1, 3)
        ]
        assert_same_bits(*fits)
    again = MLPClassifier(**options, **params).partial_fit(X, LABELS, classes=[0, 1, 2])
    once = MLPClassifier(**{**options, "max_iter": 1}, **params).fit(X, LABELS)
    assert_same_bits(again, once)


def test_clipping_saves_a_fit_that_diverges():
    y = X[:, 0] * 1000
    options = {"hidden_layer_sizes": (9,), "solver": "sgd", "random_state": 0, "max_iter": 20}
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="non-finite"):
        MLPRegressor(**options, learning_rate_init=0.5).fit(X, y)
    model = MLPRegressor(**options, learning_rate_init=0.5, clip_norm=1.0).fit(X, y)
    assert np.isfinite(model.loss_)


@pytest.mark.parametrize("name", ["clip_norm", "clip_value"])
def test_refused_bounds(name):
    for bad in (0, -1.0, "much"):
        with pytest.raises(ValueError, match=name):
            MLPClassifier(**{name: bad}).fit(X, LABELS)
    with pytest.raises(ValueError, match="for solvers other than 'lbfgs'"):
        MLPClassifier(solver="lbfgs", **{name: 1.0}).fit(X, LABELS)
