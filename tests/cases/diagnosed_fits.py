"""Estimators with `diagnose=True`, and their data."""

import numpy as np

from fusednn import (
    MLPClassifier,
    MLPRegressor,
)
from fusednn.layers import (
    Dense,
)

rng = np.random.RandomState(0)
X = rng.normal(size=(600, 6))
LABELS = (X[:, 0] > 0) * 1 + (X[:, 1] > 0.5)
VALUES = X[:, 0] * X[:, 1]


def new(kind, **params):
    params = {"max_iter": 4, "random_state": 0, "diagnose": True, **params}
    if issubclass(kind, MLPClassifier | MLPRegressor):
        params = {"hidden_layer_sizes": (9, 5), "alpha": 0.0, **params}
    else:
        params = {"layers": [Dense(9, "relu"), Dense(5, "tanh")], **params}
    return kind(**params)
