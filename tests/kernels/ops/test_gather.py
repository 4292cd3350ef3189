"""Rows are taken through the order, from every layout of memory, without a copy or a change."""

import numpy as np
import pytest
from oracles import reference_layers
from running.sessions import assert_same_bits, gradient, open_session, random_network, train

from fusednn.plan.memory import sizes
from fusednn.plan.training import Rule

both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])

LAYOUTS = {
    "contiguous": lambda X: X,
    "rows of a wider array": lambda X: np.pad(X, ((0, 0), (2, 3)))[:, 2:-3],
    "every second row": lambda X: np.repeat(X, 2, axis=0)[::2],
    "rows backwards": lambda X: X[::-1].copy()[::-1],
    "columns backwards": lambda X: X[:, ::-1].copy()[:, ::-1],
    "fortran": np.asfortranarray,
    "every second column": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "unaligned": lambda X: np.frombuffer(b"." + X.tobytes(), X.dtype, offset=1).reshape(X.shape),
    "big endian": lambda X: X.astype(X.dtype.newbyteorder(">")),
    "float16": lambda X: X.astype(np.float16),
    "list": lambda X: X.tolist(),
}


def rows(dtype, samples, features):
    """Numbers that half precision holds too."""
    X = np.random.RandomState(0).normal(size=(samples, features))
    return X.astype(np.float16).astype(dtype)


@both_dtypes
@pytest.mark.parametrize("features", [1, 2, 9, 33])
@pytest.mark.parametrize("samples", [[0], [4, 4, 0, 16], list(range(16, -1, -1))], ids=len)
def test_rows_in_order(dtype, features, samples):
    """A layer that copies its input shows the rows gathered."""
    X = rows(dtype, 17, features)
    copying = [np.eye(features, dtype=dtype)], [np.zeros(features, dtype)]
    session = open_session(X, np.zeros_like(X), copying, activation="identity")
    outputs = session.evaluations.outputs(np.array(samples))
    np.testing.assert_array_equal(outputs, reference_layers.gather_dense(X, samples))


@both_dtypes
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_change_no_bit(dtype, layout):
    X = rows(dtype, 23, 7)
    t = np.random.RandomState(1).normal(size=(23, 2)).astype(dtype)
    order, network = np.array([5, 3, 22, 0, 3, 9]), random_network([7, 5, 2], dtype)
    kept = LAYOUTS[layout](X)
    want = gradient(X[order], t[order], network)
    value, coefs, intercepts = gradient(kept, t, network, order=order)
    assert value == want[0]
    assert_same_bits(coefs + intercepts, want[1] + want[2])


def test_memory_maps_and_read_only_rows_are_read_in_place(tmp_path):
    X = rows(np.float32, 23, 7)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    network, t = random_network([7, 2], np.float32), np.ones((23, 2), np.float32)
    with open_session(mapped, t, network) as session:
        assert np.shares_memory(session.source.X, mapped)
    want = gradient(X, t, network)
    got = gradient(mapped, t, network)
    assert got[0] == want[0]
    assert_same_bits(got[1] + got[2], want[1] + want[2])


@both_dtypes
@pytest.mark.parametrize("batch", [4, 10, 23])
def test_blocks_of_a_large_batch(monkeypatch, dtype, batch):
    """Gradients that are stored and added block by block agree with those made at once."""
    X, network = rows(dtype, 23, 5), random_network([5, 6, 3], dtype)
    t = np.random.RandomState(1).normal(size=(23, 3)).astype(dtype)
    rule = Rule("adam", (0.9, 0.999, 1e-3))
    weights = np.random.RandomState(2).uniform(0.5, 2, 23).astype(dtype)
    options = {"batch": batch, "rule": rule, "l2": 0.1, "passes": 3, "seed": 0, "weights": weights}
    whole = train(X, t, network, **options)
    monkeypatch.setattr(sizes, "BLOCK_LIMIT", 7)
    for one, other in zip(whole, train(X, t, network, **options), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=500 * np.finfo(dtype).eps)
