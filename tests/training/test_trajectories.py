"""The same random_state gives scikit-learn's network, up to rounding, after twelve passes."""

import numpy as np
import pytest
from oracles.parity import CLASSES, assert_same_network, fit_pair, outcome
from scipy import sparse

TOLERANCE = {np.float64: 1e-9, np.float32: 1e-3}

SOLVERS = {
    "adam": {"solver": "adam"},
    "constant": {"solver": "sgd", "learning_rate_init": 0.01},
    "constant, plain": {
        "solver": "sgd",
        "learning_rate_init": 0.01,
        "nesterovs_momentum": False,
        "momentum": 0.5,
    },
    "invscaling": {
        "solver": "sgd",
        "learning_rate": "invscaling",
        "learning_rate_init": 0.01,
        "power_t": 0.3,
    },
    "invscaling, plain": {
        "solver": "sgd",
        "learning_rate": "invscaling",
        "learning_rate_init": 0.01,
        "nesterovs_momentum": False,
    },
    # a large tol makes every pass count as no improvement, so that the rate falls
    "adaptive": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.01,
        "tol": 10.0,
        "n_iter_no_change": 2,
    },
    "adaptive, plain": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.01,
        "tol": 10.0,
        "n_iter_no_change": 2,
        "nesterovs_momentum": False,
    },
}

# name: kind of estimator, its targets from (features, class or value, draws), its options
TARGETS = {
    "binary": ("classifier", lambda X, y, rng: y > 4, {}),
    "multiclass": ("classifier", lambda X, y, rng: y, {}),
    "multilabel": ("classifier", lambda X, y, rng: (X[:, 20:25] > 0.4).astype(int), {}),
    "one output": ("regressor", lambda X, y, rng: X[:, 20] * X[:, 30] - X[:, 43], {}),
    "several outputs": ("regressor", lambda X, y, rng: X[:, 20:23] - X[:, 43:46], {}),
    "poisson": ("regressor", lambda X, y, rng: rng.poisson(3 * X[:, 20]), {"loss": "poisson"}),
}


def problem(digits, target, rows=260):
    X, y = digits[0][:rows], digits[1][:rows]
    kind, make, options = TARGETS[target]
    return kind, X, make(X, y, np.random.RandomState(5)), options


@pytest.mark.thinned
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_twelve_passes(digits, activation, solver, target, dtype):
    kind, X, y, options = problem(digits, target)
    expected, actual = fit_pair(
        kind,
        X.astype(dtype),
        y,
        hidden_layer_sizes=(19, 11),
        activation=activation,
        batch_size=60,
        max_iter=12,
        alpha=0.01,
        **SOLVERS[solver],
        **options,
    )
    assert_same_network(expected, actual, TOLERANCE[dtype])


OPTIONS = {
    "early stopping": {"early_stopping": True, "validation_fraction": 0.2},
    "early stopping, small batches": {"early_stopping": True, "batch_size": 7},
    "no shuffle": {"shuffle": False},
    "no shuffle, early stopping": {"shuffle": False, "early_stopping": True},
    "one hidden unit": {"hidden_layer_sizes": 1},
    "no hidden layer": {"hidden_layer_sizes": ()},
    "four hidden layers": {"hidden_layer_sizes": (9, 5, 17, 3)},
    "batch of 1": {"batch_size": 1, "max_iter": 2},
    "batch of 13": {"batch_size": 13},
    "one batch": {"batch_size": 260},
    "no decay": {"alpha": 0.0},
    "other Adam": {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3, "learning_rate_init": 0.01},
    "no momentum": {"solver": "sgd", "momentum": 0.0},
}


@pytest.mark.thinned
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("option", OPTIONS)
def test_options(digits, option, target):
    kind, X, y, options = problem(digits, target)
    params = {"hidden_layer_sizes": (12,), "max_iter": 12, "batch_size": 50, **OPTIONS[option]}
    expected, actual = fit_pair(kind, X, y, **params, **options)
    assert_same_network(expected, actual, 1e-9)


