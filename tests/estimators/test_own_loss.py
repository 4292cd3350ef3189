"""A loss of the user's own: a compiled function of a logit and its target."""

import pickle

import numba
import numpy as np
import pytest
from fusednn.kernels._cache import statistics
from fusednn.kernels._jit import JIT
from oracles.parity import assert_same_bits
from scipy import sparse
from sklearn.base import clone

from fusednn import MLPRegressor, losses

rng = np.random.RandomState(0)
X = rng.normal(size=(300, 4))
Y = np.c_[X[:, 0] * X[:, 1], np.sin(X[:, 2])]
WEIGHTS = rng.uniform(0.5, 2, len(X))
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@numba.njit
def half_delta_huber(z, t):
    d = z - t
    if abs(d) <= 0.5:
        return 0.5 * d * d, d
    return 0.5 * (abs(d) - 0.25), 0.5 * np.sign(d)


@numba.njit
def fourth_power(z, t):
    return (z - t) ** 4, 4 * (z - t) ** 3


def new(loss, **params):
    return MLPRegressor(loss, (9, 6), random_state=0, **{"max_iter": 5, **params})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("y", [Y[:, 0], Y], ids=["one target", "several"])
def test_it_is_the_same_as_ours(solver, y, dtype):
    Z = X.astype(dtype)
    own, ours = (
        new(loss, solver=solver).fit(Z, y, WEIGHTS)
        for loss in (half_delta_huber, losses.Huber(0.5))
    )
    tolerance = 1e-3 if dtype == "float32" else 1e-9
    for one, other in zip(own.coefs_, ours.coefs_, strict=True):
        assert one.dtype == dtype
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance)
    assert own.out_activation_ == "identity"
    assert own.predict(X).shape == y.shape
    value, *_ = own.loss_and_gradient(X, y, WEIGHTS)
    assert value == pytest.approx(
        own.set_params(loss=losses.Huber(0.5)).loss_and_gradient(X, y, WEIGHTS)[0], rel=1e-5
    )


def test_two_functions_do_not_mix():
    one, other = new(half_delta_huber).fit(X, Y), new(fourth_power).fit(X, Y)
    value, *_ = other.set_params(alpha=0.0).loss_and_gradient(X, Y)
    assert value == pytest.approx(((other.predict(X) - Y) ** 4).sum(axis=1).mean())
    assert_same_bits(one, new(half_delta_huber).fit(X, Y))


def test_bits():
    one = new(fourth_power, n_jobs=1).fit(X, Y)
    assert_same_bits(one, new(fourth_power, n_jobs=2).fit(X, Y))
    assert_same_bits(one, new(fourth_power).fit(sparse.csr_matrix(X), Y))


def test_copies_and_going_on():
    model = clone(new(fourth_power, scoring="loss", early_stopping=True))
    model.fit(X, Y, X_val=X, y_val=Y)
    assert len(model.validation_loss_curve_) == 5
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    model.set_params(early_stopping=False).partial_fit(X, Y)


@pytest.mark.skipif(not JIT, reason="the JIT is off")
def test_it_is_compiled_once_and_not_kept_on_disk():
    @numba.njit
    def absolute(z, t):
        return abs(z - t), np.sign(z - t)

    new("absolute_error").fit(X, Y)
    before = statistics()
    new(absolute).fit(X, Y)
    new(absolute).fit(X, Y).predict(X)
    assert statistics() == before
    assert len(absolute.signatures) == 1


@pytest.mark.skipif(not JIT, reason="the JIT is off")
def test_what_cannot_be_compiled_leaves_the_estimator_as_it_was():
    @numba.njit
    def wrong(z, t):
        return z - t  # no gradient

    model = new(wrong)
    before = dict(vars(model))
    with pytest.raises(numba.core.errors.TypingError):
        model.fit(X, Y)
    assert vars(model) == before


@pytest.mark.skipif(not JIT, reason="the JIT is off")
@pytest.mark.parametrize("loss", [lambda z, t: (z, t), losses.Huber], ids=["plain", "class"])
def test_what_is_not_compiled_is_refused(loss):
    with pytest.raises(ValueError, match="The 'loss' parameter of MLPRegressor must be"):
        new(loss).fit(X, Y)
