"""Fitted estimators that end with axes, with each kind of head."""

import numpy as np
from oracles.parity import fit_quietly

from fusednn import NetworkClassifier, NetworkRegressor
from fusednn.layers import LSTM, BatchNorm, Conv1D, Conv2D, Reshape
from fusednn.losses import Gaussian, Quantile

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(30, 5, 3))
VALUES = RANDOM.normal(size=(30, 5))
STEPS = [LSTM(4, return_sequences=True)]
FITS = {  # class, layers, y, options
    "classes": (NetworkClassifier, STEPS, np.digitize(VALUES, [-0.5, 0.5]), {"standardize": True}),
    "two classes": (
        *(NetworkClassifier, [Conv1D(6, 3), BatchNorm()]),
        *(np.where(VALUES > 0, "b", "a"), {}),
    ),
    "one class": (NetworkClassifier, STEPS, np.full(VALUES.shape, 7), {}),
    "values": (NetworkRegressor, [Conv1D(6, 3, "relu", padding=0)], VALUES[:, 2:], {}),
    "several values": (NetworkRegressor, STEPS, np.stack([VALUES, -VALUES], axis=2), {}),
    "counts": (NetworkRegressor, STEPS, np.abs(VALUES), {"loss": "poisson"}),
    "quantiles": (NetworkRegressor, STEPS, VALUES, {"loss": Quantile((0.1, 0.5, 0.9))}),
    "normal": (
        *(NetworkRegressor, [Reshape(5, 3, 1), Conv2D(4, 3)]),
        *(np.stack([X, -X], axis=3), {"loss": Gaussian(1e-3)}),
    ),
}  # fmt: skip


def fitted(name, dtype="float32"):
    """An estimator after two passes."""
    kind, layers, y, options = FITS[name]
    model = kind(layers, max_iter=2, random_state=0, dtype=dtype, **options)
    return fit_quietly(model, X, y)


def outputs_of(model):
    """The method that answers with numbers, of an estimator or a predictor."""
    return model.predict_proba if hasattr(model, "classes_") else model.predict
