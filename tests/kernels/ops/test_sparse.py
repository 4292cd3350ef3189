"""CSR input: the results of plain NumPy, and the very bits of the dense path."""

import numpy as np
import pytest
from fusednn.kernels._jit import JIT
from oracles import reference_layers
from running.sessions import (
    assert_same_bits,
    gradient,
    in_order,
    open_session,
    random_network,
    train,
)
from scipy import sparse

from fusednn.plan.memory import sizes
from fusednn.plan.training import Rule
from fusednn.training.predict import predict

both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
ADAM = Rule("adam", (0.9, 0.999, 1e-8))


def scattered(samples, features, density):
    random = np.random.RandomState(samples)
    return random.normal(size=(samples, features)) * (random.rand(samples, features) < density)


def single_entry(samples, features):
    X = np.zeros((samples, features))
    X[samples // 2, features // 2] = 1.5
    return X


def with_explicit_zeros(X):
    X = sparse.csr_matrix(X)
    X.data[::3] = 0
    return X


def with_unsorted_duplicates(X):
    """Every element stored twice, as halves, columns descending."""
    X = sparse.csr_matrix(X)
    rows = [slice(*pair) for pair in zip(X.indptr[:-1], X.indptr[1:], strict=True)]
    indices = np.concatenate([np.tile(X.indices[row][::-1], 2) for row in rows])
    values = np.concatenate([np.tile(X.data[row][::-1] / 2, 2) for row in rows])
    return sparse.csr_matrix((values, indices, 2 * X.indptr), shape=X.shape)


def with_long_indices(X):
    X = sparse.csr_matrix(X)
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


MATRICES = {
    "scattered": scattered(29, 11, 0.3),
    "dense": scattered(9, 5, 1.0),
    "empty rows": scattered(23, 7, 0.4) * (np.arange(23) % 3 > 0)[:, None],
    "empty columns": scattered(23, 9, 0.4) * (np.arange(9) % 3 > 0),
    "one entry": single_entry(17, 40),
    "no entry": np.zeros((13, 6)),
    "one column": scattered(15, 1, 0.5),
    "one row": scattered(1, 60, 0.3),
    "wide": scattered(10, 130, 0.05),
}
FORMS = {
    "csr": sparse.csr_matrix,
    "csr array": sparse.csr_array,
    "csc": sparse.csc_matrix,
    "coo": sparse.coo_matrix,
    "explicit zeros": with_explicit_zeros,
    "unsorted duplicates": with_unsorted_duplicates,
    "long indices": with_long_indices,
}
each_matrix = pytest.mark.parametrize("name", MATRICES)
each_form = pytest.mark.parametrize("form", FORMS if JIT else ["csr", "explicit zeros"])


def pair(name, form, dtype):
    """The sparse matrix and the dense one of the same numbers."""
    X = FORMS[form](MATRICES[name].astype(dtype))
    return X, np.asarray(X.todense() if hasattr(X, "todense") else X.toarray())


def close(ours, expected, dtype):
    np.testing.assert_allclose(ours, expected, rtol=0, atol=200 * np.finfo(dtype).eps)


@each_matrix
@both_dtypes
@pytest.mark.parametrize("outputs", [1, 17, 40])
def test_forward_and_gradient(name, dtype, outputs):
    X = sparse.csr_matrix(MATRICES[name].astype(dtype))
    parts = X.data, X.indices, X.indptr
    samples, features = X.shape
    order = np.random.RandomState(0).permutation(samples)
    network = random_network([features, outputs], dtype)
    (w,), (b,) = network
    t = np.random.RandomState(1).normal(size=(samples, outputs)).astype(dtype)
    want = reference_layers.csr_forward(*parts, order, w, b, "identity")
    close(open_session(X, t, network).evaluations.outputs(order), want, dtype)
    _, (dw,), (db,) = gradient(X, t, network, order=order)
    dz = (want - t[order]) / samples
    close(dw, reference_layers.update_csr_weights(*parts, order, features, dz), dtype)
    close(db, dz.sum(axis=0), dtype)


@each_matrix
@each_form
@both_dtypes
def test_passes_have_the_bits_of_the_dense_path(name, form, dtype):
    X, dense = pair(name, form, dtype)
    samples, features = X.shape
    t = np.random.RandomState(1).normal(size=(samples, 3)).astype(dtype)
    network = random_network([features, 19, 3], dtype)
    for activation, batch in (("relu", max(1, samples // 3)), ("tanh", samples)):
        options = {"activation": activation, "batch": batch, "rule": ADAM, "l2": 0.1}
        runs = [train(x, t, network, passes=4, seed=0, **options) for x in (X, dense)]
        assert_same_bits(*runs)


@both_dtypes
def test_workers_and_blocks_change_no_bit(monkeypatch, dtype):
    X, dense = pair("scattered", "csr", dtype)
    t = np.random.RandomState(1).normal(size=(29, 3)).astype(dtype)
    network = random_network([11, 19, 3], dtype)
    for limit in (sizes.BLOCK_LIMIT, 8):
        monkeypatch.setattr(sizes, "BLOCK_LIMIT", limit)
        runs = [
            train(x, t, network, passes=3, seed=0, batch=20, rule=ADAM, n_jobs=n_jobs)
            for x, n_jobs in ((dense, 1), (X, 1), (X, 3))
        ]
        assert_same_bits(runs[0], runs[1])
        assert_same_bits(runs[0], runs[2])


@each_matrix
@each_form
@both_dtypes
def test_predictions_have_the_bits_of_the_dense_path(name, form, dtype):
    X, dense = pair(name, form, dtype)
    network = random_network([X.shape[1], 19, 3], dtype)
    layers = open_session(dense, np.zeros((len(dense), 3), dtype), network).network
    arrays = in_order(*network)
    want = predict(layers, arrays, dense, n_jobs=1)
    assert_same_bits([predict(layers, arrays, X, n_jobs=1)], [want])


def test_other_types_are_converted():
    numbers = np.arange(40).reshape(8, 5) % 4
    t, network = np.ones((8, 2), np.float32), random_network([5, 2], np.float32)
    want = gradient(numbers.astype(np.float32), t, network)
    for dtype in (np.int64, np.uint8, np.float64):
        got = gradient(sparse.csr_matrix(numbers.astype(dtype)), t, network)
        assert_same_bits(got[1] + got[2], want[1] + want[2])


def test_the_matrix_is_not_changed():
    X = with_unsorted_duplicates(MATRICES["scattered"])
    before = X.data.copy(), X.indices.copy(), X.indptr.copy()
    gradient(X, np.ones((29, 2)), random_network([11, 2], np.float64))
    assert_same_bits([X.data, X.indices, X.indptr], before)
