"""`solver=` beyond scikit-learn's three: names and descriptions, in every way to train."""

import contextlib
import copy
import io
import pickle

import numpy as np
import pytest
from every_part import OPTIMIZERS
from oracles.parity import fit_quietly
from scipy import sparse
from sklearn.base import clone

from fusednn import MLPClassifier, MLPRegressor, warmup
from fusednn.optimizers import NAMED, SGD, Adagrad, Adam, AdamW, Lion, NAdam, RMSprop
from fusednn.training import plan_cache

random = np.random.RandomState(0)
X = random.normal(size=(60, 5))
Y = (X[:, 0] * X[:, 1] > 0) + 2 * (X[:, 2] > 0)
SOLVERS = [*NAMED, *OPTIMIZERS.values()]
each_solver = pytest.mark.parametrize("solver", SOLVERS, ids=str)


def new(solver, kind=MLPClassifier, **params):
    defaults = {"hidden_layer_sizes": (7, 4), "random_state": 0, "max_iter": 4, "batch_size": 16}
    return kind(solver=solver, **{**defaults, **params})


def fit(solver, **params):
    return fit_quietly(new(solver, **params), X, Y)


def bits(estimator):
    moments = [part for moment in estimator._optimizer.moments for part in moment]
    arrays = [*estimator.coefs_, *estimator.intercepts_, np.array(estimator.loss_curve_)]
    return [part.tobytes() for part in [*arrays, *moments]]


def weights(estimator):
    return [part.tobytes() for part in [*estimator.coefs_, *estimator.intercepts_]]


@pytest.mark.parametrize("name", NAMED)
def test_a_name_is_its_description(name):
    assert bits(fit(name)) == bits(fit(NAMED[name]))


@each_solver
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_learns(solver, dtype):
    rate = 0.1 if isinstance(solver, SGD | Adagrad) or solver == "adagrad" else 0.01
    fitted = fit(solver, learning_rate_init=rate, max_iter=150, dtype=dtype, alpha=0, tol=0)
    assert fitted.loss_ < fitted.loss_curve_[0] / 2
    assert fitted.score(X, Y) > 0.7  # of four classes
    assert fitted.coefs_[0].dtype == dtype


@each_solver
def test_threads_slices_and_sparse_input(solver):
    one = bits(fit(solver, n_jobs=1))
    assert bits(fit(solver, n_jobs=2)) == one
    assert bits(fit(solver, verbose=False, max_time=1e6)) == one  # pass by pass
    rows = np.where(X > -0.5, X, 0)
    pair = [fit_quietly(new(solver), form(rows), Y) for form in (np.asarray, sparse.csr_array)]
    assert bits(pair[0]) == bits(pair[1])


@each_solver
def test_passes_in_parts(solver):
    """Four passes by `fit`, by `partial_fit` and by two warm starts, copied on the way."""
    whole = fit(solver, shuffle=False)
    parts = new(solver, shuffle=False)
    for _ in range(4):
        parts = pickle.loads(pickle.dumps(parts.partial_fit(X, Y, classes=np.unique(Y))))
    assert bits(parts) == bits(whole)
    warm = new(solver, shuffle=False, max_iter=2, warm_start=True, warm_start_optimizer=True)
    warm = copy.deepcopy(fit_quietly(warm, X, Y))
    assert bits(fit_quietly(warm, X, Y)) == bits(whole)
    assert warm._optimizer.t == whole._optimizer.t == 16
    cold = fit(solver, shuffle=False, max_iter=2).set_params(warm_start=True)
    if solver != SGD():
        assert weights(fit_quietly(cold, X, Y)) != weights(whole)


@each_solver
def test_a_clone_starts_anew(solver):
    first = fit(solver)
    assert clone(first).solver == solver
    assert bits(fit_quietly(clone(first), X, Y)) == bits(first)


