"""Estimators that are trained call by call, and what is done between the calls."""

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier as PeerClassifier
from sklearn.neural_network import MLPRegressor as PeerRegressor

from fusednn import MLPClassifier, MLPRegressor

rng = np.random.RandomState(0)
X = rng.normal(size=(40, 5))
LABELS = rng.randint(3, size=40)
LABELS[:3] = 0, 1, 2
TARGETS = {
    "multiclass": LABELS,
    "binary": np.minimum(LABELS, 1),
    "multilabel": np.c_[LABELS > 0, LABELS > 1].astype(int),
    "regression": rng.normal(size=40),
    "outputs": rng.normal(size=(40, 2)),
}
KINDS = pytest.mark.parametrize("kind", TARGETS)


def new(kind, peer=False, **params):
    params = {"hidden_layer_sizes": (7, 4), "random_state": 0, "max_iter": 3, **params}
    if kind in ("regression", "outputs"):
        return (PeerRegressor if peer else MLPRegressor)(**params)
    return (PeerClassifier if peer else MLPClassifier)(**params)


def train(estimator, kind, rows=slice(None), data=X, weights=None):
    first = not hasattr(estimator, "coefs_") and hasattr(estimator, "predict_proba")
    y = TARGETS[kind]
    classes = {"classes": [0, 1] if y.ndim == 2 else np.unique(y)} if first else {}
    weights = None if weights is None else weights[rows]
    return estimator.partial_fit(data[rows], y[rows], weights, **classes)


def state(estimator):
    arrays = [*estimator.coefs_, *estimator.intercepts_, np.array(estimator.loss_curve_)]
    return [*arrays, *(m for moment in estimator._optimizer.moments for m in moment)]


def assert_same_bits(one, other):
    for a, b in zip(state(one), state(other), strict=True):
        assert a.dtype == b.dtype
        assert a.tobytes() == b.tobytes()


def halve(estimator):
    estimator.coefs_[0][:] *= 0.5
    estimator.intercepts_[-1] += 0.25


def replace(estimator):
    estimator.coefs_ = [np.asfortranarray(w * 0.7) for w in estimator.coefs_]
    estimator.intercepts_ = [b[::-1].copy() for b in estimator.intercepts_]
