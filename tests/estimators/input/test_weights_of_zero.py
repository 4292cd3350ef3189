"""A sample of weight zero is an absent one, and a mini-batch without any weight changes nothing
but what decays. Oracles: training without these samples, and plain NumPy."""

import pickle

import numpy as np
import pytest
from oracles import reference_network
from oracles.parity import assert_same_bits, fit_quietly, parameters
from scipy import sparse

from fusednn import (
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
    NetworkRegressor,
    optimizers,
)
from fusednn.layers import Dense, LayerNorm

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
VALUES = X[:, 0] - X[:, 1] ** 2
LABELS = np.digitize(VALUES, [-1.5, 0])
THERE = rng.uniform(size=60) < 0.6
WEIGHTS = np.where(THERE, rng.choice([0.5, 1, 1.5], 60), 0)  # which add up without rounding
LAYERS = [Dense(5, "tanh"), LayerNorm()]
ALL = {
    "MLPClassifier": (lambda **p: MLPClassifier((5,), **p), LABELS),
    "two classes": (lambda **p: MLPClassifier((5,), **p), LABELS // 2),
    "MLPRegressor": (lambda **p: MLPRegressor(hidden_layer_sizes=(5,), **p), VALUES),
    "NetworkClassifier": (lambda **p: NetworkClassifier(LAYERS, **p), LABELS),
    "NetworkRegressor": (lambda **p: NetworkRegressor(LAYERS, **p), VALUES),
}
KINDS = pytest.mark.parametrize("kind", ALL)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def new(kind, **params):
    return ALL[kind][0](**{"random_state": 0, "max_iter": 6, "shuffle": False, **params})


def assert_same(one, other):
    """Two fits in every bit of their weights, and in the loss: a mean over their samples."""
    for a, b in zip(one._parameters(), other._parameters(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.loss_ == pytest.approx(other.loss_, rel=1e-14)


WHOLE = {
    "adam": {"batch_size": 60},
    "lbfgs": {"solver": "lbfgs"},
    "adamw": {"solver": "adamw", "batch_size": 60},
    "l1": {"l1": 0.1, "batch_size": 60},
    "standardize": {"standardize": True, "batch_size": 60},
    "float32": {"dtype": "float32", "batch_size": 60, "standardize": True},
    "clipped": {"clip_norm": 0.1, "batch_size": 60},
    "averages": {"ema_decay": 0.9, "batch_size": 60},
}


@KINDS
@pytest.mark.parametrize("name", WHOLE)
def test_training_in_one_batch_is_that_without_them(kind, name):
    y = ALL[kind][1]
    model = new(kind, **WHOLE[name]).fit(X, y, WEIGHTS)
    params = {**WHOLE[name]}
    if "batch_size" in params:
        params["batch_size"] = int(THERE.sum())
    without = new(kind, **params).fit(X[THERE], y[THERE], WEIGHTS[THERE])
    assert_same(model, without)


@pytest.mark.parametrize("form", [sparse.csr_matrix, np.asfortranarray], ids=["CSR", "columns"])
def test_other_forms_of_the_data(form):
    model = new("MLPClassifier", batch_size=60).fit(form(X), LABELS, WEIGHTS)
    without = new("MLPClassifier", batch_size=int(THERE.sum()))
    assert_same(model, without.fit(form(X[THERE]), LABELS[THERE], WEIGHTS[THERE]))


def test_balanced_class_weights_do_not_count_them():
    model = new("MLPClassifier", class_weight="balanced", batch_size=60).fit(X, LABELS, WEIGHTS)
    without = new("MLPClassifier", class_weight="balanced", batch_size=int(THERE.sum()))
    assert_same(model, without.fit(X[THERE], LABELS[THERE], WEIGHTS[THERE]))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_batches_of_several_blocks(solver):
    """More than 4,096 rows, of which the first block has no weight at all."""
    many = np.tile(X, (150, 1))
    y, there = np.tile(VALUES, 150), np.arange(9000) >= 5000
    params = {"solver": solver, "max_iter": 3}
    model = new("MLPRegressor", batch_size=9000, **params).fit(many, y, there.astype(float))
    without = new("MLPRegressor", batch_size=4000, **params).fit(many[there], y[there])
    for a, b in zip(parameters(model), parameters(without), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-11)
    assert model.loss_ == pytest.approx(without.loss_, rel=1e-11)


@pytest.mark.parametrize("kind", ["MLPRegressor", "NetworkRegressor"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_their_targets_may_be_anything(kind, dtype, solver):
    """A mark of what is missing, whose squared error overflows."""
    marked = np.where(THERE, VALUES, np.finfo(dtype).max / 4)
    params = {"dtype": dtype, "solver": solver}
    model = new(kind, **params).fit(X, marked, WEIGHTS)
    assert_same(model, new(kind, **params).fit(X, VALUES, WEIGHTS))
    found = model.loss_and_gradient(X, marked, WEIGHTS)
    expected = model.loss_and_gradient(X, VALUES, WEIGHTS)
    assert np.isfinite(found[0])
    assert found[0] == expected[0]


# -- a mini-batch without any weight -----------------------------------------------------


def sgd(w, g, state, t):
    """scikit-learn's, with momentum 0.9 and without Nesterov's."""
    velocity = 0.9 * state.get("velocity", 0) - 0.01 * g
    return w + velocity, {"velocity": velocity}


def adam(w, g, state, t):
    """scikit-learn's, which adds epsilon to the uncorrected root."""
    m = 0.9 * state.get("m", 0) + 0.1 * g
    v = 0.999 * state.get("v", 0) + 0.001 * g**2
    rate = 0.01 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    return w - rate * m / (np.sqrt(v) + 1e-8), {"m": m, "v": v}


def adamw(w, g, state, t):
    """PyTorch's: weights decay whatever the gradient, biases too where they are told to."""
    m = 0.9 * state.get("m", 0) + 0.1 * g
    v = 0.999 * state.get("v", 0) + 0.001 * g**2
    w = w * (1 - 0.01 * 0.5) if w.ndim == 2 else w
    corrected = np.sqrt(v / (1 - 0.999**t)) + 1e-8
    return w - 0.01 * m / (1 - 0.9**t) / corrected, {"m": m, "v": v}


SOLVERS = {
    "sgd": ({"solver": "sgd", "nesterovs_momentum": False, "alpha": 0.3}, sgd, 0.3),
    "adam": ({"solver": "adam", "alpha": 0.3}, adam, 0.3),
    "adamw": ({"solver": optimizers.AdamW(weight_decay=0.5)}, adamw, 0),
}


@pytest.mark.parametrize("weightless", [0, 1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SOLVERS)
def test_its_step_has_no_gradient(name, dtype, weightless):
    """Three batches of 20; the optimizers in NumPy, with a gradient of zero in one of them."""
    params, step, alpha = SOLVERS[name]
    params = {"activation": "tanh", "batch_size": 20, "learning_rate_init": 0.01, **params}
    weights = rng.uniform(0.5, 2, 60)
    weights[20 * weightless : 20 * weightless + 20] = 0
    model = MLPRegressor(
        hidden_layer_sizes=(5,), shuffle=False, random_state=0, dtype=dtype, **params
    )
    start = MLPRegressor(
        hidden_layer_sizes=(5,), random_state=0, max_iter=1, solver="sgd",
        learning_rate_init=1e-300, activation="tanh",
    ).fit(X, VALUES)  # fmt: skip
    now = [part.copy() for part in parameters(start)]
    states, losses, t = [{}] * 4, [], 0
    for number in range(2):
        passed = []
        for first in range(0, 60, 20):
            rows, t = slice(first, first + 20), t + 1
            if weights[first]:
                loss, d_coefs, d_intercepts = reference_network.loss_and_gradient(
                    "tanh", "squared_error", now[:2], now[2:], X[rows],
                    VALUES[rows, np.newaxis], weights[rows], alpha,
                )  # fmt: skip
                gradient = [*d_coefs, *d_intercepts]
                passed.append(loss)
            else:
                gradient = [np.zeros_like(part) for part in now]
            stepped = [step(*each, t) for each in zip(now, gradient, states, strict=True)]
            now, states = [part for part, _ in stepped], [state for _, state in stepped]
        losses.append(np.mean(passed))
        fit_quietly(model.set_params(max_iter=number + 1), X, VALUES, weights)
        tolerance = 1e-12 if dtype == "float64" else 2e-6
        for ours, theirs in zip(parameters(model), now, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=tolerance)
        np.testing.assert_allclose(model.loss_curve_, losses, rtol=1e3 * tolerance)


@KINDS
@pytest.mark.parametrize(
    "params",
    [
        {"mixup": 0.3},
        {"accumulate": 2},
        {"clip_value": 0.1},
        {"ema_decay": 0.5},
        {"solver": "nadam"},
        {"l1": 0.1},
        {"diagnose": True},
        {"normalization": "batch"},
        {"early_stopping": True, "validation_fraction": 0.5},
    ],
    ids=str,
)
def test_options(kind, params):
    """Most batches have no weight; fits end with finite losses, and n_jobs changes no bit."""
    if "normalization" in params and kind.startswith("Network"):
        params = {"max_time": 1000}  # of perceptrons; a limit runs pass by pass
    y, weights = ALL[kind][1], np.where(np.arange(60) < 18, 1.0, 0.0)
    fits = [new(kind, batch_size=6, n_jobs=n, **params).fit(X, y, weights) for n in (1, 2)]
    assert np.isfinite(fits[0].loss_curve_).all()
    assert_same(*fits)


def test_blocks_that_are_added_up():
    """A block without weight leaves the batch that it is a part of to the others."""
    weights = np.repeat([0.0, 1.0, 1.0], 20)
    model = new("MLPRegressor", batch_size=20, accumulate=3).fit(X, VALUES, weights)
    without = new("MLPRegressor", batch_size=20, accumulate=2).fit(X[20:], VALUES[20:])
    for a, b in zip(parameters(model), parameters(without), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_many_calls_of_partial_fit():
    """Plans are kept between calls, with weights of their own."""
    one, other = (new("MLPRegressor", solver="sgd", batch_size=20) for _ in range(2))
    for number in range(4):
        weights = np.ones(60)
        weights[20 * (number % 3) : 20 * (number % 3) + 20] = 0
        one.partial_fit(X, VALUES, weights)
        other.partial_fit(X, VALUES, weights * 1.0)
        pickle.loads(pickle.dumps(other))
    assert_same_bits(one, other)
    assert np.isfinite(one.loss_)


def test_batch_norm_sees_their_rows():
    """Statistics are those of the rows of a batch, whatever they weigh."""
    params = {"normalization": "batch", "batch_size": 60, "max_iter": 1}
    models = [
        new("MLPRegressor", **params).fit(X, VALUES, weights)
        for weights in (None, np.where(THERE, 1.0, 0.0))
    ]
    for one, other in zip(models[0].norms_[0][2:], models[1].norms_[0][2:], strict=True):
        np.testing.assert_array_equal(one, other)


# -- validation --------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("scoring", [None, "loss", "weighted"])
def test_a_validation_set_without_them(kind, scoring):
    """A row that is absent may have any target."""
    y = ALL[kind][1]
    if scoring == "weighted":
        scoring = "accuracy" if "egressor" not in kind else "r2"
    marked = y if "egressor" not in kind else np.where(THERE, y, 1e200)
    X_val = X + 0.1
    full = {"X_val": X_val, "y_val": marked, "sample_weight_val": WEIGHTS}
    rest = {"X_val": X_val[THERE], "y_val": y[THERE], "sample_weight_val": WEIGHTS[THERE]}
    one, other = (new(kind, scoring=scoring).fit(X, y, **given) for given in (full, rest))
    assert np.isfinite(one.validation_scores_).all()
    assert one.validation_scores_ == other.validation_scores_
    assert one.validation_loss_curve_ == other.validation_loss_curve_


def test_a_held_out_part_is_scored_without_them():
    marked = np.where(THERE, VALUES, 1e200)
    params = {"early_stopping": True, "validation_fraction": 0.5, "scoring": "loss"}
    one, other = (new("MLPRegressor", **params).fit(X, y, WEIGHTS) for y in (marked, VALUES))
    assert_same_bits(one, other)


# -- no weight at all --------------------------------------------------------------------


def assert_refused(model, call, words):
    before = pickle.dumps(model)
    with pytest.raises(ValueError, match=words):
        call(model)
    assert pickle.dumps(model) == before


@KINDS
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_no_sample_has_a_weight(kind, solver):
    y = ALL[kind][1]
    fitted = new(kind, solver=solver).fit(X, y)
    unfitted = new(kind, solver=solver)
    first = {"classes": [0, 1, 2]} if kind in ("MLPClassifier", "NetworkClassifier") else {}
    first = {"classes": [0, 1]} if kind == "two classes" else first
    for weights, words in (
        (np.zeros(60), "^Sample weights must contain at least one non-zero number"),
        (np.tile([1.0, -1.0], 30), "^The weights of the samples to train on, .* sum to 0 in"),
    ):
        for model in (fitted, unfitted):
            assert_refused(model, lambda e, w=weights: e.fit(X, y, w), words)
            if solver != "lbfgs":
                assert_refused(model, lambda e, w=weights: e.partial_fit(X, y, w, **first), words)
        assert_refused(fitted, lambda e, w=weights: e.loss_and_gradient(X, y, w), words)


@KINDS
def test_weights_that_the_type_cannot_hold(kind):
    words = "sum to inf in float32: give weights whose sum is finite and not zero"
    y, model = ALL[kind][1], new(kind, dtype="float32")
    assert_refused(model, lambda e: e.fit(X, y, np.full(60, 1e300)), words)
    assert_refused(model, lambda e: e.fit(X, y, np.full(60, 1e-300)), "sum to 0 in float32")


def test_no_sample_that_is_validated_or_trained_on_has_a_weight():
    params, held_out = {"early_stopping": True, "validation_fraction": 0.5}, []
    new(
        "MLPRegressor",
        scoring=lambda model, X, y: held_out.append(X[:, 0].copy()) or 0.0,
        **params,
    ).fit(X, VALUES)
    outside, model = ~np.isin(X[:, 0], held_out[0]), new("MLPRegressor", **params)
    words = "^The weights of the validation set sum to zero"
    assert_refused(model, lambda e: e.fit(X, VALUES, outside.astype(float)), words)
    words = "^The weights of the samples to train on"
    assert_refused(model, lambda e: e.fit(X, VALUES, 1.0 - outside), words)
    words = "^sample_weight_val must contain at least one non-zero number"
    given = {"X_val": X, "y_val": VALUES, "sample_weight_val": np.zeros(60)}
    assert_refused(model, lambda e: e.fit(X, VALUES, **given), words)
    words = "^The weights of the validation set sum to zero"
    given["sample_weight_val"] = np.tile([1.0, -1.0], 30)
    assert_refused(model, lambda e: e.fit(X, VALUES, **given), words)