def test_solvers_that_take_turns():
    """Plans that are kept between calls of `partial_fit` are no other solver's."""
    solvers = ["adam", Adam(), "amsgrad", NAdam(), NAdam(momentum_decay=0.1), AdamW(), "adam"]
    several, alone = ([new(solver) for solver in solvers] for _ in range(2))
    for _ in range(3):
        for estimator in several:
            estimator.partial_fit(X, Y, classes=np.unique(Y))
    for one, other in zip(several, alone, strict=True):
        for _ in range(3):
            plan_cache._kept.plans.clear()
            other.partial_fit(X, Y, classes=np.unique(Y))
        assert bits(one) == bits(other)


@each_solver
def test_a_solver_set_between_fits(solver):
    changed = fit("sgd").set_params(solver=solver)
    assert bits(fit_quietly(changed, X, Y)) == bits(fit(solver))
    warm = fit("sgd").set_params(solver=solver, warm_start=True, warm_start_optimizer=True)
    fit_quietly(warm, X, Y)
    assert warm._optimizer.solver == NAMED.get(solver, solver)
    assert len(warm._optimizer.moments) == len(fit(solver)._optimizer.moments)


def test_another_description_is_another_solver():
    options = {"warm_start": True, "warm_start_optimizer": True}
    model = fit(AdamW(), **options).set_params(solver="adamw")
    assert fit_quietly(model, X, Y)._optimizer.t == 32
    model.set_params(solver=AdamW(beta_1=0.5))
    assert fit_quietly(model, X, Y)._optimizer.t == 16


def test_partial_fit_keeps_the_optimizer_it_began_with():
    """As scikit-learn's does when `solver` is set between calls; `alpha` is that one's too."""
    one, other = (new("adamw").partial_fit(X, Y, classes=np.unique(Y)) for _ in range(2))
    other.set_params(solver="sgd", alpha=10.0)
    assert bits(one.partial_fit(X, Y)) == bits(other.partial_fit(X, Y))


@pytest.mark.parametrize("solver", SOLVERS, ids=str)
def test_alpha(solver):
    """The L2 term, but for solvers with a decay of their own, where loss and weights ignore it."""
    pair = [fit(solver, alpha=alpha) for alpha in (0.0, 1.0)]
    ignored = hasattr(NAMED.get(solver, solver), "weight_decay")
    assert (bits(pair[0]) == bits(pair[1])) == ignored
    losses = [one.set_params(alpha=alpha).loss_and_gradient(X, Y)[0]
              for one in pair[:1] for alpha in (0.0, 1.0)]  # fmt: skip
    assert (losses[0] == losses[1]) == ignored


def test_epsilon_is_added_to_the_corrected_root():
    """Which tells `Adam` from scikit-learn's "adam" where epsilon is large."""
    small = [fit(solver, epsilon=1e-30).coefs_[0] for solver in ("adam", Adam(epsilon=1e-30))]
    np.testing.assert_allclose(*small, rtol=1e-9)
    large = [fit(solver, epsilon=1.0).coefs_[0] for solver in ("adam", Adam(epsilon=1.0))]
    assert abs(large[0] - large[1]).max() > 1e-5


@each_solver
def test_validation_and_a_rate_that_is_told(solver):
    with contextlib.redirect_stdout(io.StringIO()) as text:
        model = fit(solver, early_stopping=True, verbose=2, learning_rate_init=0.03)
    assert len(model.validation_scores_) == 4
    assert text.getvalue().count("Learning rate: 0.03,") == 4


@pytest.mark.parametrize("solver", ["nadam", Lion(weight_decay=0.1)], ids=str)
def test_regression_and_warmup(solver):
    model = new(solver, MLPRegressor, learning_rate_init=0.01, max_iter=100)
    warmup(model)
    assert fit_quietly(model, X, X[:, 0] - X[:, 1]).score(X, X[:, 0] - X[:, 1]) > 0.8


def test_adaptive_rates_are_for_sgd_as_a_description_too():
    options = {"learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 1, "max_iter": 9}
    assert fit(SGD(0.9), **options)._optimizer.learning_rate < 0.001
    assert fit(RMSprop(), **options)._optimizer.learning_rate == 0.001


def test_huge_steps_are_noticed():
    for solver in (Lion(), RMSprop(), NAdam()):
        with np.errstate(all="ignore"), pytest.raises(ValueError, match="non-finite"):
            fit(solver, learning_rate_init=1e300, activation="identity", max_iter=50)