@pytest.mark.thinned
@pytest.mark.parametrize("params", [{}, {"early_stopping": True}, {"batch_size": 31}], ids=str)
@pytest.mark.parametrize("target", TARGETS)
def test_sample_weights(digits, target, params):
    kind, X, y, options = problem(digits, target)
    weights = np.random.RandomState(1).exponential(size=len(X))
    weights[::7] = 0
    expected, actual = fit_pair(
        kind, X, y, weights, hidden_layer_sizes=(12,), max_iter=12, **params, **options
    )
    assert_same_network(expected, actual, 1e-9)


@pytest.mark.thinned
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array])
@pytest.mark.parametrize("target", TARGETS)
def test_sparse(digits, target, form, dtype):
    kind, X, y, options = problem(digits, target)
    expected, actual = fit_pair(
        kind, form(X.astype(dtype)), y, hidden_layer_sizes=(12,), max_iter=12, **options
    )
    assert_same_network(expected, actual, TOLERANCE[dtype])


@pytest.mark.thinned
@pytest.mark.parametrize("target", ["multiclass", "several outputs"])
@pytest.mark.parametrize("as_sparse", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_batches_above_the_block_limit(digits, target, as_sparse, weighted):
    """9000 rows in batches of 5000: blocks of 4096 and 904, then of 4000."""
    kind, X, y, options = problem(digits, target, rows=1797)
    X, y = np.tile(X, (6, 1))[:9000], np.tile(y, (6, *[1] * (y.ndim - 1)))[:9000]
    weights = np.random.RandomState(2).rand(len(X)) if weighted else None
    expected, actual = fit_pair(
        kind,
        sparse.csr_matrix(X) if as_sparse else X,
        y,
        weights,
        hidden_layer_sizes=(8,),
        batch_size=5000,
        max_iter=3,
        learning_rate_init=0.02,
        **options,
    )
    assert_same_network(expected, actual, 1e-9)


@pytest.mark.parametrize(
    "batch",
    [*(pytest.param(batch, marks=pytest.mark.long) for batch in (384, 700)), 300, 385, 1797],
)
def test_whole_tiles_over_blocks_of_the_batch(digits, batch):
    """130 features and 70 units: tiles that go over a large batch in several blocks."""
    kind, X, y, options = problem(digits, "multiclass", rows=1797)
    X = np.hstack([X, X[:, ::-1], X[:, :2]])
    more = {"hidden_layer_sizes": (70, 70), "batch_size": batch, "max_iter": 3}
    assert_same_network(*fit_pair(kind, X, y, **more, **options), 1e-9)


@pytest.mark.thinned
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("target", TARGETS)
def test_partial_fit_goes_on(digits, target, solver):
    """Moments, rates and losses carry over between calls; an int seed repeats its shuffle."""
    kind, X, y, options = problem(digits, target)
    pair = []
    for cls in CLASSES[kind]:
        estimator = cls((9,)) if kind == "classifier" else cls(hidden_layer_sizes=(9,))
        estimator.set_params(batch_size=40, random_state=4, **SOLVERS[solver], **options)
        labels = np.arange(y.shape[1]) if y.ndim == 2 else np.unique(y)
        classes = {"classes": labels} if kind == "classifier" else {}
        for part in (slice(0, 130), slice(130, 260), slice(50, 151)) * 2:
            told = outcome(lambda e=estimator, p=part, c=classes: e.partial_fit(X[p], y[p], **c))
            assert told.error is None
            assert told.warnings == []
        pair.append(estimator)
    assert_same_network(*pair, 1e-9)
    assert len(pair[1].loss_curve_) == 6


@pytest.mark.parametrize("target", TARGETS)
def test_warm_start_goes_on(digits, target):
    kind, X, y, options = problem(digits, target)
    pair = []
    for cls in CLASSES[kind]:
        estimator = cls(hidden_layer_sizes=(9,), random_state=1, warm_start=True, max_iter=4)
        estimator.set_params(**options)
        for _ in range(3):
            told = outcome(lambda e=estimator: e.fit(X, y))
            assert told.error is None
        pair.append(estimator)
    assert_same_network(*pair, 1e-9)
    assert len(pair[1].loss_curve_) == 12


@pytest.mark.parametrize("target", TARGETS)
def test_a_random_state_object_is_drawn_alike(digits, target):
    """The next draw after a fit is the same too: nothing else was drawn."""
    kind, X, y, options = problem(digits, target)
    following, pair = [], []
    for cls in CLASSES[kind]:
        random_state = np.random.RandomState(8)
        estimator = cls(hidden_layer_sizes=(9,), random_state=random_state, max_iter=3)
        estimator.set_params(early_stopping=True, **options)
        outcome(lambda e=estimator: e.fit(X, y))
        following.append(random_state.randint(1 << 30))
        pair.append(estimator)
    assert following[0] == following[1]
    assert_same_network(*pair, 1e-9)


@pytest.mark.thinned
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"early_stopping": True},
        {"solver": "sgd", "learning_rate_init": 0.3},
        {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.3},
    ],
    ids=["adam", "early stopping", "sgd", "adaptive"],
)
@pytest.mark.parametrize("target", TARGETS)
def test_converged_fits_stop_in_the_same_pass(digits, target, params):
    kind, X, y, options = problem(digits, target)
    params = {"learning_rate_init": 0.02, "tol": 1e-3, "n_iter_no_change": 4, **params}
    expected, actual = fit_pair(
        kind, X, y, hidden_layer_sizes=(8,), max_iter=400, verbose=True, **params, **options
    )
    assert expected.n_iter_ < 400
    assert_same_network(expected, actual, 1e-6)


