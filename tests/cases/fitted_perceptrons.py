"""Small fitted perceptrons of both kinds, and their data."""

import numpy as np
import pytest
from oracles.parity import (
    CLASSES,
    fit_quietly,
)

KINDS = pytest.mark.parametrize("kind", CLASSES)
OURS = {kind: pair[1] for kind, pair in CLASSES.items()}


def features_and_targets():
    """X, and y by the kind of the estimator."""
    rng = np.random.RandomState(0)
    X = rng.normal(size=(160, 5))
    return X, {"classifier": (X[:, 0] > 0) * 1 + (X[:, 1] > 0.5), "regressor": X[:, 0] * X[:, 1]}


def fitted(kind, data, **params):
    params = {"hidden_layer_sizes": (9,), "random_state": 0, "max_iter": 8, **params}
    return fit_quietly(OURS[kind](**params), data[0], data[1][kind])
