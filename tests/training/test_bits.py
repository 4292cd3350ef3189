"""The same bits whatever the threads, the slicing, and the rows that are predicted together."""

import numpy as np
import pandas as pd
import pytest
from oracles.parity import CLASSES, assert_same_bits, fit_quietly
from scipy import sparse

from fusednn import MLPRegressor, NetworkRegressor
from fusednn.plan.layout import forms
from fusednn.training import session

# name: kind, target from (X, draws), options
OUTPUTS = {
    "binary": ("classifier", lambda X, rng: X[:, 0] > 0, {}),
    "multiclass": ("classifier", lambda X, rng: np.digitize(X[:, 0], [-1, -0.3, 0, 0.4]), {}),
    "multilabel": ("classifier", lambda X, rng: (X[:, :3] > 0).astype(int), {}),
    "one output": ("regressor", lambda X, rng: X[:, 0] * X[:, 1], {}),
    "several outputs": ("regressor", lambda X, rng: X[:, :3] ** 2, {}),
    "poisson": ("regressor", lambda X, rng: rng.poisson(np.exp(X[:, 0])), {"loss": "poisson"}),
}

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def problem(output, rows, features, dtype):
    rng = np.random.RandomState(features)
    X = rng.normal(size=(rows, features)).astype(dtype)
    X[X < -1] = 0
    kind, make, options = OUTPUTS[output]
    return CLASSES[kind][1], X, make(X, rng), options


FITS = {
    "dense": (301, {"hidden_layer_sizes": (33, 18)}),
    "csr": (301, {"hidden_layer_sizes": (33, 18)}),
    "early stopping": (301, {"early_stopping": True}),
    "weights": (301, {"hidden_layer_sizes": (21,), "activation": "tanh"}),
    "blocked": (5200, {"hidden_layer_sizes": (17,), "batch_size": 5000, "max_iter": 3}),
    "blocked csr": (5200, {"hidden_layer_sizes": (17,), "batch_size": 5000, "max_iter": 3}),
    "lbfgs": (301, {"hidden_layer_sizes": (17,), "solver": "lbfgs"}),
    "lbfgs csr": (301, {"hidden_layer_sizes": (17,), "solver": "lbfgs"}),
    "wide": (301, {"hidden_layer_sizes": (300, 330), "max_iter": 2}),
    "sgd": (301, {"solver": "sgd", "hidden_layer_sizes": (50, 3), "batch_size": 130}),
}


def fit_one(name, output, dtype, **more):
    rows, params = FITS[name]
    cls, X, y, options = problem(output, rows, 37, dtype)
    weights = np.linspace(0.5, 2, rows) if name == "weights" else None
    data = sparse.csr_matrix(X) if "csr" in name else X
    estimator = cls(random_state=0, **{"max_iter": 6, **params, **options, **more})
    return fit_quietly(estimator, data, y, weights)


@pytest.mark.thinned
@DTYPES
@pytest.mark.parametrize("output", ["multiclass", "several outputs"])
@pytest.mark.parametrize("name", FITS)
def test_any_number_of_threads(name, output, dtype):
    one = fit_one(name, output, dtype, n_jobs=1)
    for n_jobs in (2, 3, 7):
        assert_same_bits(one, fit_one(name, output, dtype, n_jobs=n_jobs))


@DTYPES
@pytest.mark.parametrize("output", OUTPUTS)
def test_every_output_with_two_threads(output, dtype):
    one, two = (fit_one("dense", output, dtype, n_jobs=n_jobs) for n_jobs in (1, 2))
    assert_same_bits(one, two)


@DTYPES
@pytest.mark.parametrize(("dense", "csr"), [("dense", "csr"), ("blocked", "blocked csr")])
def test_csr_has_the_bits_of_dense(dense, csr, dtype):
    assert_same_bits(fit_one(dense, "multiclass", dtype), fit_one(csr, "multiclass", dtype))


