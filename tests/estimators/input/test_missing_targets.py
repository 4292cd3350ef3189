"""`missing_targets="ignore"`: targets that are known in some columns only."""

import pickle
import warnings

import numpy as np
import pytest
from cases.missing_targets import (
    BITS,
    FULL,
    IGNORE,
    KNOWN,
    NAMES,
    NUMBERS,
    PART,
    PART_BITS,
    PART_NAMES,
    PART_NUMBERS,
    SMALL,
    TARGETS,
    UNKNOWN,
    WEIGHTS,
    X,
    each_kind,
    expected,
    known_only,
)
from numba import njit
from oracles import reference_network
from oracles.parity import assert_same_bits
from scipy import sparse
from sklearn.base import clone

from fusednn import MLPClassifier, MLPRegressor, NetworkClassifier, NetworkRegressor
from fusednn.layers import Dense
from fusednn.losses import CrossEntropy, Focal, Quantile

rng = np.random.default_rng(1)
GROUPS = (3, 2, 2)
LOSSES = ["squared_error", "poisson", "gamma", "huber", "absolute_error", "log_cosh", "gaussian"]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def assert_gradient(model, loss, y, targets, groups=None, form=np.asarray):
    for weights in (None, WEIGHTS):
        found = model.loss_and_gradient(form(X), y, weights)
        own = np.ones(len(X)) if weights is None else weights
        value, *gradient = expected(model, loss, targets, own, groups)
        np.testing.assert_allclose(found[0], value, rtol=1e-10)
        for ours, theirs in zip(found[1:], gradient, strict=True):
            for a, b in zip(ours, theirs, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("loss", [*LOSSES, "quantile"])
def test_gradient_of_values(loss, form):
    model = MLPRegressor(loss, alpha=0.3, **IGNORE).fit(form(X), PART)
    assert_gradient(model, loss, PART, PART, form=form)


@pytest.mark.parametrize("loss", ["log_loss", "focal", CrossEntropy(label_smoothing=0.1)], ids=str)
def test_gradient_of_labels(loss):
    ending = {"log_loss": "", "focal": "_focal"}.get(loss, "_smoothed")
    model = MLPClassifier(loss=loss, alpha=0.3, **IGNORE).fit(X, PART_BITS)
    assert_gradient(model, f"logistic{ending}", PART_BITS, PART_BITS)
    model.fit(X, PART_NUMBERS)
    assert_gradient(model, f"softmax{ending}", PART_NUMBERS, PART_NUMBERS, GROUPS)
    model.fit(X, PART_NAMES)
    assert_gradient(model, f"softmax{ending}", PART_NAMES, PART_NUMBERS, GROUPS)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_steps_of_gradient_descent(dtype):
    """Batches, each with its own known targets."""
    options = {"solver": "sgd", "momentum": 0, "nesterovs_momentum": False, "shuffle": False}
    start = MLPRegressor(dtype=dtype, **options, **IGNORE).fit(X, PART)
    model = clone(start).set_params(max_iter=1, batch_size=100, alpha=0.3).fit(X, PART)
    plain = clone(model).set_params(learning_rate_init=1e-300).fit(X, PART)
    coefs = [w.astype(float) for w in plain.coefs_]
    intercepts = [b.astype(float) for b in plain.intercepts_]
    losses = []
    for first in range(0, len(X), 100):
        rows = slice(first, first + 100)
        shares = KNOWN[rows].mean(axis=1)
        z = reference_network.forward("tanh", coefs, intercepts, X[rows])[0][-1]
        value, dz = known_only("squared_error")(z, PART[rows])
        outputs, _ = reference_network.forward("tanh", coefs, intercepts, X[rows])
        l2, total = model.alpha, shares.sum()
        losses.append((value.sum() / 3 + l2 / 2 * sum((w**2).sum() for w in coefs)) / total)
        dz /= total
        back = dz @ coefs[1].T * (1 - outputs[1] ** 2)
        steps = [outputs[0].T @ back + l2 / total * coefs[0], outputs[1].T @ dz]
        steps[1] += l2 / total * coefs[1]
        coefs = [w - 1e-3 * step for w, step in zip(coefs, steps, strict=True)]
        biases = [back.sum(axis=0), dz.sum(axis=0)]
        intercepts = [b - 1e-3 * step for b, step in zip(intercepts, biases, strict=True)]
    allowed = 1e-5 if dtype == "float32" else 1e-10
    for ours, theirs in zip([*model.coefs_, *model.intercepts_], coefs + intercepts, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=allowed, atol=allowed)
    sizes = [100, 100, 30]
    assert model.loss_ == pytest.approx(np.average(losses, weights=sizes), rel=allowed)


@each_kind
@pytest.mark.parametrize(
    "options", [{}, {"early_stopping": True}, {"solver": "lbfgs"}, {"mixup": 0.3}], ids=str
)
def test_where_all_are_known_nothing_changes(kind, options):
    cls, full, _ = TARGETS[kind]
    one, other = (cls(**{**given, **options}).fit(X, full) for given in (SMALL, IGNORE))
    assert_same_bits(one, other)
    assert one.score(X, full) == other.score(X, full)
    assert one.loss_ == other.loss_


@each_kind
@pytest.mark.parametrize(
    "options", [{}, {"early_stopping": True}, {"solver": "lbfgs"}, {"standardize": True}], ids=str
)
def test_a_row_without_any_is_absent(kind, options):
    cls, _, part = TARGETS[kind]
    empty = np.full((40, 3), None if kind == "words" else np.nan, part.dtype)
    order = rng.permutation(len(X) + 40)
    place = np.argsort(order, kind="stable")
    rows, y, weights = (
        np.concatenate([of, more])[order]
        for of, more in ((X, 9 * X[:40]), (part, empty), (WEIGHTS, WEIGHTS[:40]))
    )
    kept = order < len(X)
    one = cls(**{**IGNORE, **options}).fit(rows[kept], y[kept], weights[kept])
    other = cls(**{**IGNORE, **options}).fit(rows, y, weights)
    assert_same_bits(one, other)
    assert one.score(X, part) == other.score(rows[place], y[place])
    assert one.t_ == other.t_
    one.set_params(solver="adam", early_stopping=False)
    given = {"X_val": rows, "y_val": y, "sample_weight_val": weights}
    without = {"X_val": X, "y_val": part, "sample_weight_val": WEIGHTS}
    curves = [clone(one).fit(X, part, **val).validation_loss_curve_ for val in (given, without)]
    np.testing.assert_allclose(*curves, rtol=1e-12)
    for ours, theirs in zip(
        one.loss_and_gradient(rows[kept], y[kept], weights[kept])[1],
        other.loss_and_gradient(rows, y, weights)[1],
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("cls", [MLPRegressor, MLPClassifier])
def test_one_column(cls):
    """A sample whose only target is unknown is absent."""
    y = FULL[:, 0] if cls is MLPRegressor else NAMES[NUMBERS[:, 0]]
    part = np.where(UNKNOWN[:, 0], None, y)
    if cls is MLPRegressor:
        part = part.astype(float)
    kept = ~UNKNOWN[:, 0]
    one = cls(**IGNORE).fit(X[kept], y[kept])
    assert_same_bits(one, cls(**IGNORE).fit(X, part))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=UserWarning)  # of a column for a vector
        assert_same_bits(one, cls(**IGNORE).fit(X, part[:, np.newaxis]))
    assert one.score(X, part) == one.score(X[kept], y[kept])
    assert one.score(X, part, WEIGHTS) == one.score(X[kept], y[kept], WEIGHTS[kept])


def test_class_weights_of_the_known():
    """An unknown label has no part in the product; balanced is balanced among the known."""
    factors = [{0: 1.0, 1: 3.0}, {0: 2.0, 1: 1.0}, {0: 1.0, 1: 0.5}]
    for given in (factors, "balanced"):
        model = MLPClassifier(class_weight=given, **IGNORE).fit(X, PART_BITS)
        product = np.ones(len(X))
        for column, known, factor in zip(BITS.T, KNOWN.T, factors, strict=True):
            if given == "balanced":
                counts = np.bincount(column[known], minlength=2)
                factor = known.sum() / (2 * counts)
            weights = np.where(column, factor[1], factor[0])
            product *= np.where(known, weights, 1)
        one = model.loss_and_gradient(X, PART_BITS)
        other = model.set_params(class_weight=None).loss_and_gradient(X, PART_BITS, product)
        assert one[0] == pytest.approx(other[0], rel=1e-9)
        words = [{"ant": 1.0, "bee": 2.0, "cow": 3.0}, *[{"ant": 2.0, "bee": 0.5}] * 2]
        model.set_params(class_weight=given if given == "balanced" else words).fit(X, PART_NAMES)
        product = np.ones(len(X))
        for column, known, factor in zip(NUMBERS.T, KNOWN.T, words, strict=True):
            if given == "balanced":
                counts = np.bincount(column[known])
                factor = dict(zip(NAMES, known.sum() / (len(counts) * counts), strict=False))
            product *= np.where(known, [factor[name] for name in NAMES[column]], 1)
        one = model.loss_and_gradient(X, PART_NAMES)
        other = model.set_params(class_weight=None).loss_and_gradient(X, PART_NAMES, product)
        assert one[0] == pytest.approx(other[0], rel=1e-9)


@each_kind
def test_going_on(kind, tmp_path):
    """partial_fit, warm starts, copies and files; batches may know nothing of a column."""
    cls, _, part = TARGETS[kind]
    few = part[:30].copy()
    few[:, 1] = None if kind == "words" else np.nan
    few[:, 0] = part[0, 0] if KNOWN[0, 0] else part[KNOWN[:, 0], 0][0]
    first = {}
    if kind in ("numbers", "words"):
        labels = [np.unique(NUMBERS[:, c]) for c in range(3)]
        first["classes"] = labels if kind == "numbers" else [NAMES[numbers] for numbers in labels]
    elif kind == "multilabel":
        first["classes"] = np.arange(3)
    model = cls(**IGNORE)
    for rows in range(0, 230, 50):
        part_of = slice(rows, rows + 50)
        model.partial_fit(X[part_of], part[part_of], **(first if rows == 0 else {}))
    before = model.coefs_[-1].copy()
    model.partial_fit(X[:30], few)
    assert np.isfinite(model.loss_)
    assert (model.coefs_[-1] != before).any()
    model.save(tmp_path / "model")
    for copy in (pickle.loads(pickle.dumps(model)), cls.load(tmp_path / "model")):
        assert copy.missing_targets == "ignore"
        assert "missing_targets='ignore'" in repr(copy)
        assert_same_bits(
            copy.partial_fit(X, part), pickle.loads(pickle.dumps(model)).partial_fit(X, part)
        )
    fresh = cls(**IGNORE).partial_fit(X[:30], few, **first)
    assert np.isfinite(fresh.loss_)
    with pytest.raises(ValueError, match=r"^y has no known target\.$"):
        model.partial_fit(X[:30], np.full_like(few, None if kind == "words" else np.nan))
    warm = cls(warm_start=True, **IGNORE).fit(X, part)
    assert np.isfinite(warm.fit(X, part).loss_)


@each_kind
@pytest.mark.parametrize("jobs", [1, 2])
def test_more_options(kind, jobs):
    """They train, and whatever n_jobs is to the same bits."""
    cls, _, part = TARGETS[kind]
    options = {"mixup": 0.4, "clip_norm": 1.0, "accumulate": 2, "batch_size": 30, "diagnose": True}
    base = cls(standardize=True, ema_decay=0.9, **options, **IGNORE).fit(X, part, WEIGHTS)
    assert_same_bits(base, clone(base).set_params(n_jobs=jobs).fit(X, part, WEIGHTS))
    assert np.isfinite(base.loss_)


def test_mixup_of_known_and_unknown():
    """The loss of a pass without a step is that of the known targets of both samples."""
    y = np.where(np.arange(230)[:, np.newaxis] % 2 == [0, 1], [[2.0, 3.0]], np.nan)
    model = MLPRegressor(
        **{**IGNORE, "max_iter": 1}, mixup=0.4, learning_rate_init=1e-300, alpha=0.0, solver="sgd"
    ).fit(X * 0, y)
    z = model.predict(X[:1] * 0)[0]
    low, high = np.sort((z - [2, 3]) ** 2 / 2)
    assert low <= model.loss_ <= high


@njit
def relative(z, t):
    """A loss that no target of 0 may meet: it would divide by zero."""
    d = (z - t) / t
    return d * d / 2, d / t


def test_a_loss_of_ones_own_sees_known_targets_only():
    model = MLPRegressor(relative, **IGNORE).fit(X, PART)
    z = model.predict_logits(X)
    value = np.where(KNOWN, ((z - FULL) / FULL) ** 2 / 2, 0).sum(axis=1)
    found = model.set_params(alpha=0.0).loss_and_gradient(X, PART)[0]
    assert found == pytest.approx(value.sum() / KNOWN.mean(axis=1).sum(), rel=1e-12)


def test_networks_of_layers():
    for cls, y in ((NetworkRegressor, PART), (NetworkClassifier, PART_BITS)):
        model = cls([Dense(6, "tanh")], missing_targets="ignore", max_iter=3, random_state=0)
        assert np.isfinite(model.fit(X, y).loss_)
        assert np.isfinite(model.score(X, y))
        assert model.initialize(X, y).n_outputs_ == 3
        with pytest.raises(ValueError, match="contains NaN"):
            clone(model).set_params(missing_targets="error").fit(X, y)


def test_quantiles_and_spreads_of_a_column():
    model = MLPRegressor(Quantile((0.2, 0.5, 0.8)), **IGNORE).fit(X, PART)
    assert model.predict(X).shape == (230, 3, 3)
    assert np.isfinite(model.score(X, PART))
    model = MLPClassifier(loss=Focal(1.0), **IGNORE).fit(X, PART_BITS)
    assert model.predict_proba(X).shape == (230, 3)


def test_what_is_known_is_learned():
    """Half of the targets at random are enough for all columns."""
    y = np.c_[X[:, 0] + X[:, 1], X[:, 1] - X[:, 2]]
    part = np.where(rng.random(y.shape) < 0.5, np.nan, y)
    model = MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", missing_targets="ignore", alpha=0)
    model.fit(X, part)
    np.testing.assert_allclose(model.predict(X), y, atol=1e-3)
