"""Layers that are not trained, and statistics that are read."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from fusednn import NetworkClassifier
from fusednn.layers import (
    BatchNorm,
    Dense,
    Residual,
)
from fusednn.optimizers import SGD

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, DIGITS = load_digits(return_X_y=True)
X, DIGITS = X[:400] / 16, DIGITS[:400]


def test_frozen_layers():
    """A factor of 0; not for L-BFGS, which has no rates."""
    layers = [Dense(6, "relu", rate_factor=0.0), BatchNorm(rate_factor=0.0), Dense(5, "relu")]
    for solver in ("adam", "adamw", "lion", SGD(0.9)):
        model = NetworkClassifier(layers, solver=solver, max_iter=3, warm_start=True, alpha=0.1)
        model.set_params(learning_rate_init=0.1, random_state=0)
        before = model.initialize(X, DIGITS).get_weights()
        after = model.fit(X, DIGITS).get_weights()
        for one, other in zip(
            [*before[0], *before[1][:2]], [*after[0], *after[1][:2]], strict=True
        ):
            np.testing.assert_array_equal(one, other)
        assert (before[2][0] != after[2][0]).any()
    with pytest.raises(ValueError, match="rate_factor is for solvers other than"):
        NetworkClassifier([Dense(6, rate_factor=0.0)], solver="lbfgs").fit(X, DIGITS)


def test_scaling_can_be_read():
    model = NetworkClassifier([Dense(5, "tanh")], standardize=True, max_iter=2).fit(X, DIGITS)
    (w, b), (last, c) = model.get_weights()
    scaled = (X - model.feature_means_) * model.feature_factors_
    expected = np.tanh(scaled @ w + b) @ last + c
    np.testing.assert_allclose(model.predict_logits(X), expected, atol=1e-12)
    with pytest.raises(ValueError, match="standardize cannot change"):
        model.set_params(standardize=False).partial_fit(X, DIGITS)
    assert not hasattr(model.fit(X, DIGITS), "feature_means_")


def test_variances_are_not_negative():
    model = NetworkClassifier([Residual([BatchNorm()])], max_iter=2).fit(X, DIGITS)
    weights = model.get_weights()
    weights[0][0][3][2] = -1
    with pytest.raises(ValueError, match="running variance of a BatchNorm must not be negative"):
        model.set_weights(weights)