@DTYPES
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("kind", [MLPRegressor, NetworkRegressor])
def test_rows_columns_and_frames(kind, early_stopping, dtype):
    """The same numbers in another order of memory; means and deviations are sums too."""
    _, X, y, _ = problem("several outputs", 301, 9, dtype)
    params = {"standardize": True, "early_stopping": early_stopping, "max_iter": 3}

    def weights(X, y):
        model = fit_quietly(kind(random_state=0, **params), X, y)
        return b"".join(part.tobytes() for part in model._parameters())

    alone = weights(X, y)
    for turned in (np.asfortranarray(X), pd.DataFrame(X), np.repeat(X, 2, axis=1)[:, ::2]):
        assert weights(turned, np.asfortranarray(y)) == alone


@pytest.mark.parametrize("name", ["dense", "csr", "early stopping", "blocked", "lbfgs"])
def test_slices_of_one_step(monkeypatch, name):
    """Compiled calls of one step each, and of all steps, are one computation."""
    whole = fit_one(name, "multiclass", np.float64, n_jobs=2)
    monkeypatch.setattr(session, "SLICE_SECONDS", 0.0)
    assert_same_bits(whole, fit_one(name, "multiclass", np.float64, n_jobs=2))
    monkeypatch.setattr(session, "SLICE_SECONDS", 1e9)
    assert_same_bits(whole, fit_one(name, "multiclass", np.float64, n_jobs=2))


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_panels_that_share_a_walk_over_a_far_input(monkeypatch, n_jobs):
    near = fit_one("wide", "multiclass", np.float32, n_jobs=n_jobs)
    monkeypatch.setattr(forms, "FAR_BYTES", 0)
    assert_same_bits(near, fit_one("wide", "multiclass", np.float32, n_jobs=n_jobs))


def test_one_process_and_another_seed():
    """The same call twice gives the same bits; another seed does not."""
    one = fit_one("dense", "multiclass", np.float64)
    assert_same_bits(one, fit_one("dense", "multiclass", np.float64))
    cls, X, y, _ = problem("multiclass", 301, 37, np.float64)
    other = fit_quietly(cls((33, 18), random_state=1, max_iter=6), X, y)
    assert not np.array_equal(one.coefs_[0], other.coefs_[0])


SIZES = [(1, (1,)), (3, (7,)), (37, (33, 18)), (65, (64,)), (130, (5, 130))]


@pytest.mark.thinned
@pytest.mark.parametrize("as_sparse", [False, True], ids=["dense", "csr"])
@DTYPES
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize(("features", "hidden"), SIZES)
def test_rows_alone_or_together(features, hidden, output, dtype, as_sparse):
    if features < 3 and output in ("multilabel", "several outputs", "one output"):
        features = 3
    cls, X, y, options = problem(output, 700, features, dtype)
    params = {"hidden_layer_sizes": hidden, "activation": "tanh", "max_iter": 2, **options}
    fitted = fit_quietly(cls(random_state=0, **params), X, y)
    predict = getattr(fitted, "predict_proba", fitted.predict)
    data = sparse.csr_matrix(X) if as_sparse else X
    whole = predict(data)
    assert whole.dtype == dtype
    assert np.isfinite(whole).all()

    def same(rows, expected):
        assert predict(data[rows]).tobytes() == np.ascontiguousarray(expected).tobytes()

    for row in (0, 1, 63, 64, 255, 699):
        same(slice(row, row + 1), whole[row : row + 1])
    for size in (2, 7, 8, 9, 63, 64, 65, 129, 500):
        same(slice(11, 11 + size), whole[11 : 11 + size])
    order = np.random.RandomState(1).permutation(700)
    same(order, whole[order])
    for n_jobs in (1, 2, 3, 7):
        fitted.set_params(n_jobs=n_jobs)
        assert predict(data).tobytes() == whole.tobytes()


@DTYPES
def test_many_rows_in_several_steps(dtype):
    """More rows than one step of the inference plan takes."""
    cls, X, y, _ = problem("multiclass", 500, 5, dtype)
    fitted = fit_quietly(cls((6,), random_state=0, max_iter=2), X, y)
    many = np.tile(X, (300, 1))
    fitted.set_params(n_jobs=2)
    whole = fitted.predict_proba(many)
    assert whole.tobytes() == np.tile(fitted.predict_proba(X), (300, 1)).tobytes()
    assert whole[70_001:70_002].tobytes() == fitted.predict_proba(many[70_001:70_002]).tobytes()