@pytest.mark.thinned
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("target", [name for name in TARGETS if name != "several outputs"])
def test_lbfgs(digits, target, activation):
    kind, X, y, options = problem(digits, target)
    expected, actual = fit_pair(
        kind,
        X,
        y,
        hidden_layer_sizes=(8,),
        activation=activation,
        solver="lbfgs",
        alpha=1.0,
        max_iter=15,
        **options,
    )
    assert actual.n_iter_ == expected.n_iter_
    assert actual.loss_ == pytest.approx(expected.loss_, rel=1e-5)
    assert actual.score(X, y) == pytest.approx(expected.score(X, y), abs=0.02)


def test_lbfgs_with_several_outputs_minimises_one_function(digits):
    """scikit-learn 1.9 pairs the mean over outputs with the gradient of the sum; ours is whole.

    So the sum of squares plus decay is stationary where ours ends. Their values are not
    compared: the problem is not convex, and the path depends on the CPU's BLAS.
    """
    _, X, y, _ = problem(digits, "several outputs")
    options = {"solver": "lbfgs", "max_iter": 1000, "max_fun": 5000, "tol": 1e-8}
    options |= {"hidden_layer_sizes": (8,), "activation": "tanh", "alpha": 1.0, "random_state": 0}
    model = CLASSES["regressor"][1](**options)
    assert outcome(lambda: model.fit(X, y)).error is None
    (v, w), (a, b) = model.coefs_, model.intercepts_
    hidden = np.tanh(X @ v + a)
    error = hidden @ w + b - y
    decay = sum((weights**2).sum() for weights in (v, w)) / 2
    assert model.loss_ == pytest.approx(((error**2).sum() / 2 + decay) / len(X), rel=1e-9)
    back = error @ w.T * (1 - hidden**2)
    gradients = X.T @ back + v, hidden.T @ error + w, back.sum(axis=0), error.sum(axis=0)
    assert max(abs(gradient).max() for gradient in gradients) / len(X) < 1e-4
