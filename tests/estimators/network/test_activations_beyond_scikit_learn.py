"""Estimators with the activations that scikit-learn does not have: every way to train and look."""

import numpy as np
import pytest
from fusednn.kernels.activations import ACTIVATIONS
from oracles import reference_network
from oracles.parity import assert_same_bits, fit_quietly, parameters
from scipy import sparse
from sklearn.neural_network._multilayer_perceptron import ACTIVATIONS as THEIRS

from fusednn import MLPClassifier, MLPRegressor

NAMES = pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name not in THEIRS])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
TOLERANCE = {np.float32: 2e-5, np.float64: 1e-11}

rng = np.random.RandomState(0)
X = rng.normal(size=(300, 6)) * (rng.rand(300, 6) < 0.7)
LABELS = (X[:, 0] > 0.3) * 1 + (X[:, 1] > 0.2)
VALUES = X[:, 0] * X[:, 1] + 0.1 * rng.normal(size=300)


def new(name, cls=MLPClassifier, **params):
    params = {"hidden_layer_sizes": (19, 7), "random_state": 0, "max_iter": 5, **params}
    return cls(activation=name, **params)


@pytest.mark.thinned
@NAMES
@DTYPES
@pytest.mark.parametrize("rows", [1, 64, 300])
def test_outputs_of_every_layer(name, dtype, rows):
    """Few rows and many, dense and CSR, have the same bits; they are plain NumPy's answers."""
    model = fit_quietly(new(name), X.astype(dtype), LABELS)
    data = X[:rows].astype(dtype)
    outputs, _ = reference_network.forward(
        name, *([part.astype(float) for part in group] for group in
                (model.coefs_, model.intercepts_)), data.astype(float)
    )  # fmt: skip
    for form in (np.asarray, sparse.csr_matrix):
        for layer, expected in enumerate(outputs[1:-1]):
            found = model.hidden_activations(form(data), layer)
            np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE[dtype])
        logits = model.predict_logits(form(data))
        np.testing.assert_allclose(logits, outputs[-1], rtol=0, atol=4 * TOLERANCE[dtype])
        np.testing.assert_array_equal(logits, model.predict_logits(X.astype(dtype))[:rows])


@pytest.mark.thinned
@NAMES
@DTYPES
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_training(name, dtype, solver):
    """It learns; dense or CSR, with one thread or three, to the same bits."""
    options = {"solver": solver, "max_iter": 30, "learning_rate_init": 0.01}
    first = fit_quietly(new(name, n_jobs=1, **options), X.astype(dtype), LABELS)
    other = fit_quietly(new(name, n_jobs=3, **options), sparse.csr_matrix(X.astype(dtype)), LABELS)
    assert_same_bits(first, other)
    untrained = fit_quietly(new(name, max_iter=1, solver="sgd"), X.astype(dtype), LABELS)
    assert first.loss_ < 0.9 * untrained.loss_
    assert first.score(X.astype(dtype), LABELS) > 0.6
    assert all(part.dtype == dtype for part in parameters(first))


@NAMES
def test_gradient(name):
    model = fit_quietly(new(name, MLPRegressor, alpha=0.3), X, VALUES)
    value, *gradients = model.loss_and_gradient(X, VALUES)
    expected = reference_network.loss_and_gradient(
        name, "squared_error", model.coefs_, model.intercepts_, X, VALUES[:, np.newaxis],
        np.ones(len(X)), 0.3,
    )  # fmt: skip
    assert value == pytest.approx(expected[0], rel=1e-12)
    for group, other in zip(gradients, expected[1:], strict=True):
        for one, two in zip(group, other, strict=True):
            np.testing.assert_allclose(one, two, rtol=0, atol=1e-12)


@NAMES
def test_large_batches(name, monkeypatch):
    """In blocks whose gradients are added up."""
    whole = fit_quietly(new(name, batch_size=300), X, LABELS)
    monkeypatch.setattr("fusednn.plan.memory.sizes.BLOCK_LIMIT", 128)
    blocks = fit_quietly(new(name, batch_size=300), X, LABELS)
    for one, other in zip(parameters(whole), parameters(blocks), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)


@NAMES
def test_initial_weights_are_those_of_relu(name):
    options = {"max_iter": 1, "solver": "sgd", "learning_rate_init": 1e-300}
    ours, relu = (fit_quietly(new(n, **options), X, LABELS) for n in (name, "relu"))
    for one, other in zip(parameters(ours), parameters(relu), strict=True):
        np.testing.assert_array_equal(one, other)


@NAMES
def test_diagram(name):
    assert f">{name}<" in fit_quietly(new(name), X, LABELS)._repr_html_()
