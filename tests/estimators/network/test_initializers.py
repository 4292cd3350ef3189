"""Initial weights: their distributions, and fits that begin with them."""

import numpy as np
import pytest
from oracles.parity import assert_same_bits
from scipy import stats

from fusednn import MLPClassifier, MLPRegressor
from fusednn.estimators.network.initializers import INITIALIZERS

rng = np.random.RandomState(0)
X = rng.normal(size=(60, 30))
LABELS = (X[:, 0] > 0) + (X[:, 1] > 0)
FAN_IN, FAN_OUT = 300, 170
VARIANCES = {
    "glorot": 2 / (FAN_IN + FAN_OUT),
    "he": 2 / FAN_IN,
    "lecun": 1 / FAN_IN,
}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def draw(name, fan_in=FAN_IN, fan_out=FAN_OUT, seed=0):
    return INITIALIZERS[name](np.random.RandomState(seed), fan_in, fan_out)


@pytest.mark.parametrize("kind", VARIANCES)
@pytest.mark.parametrize("shape", ["uniform", "normal"])
def test_distributions(kind, shape):
    """By Kolmogorov and Smirnov's test, at a seed that passes and for any that is not rare."""
    scale = np.sqrt(VARIANCES[kind])
    expected = {
        "uniform": stats.uniform(-np.sqrt(3) * scale, 2 * np.sqrt(3) * scale),
        "normal": stats.norm(0, scale),
    }[shape]
    drawn = draw(f"{kind}_{shape}")
    assert drawn.shape == (FAN_IN, FAN_OUT)
    assert stats.kstest(drawn.ravel(), expected.cdf).pvalue > 1e-3
    assert (drawn != draw(f"{kind}_{shape}", seed=1)).all()


@pytest.mark.parametrize(("fan_in", "fan_out"), [(9, 5), (5, 9), (7, 7), (1, 4), (4, 1)])
def test_orthogonal(fan_in, fan_out):
    w = draw("orthogonal", fan_in, fan_out)
    assert w.shape == (fan_in, fan_out)
    product = w.T @ w if fan_in >= fan_out else w @ w.T
    np.testing.assert_allclose(product, np.eye(min(fan_in, fan_out)), atol=1e-14)


def test_orthogonal_matrices_are_uniform():
    """The first entry of a random orthogonal 3 x 3 matrix is uniform in [-1, 1]."""
    state = np.random.RandomState(0)
    first = [INITIALIZERS["orthogonal"](state, 3, 3)[0, 0] for _ in range(2000)]
    assert stats.kstest(first, stats.uniform(-1, 2).cdf).pvalue > 1e-3


@pytest.mark.parametrize("name", INITIALIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_fit_begins_with_them(name, dtype):
    """A rate too small to move a weight shows them, drawn layer by layer; biases are zero."""
    model = MLPClassifier(
        (20, 10), init=name, dtype=dtype, learning_rate_init=1e-300, max_iter=1, random_state=7
    ).fit(X, LABELS)
    state = np.random.RandomState(7)
    for w, b in zip(model.coefs_, model.intercepts_, strict=True):
        assert w.dtype == b.dtype == dtype
        expected = INITIALIZERS[name](state, *w.shape)
        np.testing.assert_array_equal(w, expected.astype(dtype))
        np.testing.assert_allclose(b, 0, atol=1e-299)


def test_they_learn_and_the_default_is_scikit_learns():
    options = {"hidden_layer_sizes": (20,), "max_iter": 150, "random_state": 0}
    plain = MLPClassifier(**options).fit(X, LABELS)
    assert_same_bits(MLPClassifier(init="scikit-learn", **options).fit(X, LABELS), plain)
    for name in set(INITIALIZERS) - {"zeros"}:
        assert MLPClassifier(init=name, **options).fit(X, LABELS).score(X, LABELS) > 0.9
    flat = MLPClassifier(init="zeros", **options).fit(X, LABELS)
    assert all((w == 0).all() for w in flat.coefs_)  # no gradient goes through
    with pytest.raises(ValueError, match="'init' parameter of MLPRegressor"):
        MLPRegressor(init="random").fit(X, X[:, 0])
