"""Data with a validation set, small estimators, and their losses in NumPy."""

import numpy as np
import pytest
from scipy.special import log_softmax, xlogy

from fusednn import MLPClassifier, MLPRegressor

rng = np.random.RandomState(0)
X = rng.normal(size=(240, 6))
LABELS = (X[:, 0] + 0.5 * rng.normal(size=240) > 0.8) * 1 + (X[:, 1] > 0.3)
TARGETS = {
    "binary": np.minimum(LABELS, 1),
    "multiclass": LABELS,
    "multilabel": np.c_[LABELS > 0, X[:, 2] > 0].astype(int),
    "regression": X[:, 0] * X[:, 1] + 0.1 * rng.normal(size=240),
    "outputs": np.c_[X[:, 0] * X[:, 1], X[:, 2]],
    "poisson": rng.poisson(np.exp(0.5 * X[:, 0])).astype(float),
}
WEIGHTS = rng.uniform(0.5, 2, 240)
TRAIN, VAL = slice(0, 160), slice(160, 240)
KINDS = pytest.mark.parametrize("kind", TARGETS)


def is_regression(kind):
    return kind in ("regression", "outputs", "poisson")


def new(kind, **params):
    params = {"hidden_layer_sizes": (8, 5), "random_state": 0, "max_iter": 6, **params}
    if kind == "poisson":
        params["loss"] = "poisson"
    return (MLPRegressor if is_regression(kind) else MLPClassifier)(**params)


def forward(model, X, last=None):
    """Logits, or the outputs of a hidden layer, in plain NumPy."""
    z = np.asarray(X, float)
    for layer, (w, b) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        z = z @ w + b
        if layer < len(model.coefs_) - 1:
            z = np.maximum(z, 0)
        if layer == last:
            break
    return z


def data_loss(kind, z, y, weights=None):
    """The mean loss of logits, without a penalty, in plain NumPy."""
    y = np.asarray(y, float).reshape(len(z), -1)
    if kind == "multiclass":
        rows = -log_softmax(z, axis=1)[np.arange(len(z)), y[:, 0].astype(int)]
    elif kind in ("binary", "multilabel"):
        rows = (np.logaddexp(0, z) - y * z).sum(axis=1)
    elif kind == "poisson":
        rows = (xlogy(y, y) - y * z - y + np.exp(z))[:, 0]
    else:
        rows = 0.5 * ((z - y) ** 2).mean(axis=1)
    return np.average(rows, weights=weights)
