"""The same random_state, the same network: every solver with every activation, target and option.

Larger networks and single options are in test_trajectories.py; here small ones take all options
together.
"""

from itertools import product

import numpy as np
import pytest
from oracles.parity import CLASSES, assert_same_network, fit_pair, fit_quietly
from scipy import sparse

SGD = {"solver": "sgd", "learning_rate_init": 0.02}
# a large tol makes every pass count as no improvement, so that the rate falls
ADAPTIVE = {**SGD, "learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 2}
INVSCALING = {**SGD, "learning_rate": "invscaling", "power_t": 0.2}
PLAIN = {"nesterovs_momentum": False}
SOLVERS = {
    "adam": {"solver": "adam", "learning_rate_init": 0.01},
    "constant": SGD,
    "constant, plain": {**SGD, **PLAIN},
    "invscaling": INVSCALING,
    "invscaling, plain": {**INVSCALING, **PLAIN},
    "adaptive": ADAPTIVE,
    "adaptive, plain": {**ADAPTIVE, **PLAIN},
}
ACTIVATIONS = ["identity", "logistic", "tanh", "relu"]

ROWS = 75
rng = np.random.RandomState(0)
X = rng.normal(size=(ROWS, 5)) * (rng.rand(ROWS, 5) < 0.7)
NOISE = 0.3 * rng.normal(size=ROWS)
WEIGHTS = rng.exponential(size=ROWS)
WEIGHTS[::9] = 0
LABELS = (X[:, 0] + NOISE > 0.2) * 1 + (X[:, 1] > 0.3)
TARGETS = {
    "binary": ("classifier", LABELS > 0),
    "multiclass": ("classifier", LABELS),
    "multilabel": ("classifier", np.c_[LABELS > 0, X[:, 2] + NOISE > 0].astype(int)),
    "one output": ("regressor", X[:, 0] * X[:, 1] + NOISE),
    "several outputs": ("regressor", np.c_[X[:, 0] + NOISE, X[:, 1], X[:, 2] ** 2]),
    "poisson": ("regressor", rng.poisson(np.exp(0.5 * X[:, 0]))),
}
OPTIONS = list(product([False, True], repeat=3))  # early stopping, shuffle, weights
BATCHES = [25, 16, 40, 75, "auto"]  # 16 and 40 divide neither all samples nor those kept
LAYERS = [(6,), (7, 4), ()]
EVERY = [
    pytest.mark.parametrize("target", TARGETS),
    pytest.mark.parametrize("solver", SOLVERS),
    pytest.mark.parametrize("activation", ACTIVATIONS),
]


def every(test):
    for mark in EVERY:
        test = mark(test)
    return test


def check(activation, solver, target, option, turn, dtype=np.float64, tolerance=1e-9, **params):
    """Fits both; `turn` chooses batch size, layers and whether X is sparse."""
    kind, y = TARGETS[target]
    early_stopping, shuffle, weighted = option
    data = X.astype(dtype)
    expected, actual = fit_pair(
        kind,
        sparse.csr_array(data) if turn % 2 else data,
        y,
        WEIGHTS if weighted else None,
        **{
            "hidden_layer_sizes": LAYERS[turn % len(LAYERS)],
            "activation": activation,
            "batch_size": BATCHES[turn % len(BATCHES)],
            "early_stopping": early_stopping,
            "validation_fraction": 0.2,
            "shuffle": shuffle,
            "alpha": 0.01,
            **SOLVERS[solver],
            **({"loss": "poisson"} if target == "poisson" else {}),
            **params,
        },
    )
    assert_same_network(expected, actual, tolerance)
    return expected


def turn_of(activation, solver, target):
    """Another of the options' companions for each combination."""
    return (
        ACTIVATIONS.index(activation) + 2 * list(SOLVERS).index(solver)
        + 5 * list(TARGETS).index(target)
    )  # fmt: skip


@pytest.mark.thinned
@every
def test_twelve_passes(activation, solver, target):
    first = turn_of(activation, solver, target)
    for number, option in enumerate(OPTIONS):
        check(activation, solver, target, option, first + number, max_iter=12)


@pytest.mark.thinned
@every
def test_twelve_passes_in_float32(activation, solver, target):
    turn = turn_of(activation, solver, target)
    option = OPTIONS[turn % len(OPTIONS)]
    check(activation, solver, target, option, turn, np.float32, 1e-3, max_iter=12)


@pytest.mark.thinned
@every
def test_converged(activation, solver, target):
    """All stop, in the same pass."""
    turn = turn_of(activation, solver, target)
    stopping = {"tol": 2e-3, "n_iter_no_change": 3, "max_iter": 400}
    expected = check(
        activation, solver, target, OPTIONS[turn % len(OPTIONS)], turn, tolerance=1e-6, **stopping
    )
    assert 3 < expected.n_iter_ < 400


@pytest.mark.thinned
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_lbfgs_scores_alike(activation, target):
    """It amplifies rounding from iteration to iteration; where it arrives is as good."""
    kind, y = TARGETS[target]
    data = sparse.csr_array(X)
    scores = []
    for cls in CLASSES[kind]:
        model = cls(hidden_layer_sizes=(6,), activation=activation, solver="lbfgs", alpha=3.0)
        model.set_params(max_iter=80, tol=1e-3, random_state=0)
        if target == "poisson":
            model.set_params(loss="poisson")
        scores.append(fit_quietly(model, data, y, WEIGHTS).score(data, y, WEIGHTS))
    if target == "several outputs":  # scikit-learn's gradient is not that of its loss: CHANGELOG
        assert scores[1] > scores[0] - 0.02
    else:
        assert scores[1] == pytest.approx(scores[0], abs=0.02)
