"""Exported pipelines, networks of scikit-learn's, and real data in ONNX Runtime."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

# Without the peers the module ends above, so these imports cannot come first.
from oracles.onnx_sessions import (
    check_batches,
    check_classifier,
    check_regressor,
    check_values,
    predictor_of,
    run,
    session_of,
)
from oracles.parity import fit_quietly
from sklearn.base import clone
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.neural_network import MLPRegressor as TheirRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from fusednn import MLPClassifier, MLPRegressor
from fusednn.estimators.deployment.scalers import affine_of
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.rescale import Rescale

pytestmark = pytest.mark.peers
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
SHORT = {"max_iter": 4, "random_state": 0}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "network.onnx"


SCALERS = {
    "standard": [StandardScaler()],
    "deviation alone": [StandardScaler(with_mean=False)],
    "mean alone": [StandardScaler(with_std=False)],
    "range": [MinMaxScaler((-2, 3))],
    "range, clipped": [MinMaxScaler((0.1, 0.7), clip=True)],
    "largest": [MaxAbsScaler()],
    "robust": [RobustScaler()],
    "one behind the other": [RobustScaler(), MinMaxScaler(clip=True), "passthrough"],
}


@DTYPES
@pytest.mark.parametrize("far", [0, 80, 1e5])
@pytest.mark.parametrize("name", SCALERS)
def test_pipelines(name, far, dtype, path):
    random = np.random.RandomState(0)
    X = (random.normal(size=(600, 5)) * [1, 3, 10, 0.2, 5] + far).astype(dtype)
    y = np.digitize(X[:, 1], np.quantile(X[:, 1], [0.3, 0.6]))
    pipe = make_pipeline(*SCALERS[name], MLPClassifier((9,), dtype=dtype, **SHORT))
    fit_quietly(pipe, X[:300], y[:300])
    check_batches(
        pipe,
        X[300:],
        path,
        lambda answers, rows: check_values(
            answers["probabilities"],
            pipe.predict_proba(rows),
            1e-5 if dtype == "float32" else 1e-9 if far else 1e-12,
        ),
    )


@DTYPES
@pytest.mark.parametrize("name", SCALERS)
def test_scalings_that_stay_are_exact(name, dtype, path):
    """Rounded as scikit-learn's scalers round, whatever runs the network."""
    random = np.random.RandomState(0)
    X = (random.normal(size=(600, 5)) * [1, 3, 10, 0.2, 5] + 1e6).astype(dtype)
    scaler = clone(SCALERS[name][0]).fit(X[:300])
    predictor = predictor_of([Rescale(5)], affine_of(scaler, np.dtype(dtype)), dtype)
    found = run(session_of(predictor, path), X)["variable"]
    np.testing.assert_array_equal(found, predictor.predict(X))
    np.testing.assert_array_equal(found, scaler.transform(X))


def test_means_in_the_biases_cost_no_digits(path):
    """float32: products of some hundreds that a bias takes away again."""
    random = np.random.RandomState(0)
    X = (random.normal(size=(300, 4)) + 500).astype("f4")
    weights = random.normal(size=(4, 6)).astype("f4")
    biases = (random.normal(size=6) - 500 * weights.sum(axis=0, dtype=float)).astype("f4")
    op = Dense(4, 6)
    session = session_of(predictor_of([op], [weights, biases], "float32"), path)
    exact = X.astype(float) @ weights.astype(float) + biases
    check_values(run(session, X)["variable"], exact.astype("f4"), 1e-7)


# -- scikit-learn's own, and real data ---------------------------------------------------


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_networks_of_scikit_learn(activation, digits, diabetes, path):
    X, y = digits
    est = TheirClassifier((20,), activation, **SHORT)
    check_classifier(fit_quietly(est, X[:500], y[:500]), X[1000:], path)
    check_classifier(fit_quietly(est, X[:500], y[:500] > 4), X[1000:], path)
    labels = np.stack([y % 2, y > 4, y % 3 == 0], axis=1)
    check_classifier(fit_quietly(est, X[:500], labels[:500]), X[1000:], path)
    X, y = diabetes
    est = TheirRegressor(hidden_layer_sizes=(20,), activation=activation, **SHORT)
    check_regressor(fit_quietly(est, X, y), X, path)
    check_regressor(fit_quietly(est, X.astype("f4"), np.stack([y, -y], 1)), X.astype("f4"), path)
    est.set_params(loss="poisson")
    check_regressor(fit_quietly(est, X, np.exp(y / 3)), X, path)


@DTYPES
def test_images(dtype, images, path):
    X, y, X_test, y_test, _ = images
    est = MLPClassifier((64, 32), dtype=dtype, max_iter=2, random_state=0)
    est = fit_quietly(est, X.astype(dtype), y)
    session = check_classifier(est, X_test.astype(dtype), path)
    answers = run(session, X_test.astype(dtype))
    assert abs(np.mean(answers["label"] == y_test) - est.score(X_test, y_test)) < 2e-3
    check_values(answers["probabilities"], est.predict_proba(X_test.astype(dtype)))


@DTYPES
def test_a_pipeline_on_real_values(dtype, diabetes, path):
    X, y = diabetes[0].astype(dtype), diabetes[1]
    est = MLPRegressor(hidden_layer_sizes=(50, 20), dtype=dtype, max_iter=50, random_state=0)
    pipe = fit_quietly(make_pipeline(MinMaxScaler(clip=True), est), X[:300], y[:300])
    check_regressor(pipe, X[142:], path)
