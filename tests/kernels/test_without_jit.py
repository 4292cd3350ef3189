"""Whole fits on small data, with the JIT and, where lines of kernels are counted, without it.

Without it every array kernel, op and the engine are plain Python on twins of the intrinsics,
which is how their lines are covered.
"""

import numpy as np
import pytest
from oracles.parity import assert_same_network, fit_pair, parameters
from scipy import sparse

import fusednn

TOLERANCE = {np.float32: 1e-3, np.float64: 1e-9}
both_dtypes = pytest.mark.parametrize("dtype", list(TOLERANCE))


def data(dtype, classes=3):
    random = np.random.RandomState(0)
    X = random.normal(size=(30, 5)) * (random.rand(30, 5) < 0.6)
    return X.astype(dtype), (X @ random.normal(size=(5, classes))).argmax(axis=1)


def fit(kind, X, y, dtype, own=None, sample_weight=None, **options):
    options = {"hidden_layer_sizes": (7, 4), "max_iter": 3, "batch_size": 12, **options}
    pair = fit_pair(kind, X, y, sample_weight, own=own, **options)
    if options.get("solver") != "lbfgs":  # whose weights are float64 in scikit-learn
        assert_same_network(*pair, TOLERANCE[dtype])
    for want, got in zip(*map(parameters, pair), strict=True):
        assert got.dtype == dtype
        np.testing.assert_allclose(got, want, rtol=0, atol=TOLERANCE[dtype])
    for rows in (X, X[:2]):
        names = ("predict_proba", "predict") if kind == "classifier" else ("predict",)
        for name in names:
            want, got = (getattr(one, name)(rows) for one in pair)
            np.testing.assert_allclose(got, want, rtol=0, atol=2 * TOLERANCE[dtype])
    return pair[1]


@both_dtypes
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix], ids=["dense", "csr"])
def test_solvers(solver, form, dtype):
    X, y = data(dtype)
    fit("classifier", form(X), y, dtype, solver=solver)


@both_dtypes
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_activations(activation, dtype):
    X, y = data(dtype, classes=2)
    fit("classifier", X, y, dtype, activation=activation, nesterovs_momentum=False, solver="sgd")


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_regression(loss):
    X, y = data(np.float64)
    fit("regressor", X, y.astype(float), np.float64, loss=loss, sample_weight=1.0 + y)


def test_several_workers():
    X, y = data(np.float64)
    one = fit("classifier", X, y, np.float64)
    three = fit("classifier", X, y, np.float64, own={"n_jobs": 3})
    for a, b in zip(one.coefs_, three.coefs_, strict=True):
        np.testing.assert_array_equal(a, b)


@both_dtypes
def test_a_wide_layer(dtype):
    """More columns than one task of a bias takes."""
    X, y = data(dtype)
    fit("classifier", X, y, dtype, hidden_layer_sizes=(133,), batch_size=30)


@both_dtypes
@pytest.mark.parametrize("classes", [2, 3])
def test_whole_tiles(classes, dtype):
    """Tiles that request what they update, with a transposed copy and without."""
    X, y = data(dtype, classes)
    X = np.tile(X, (1, 13))
    fit("classifier", X, y, dtype, hidden_layer_sizes=(66, 33), batch_size=30, max_iter=2)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_batch_in_blocks(monkeypatch, classes):
    monkeypatch.setattr("fusednn.plan.memory.sizes.BLOCK_LIMIT", 8)
    X, y = data(np.float64, classes)
    fit("classifier", X, y, np.float64, batch_size=20)


def test_early_stopping():
    X, y = data(np.float64, classes=2)
    fit("classifier", X, y, np.float64, early_stopping=True, validation_fraction=0.3)


def test_a_diverging_fit_is_noticed():
    X, y = data(np.float64)
    model = fusednn.MLPRegressor(
        hidden_layer_sizes=(7,), solver="sgd", learning_rate_init=1e80, max_iter=9
    )
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="non-finite"):
        model.fit(X, y)
