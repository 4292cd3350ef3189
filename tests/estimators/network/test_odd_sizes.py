"""Sizes that fill no tile, no vector and no batch: scikit-learn's network all the same."""

import numpy as np
import pytest
from oracles.parity import assert_same_network, fit_pair
from scipy import sparse


def draw(rows, features, outputs, kind, dtype=np.float64):
    rng = np.random.RandomState(rows * 31 + features)
    X = rng.normal(size=(rows, features)).astype(dtype)
    if kind == "regressor":
        y = rng.normal(size=(rows, outputs))
        return X, y[:, 0] if outputs == 1 else y
    return X, np.arange(rows) % (outputs + 1 if outputs == 1 else outputs)


def check(rows, features, hidden, outputs, kind, dtype=np.float64, form=None, **params):
    X, y = draw(rows, features, outputs, kind, dtype)
    expected, actual = fit_pair(
        kind,
        X if form is None else form(X),
        y,
        hidden_layer_sizes=hidden,
        **{"max_iter": 4, **params},
    )
    assert_same_network(expected, actual, 1e-9 if dtype == np.float64 else 1e-3)
    close = {"rtol": 1e-7} if dtype == np.float64 else {"rtol": 1e-2, "atol": 1e-5}
    np.testing.assert_allclose(actual.predict(X), expected.predict(X), **close)


KINDS = pytest.mark.parametrize("kind", ["classifier", "regressor"])


@pytest.mark.thinned
@KINDS
@pytest.mark.parametrize("batch_size", [1, 2, 3, 5, 8, 16, "auto"])
@pytest.mark.parametrize("rows", range(2, 18))
def test_rows_and_batches(rows, batch_size, kind):
    if batch_size != "auto":
        batch_size = min(batch_size, rows)
    check(rows, 3, (5,), 1, kind, batch_size=batch_size)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_one_row(solver):
    """One sample can be fitted; a classifier of one class has an odd two columns."""
    X = np.array([[1.0, 2.0]])
    for kind, y in (("regressor", [3.0]), ("classifier", [1])):
        expected, actual = fit_pair(kind, X, y, solver=solver, max_iter=3)
        np.testing.assert_allclose(actual.predict(X), expected.predict(X), rtol=1e-6)
        if kind == "classifier":
            assert actual.predict_proba(X).shape == expected.predict_proba(X).shape


WIDTHS = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 47, 49, 63, 65, 97, 129]


@KINDS
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("width", WIDTHS)
def test_features(width, dtype, kind):
    check(29, width, (5,), 1, kind, dtype)


@KINDS
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("width", WIDTHS)
def test_units(width, dtype, kind):
    check(29, 5, (width,), 1, kind, dtype, activation="tanh")
    check(29, 5, (3, width, 4), 1, kind, dtype, activation="logistic")


@KINDS
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("outputs", [2, 3, 9, 16, 17, 33, 129, 300])
def test_outputs(outputs, dtype, kind):
    check(2 * outputs, 4, (6,), outputs, kind, dtype, batch_size=37 if outputs > 20 else "auto")


@KINDS
@pytest.mark.parametrize("width", [1, 3, 16, 17])
def test_deep(width, kind):
    check(40, 4, (width,) * 12, 2, kind, activation="tanh")
    check(40, 4, (), 2, kind)


@KINDS
@pytest.mark.parametrize("features", [1, 2, 17, 65])
@pytest.mark.parametrize("rows", [2, 5, 33])
def test_sparse(rows, features, kind):
    check(rows, features, (5,), 1, kind, form=sparse.csr_matrix)


@KINDS
def test_sparse_without_elements(kind):
    """Rows, columns, and the whole matrix may be empty."""
    check(20, 6, (5,), 1, kind, form=lambda X: sparse.csr_matrix(X.shape))
    check(20, 6, (5,), 1, kind, form=lambda X: sparse.csr_matrix(X * (np.arange(6) == 2)))
    check(
        20, 6, (5,), 1, kind, form=lambda X: sparse.csr_matrix(X * (np.arange(20) == 3)[:, None])
    )


@KINDS
@pytest.mark.parametrize("rows", [127, 128, 129, 255, 257, 400])
def test_row_blocks(rows, kind):
    """Batches around the sizes of row blocks."""
    check(rows, 9, (20,), 3, kind, batch_size=rows)


@KINDS
@pytest.mark.parametrize("rows", [4095, 4096, 4097, 8192, 8193])
def test_batches_around_the_block_limit(rows, kind):
    check(rows, 3, (4,), 3, kind, batch_size=rows, max_iter=2)


@KINDS
def test_constant_columns_and_targets(kind):
    X = np.c_[np.zeros(30), np.ones(30), np.full(30, -2.0)]
    y = np.zeros(30) if kind == "regressor" else np.arange(30) % 2
    expected, actual = fit_pair(kind, X, y, max_iter=5)
    assert_same_network(expected, actual, 1e-9)


@KINDS
@pytest.mark.parametrize("scale", [1e-300, 1e-40, 1e-10, 1e6])
def test_tiny_and_large_values(scale, kind):
    """Denormal products and large ones, with the smooth activation that saturates."""
    X, y = draw(30, 4, 1, kind)
    expected, actual = fit_pair(kind, X * scale, y, activation="logistic", max_iter=5)
    assert_same_network(expected, actual, 1e-9)
