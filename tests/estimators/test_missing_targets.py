"""`missing_targets="ignore"`: targets that are known in some columns only."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest
import reference_network
from numba import njit
from parity import assert_same_bits
from scipy import sparse
from sklearn.base import clone
from sklearn.metrics import r2_score

from fusednn import MLPClassifier, MLPRegressor, NetworkClassifier, NetworkRegressor
from fusednn.estimators.deployment.warmup import rehearsals
from fusednn.layers import Dense
from fusednn.losses import CrossEntropy, Focal, Quantile

rng = np.random.default_rng(0)
X = rng.normal(size=(230, 4))
FULL = np.exp(np.c_[X[:, 0], X[:, 1] * X[:, 2], X[:, 3]] / 3)
UNKNOWN = rng.random(FULL.shape) < 0.3
PART = np.where(UNKNOWN, np.nan, FULL)
WEIGHTS = rng.uniform(0.5, 2, len(X))
BITS = (FULL > 1).astype(int)
PART_BITS = np.where(UNKNOWN, np.nan, BITS)
NUMBERS = np.c_[np.digitize(FULL[:, 0], [0.8, 1.2]), BITS[:, 1:]]
PART_NUMBERS = np.where(UNKNOWN, np.nan, NUMBERS)
NAMES = np.array(["ant", "bee", "cow"], object)
PART_NAMES = np.where(UNKNOWN, None, NAMES[NUMBERS])
GROUPS = (3, 2, 2)
LOSSES = ["squared_error", "poisson", "gamma", "huber", "absolute_error", "log_cosh", "gaussian"]
SMALL = {"hidden_layer_sizes": (6,), "random_state": 0, "max_iter": 4, "activation": "tanh"}
IGNORE = {**SMALL, "missing_targets": "ignore"}
TARGETS = {
    "regression": (MLPRegressor, FULL, PART),
    "multilabel": (MLPClassifier, BITS, PART_BITS),
    "numbers": (MLPClassifier, NUMBERS, PART_NUMBERS),
    "words": (MLPClassifier, NAMES[NUMBERS], PART_NAMES),
}
each_kind = pytest.mark.parametrize("kind", TARGETS)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def known_only(loss, groups=None):
    """A loss over the known entries, and its gradient: one column at a time."""

    def value_and_gradient(z, t):
        edges = np.cumsum(groups or [z.shape[1] // t.shape[1]] * t.shape[1])[:-1]
        value, parts = np.zeros(len(t)), []
        for part, column in zip(np.split(z, edges, axis=1), t.T, strict=True):
            known = ~np.isnan(column)
            v, g = reference_network.LOSSES[loss](part[known], column[known, np.newaxis])
            value[known] += v
            parts.append(np.zeros(part.shape))
            parts[-1][known] = g
        return value, np.hstack(parts)

    return value_and_gradient


def expected(model, loss, targets, weights, groups=None):
    """Loss and gradient as the documentation has them: by the weights of the known."""
    shares = np.mean(~np.isnan(targets), axis=1)
    value_and_gradient = known_only(loss, groups)

    def over_shares(z, t):  # the reference divides by the sum of the weights it is given
        value, gradient = value_and_gradient(z, t)
        return value / shares, gradient / shares[:, np.newaxis]

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(reference_network.LOSSES, "known", over_shares)
        return reference_network.loss_and_gradient(
            *("tanh", "known", model.coefs_, model.intercepts_, X, targets),
            *(weights * shares, model.alpha),
        )


def assert_gradient(model, loss, y, targets, groups=None, form=np.asarray):
    for weights in (None, WEIGHTS):
        found = model.loss_and_gradient(form(X), y, weights)
        own = np.ones(len(X)) if weights is None else weights
        value, *gradient = expected(model, loss, targets, own, groups)
        np.testing.assert_allclose(found[0], value, rtol=1e-10)
        for ours, theirs in zip(found[1:], gradient, strict=True):
            for a, b in zip(ours, theirs, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-11)


# at least one known target in each row: rows without are another test's
for known_row in np.flatnonzero(UNKNOWN.all(axis=1)):
    PART[known_row, 0], PART_BITS[known_row, 0] = FULL[known_row, 0], BITS[known_row, 0]
    PART_NUMBERS[known_row, 0] = NUMBERS[known_row, 0]
    PART_NAMES[known_row, 0] = NAMES[NUMBERS[known_row, 0]]
KNOWN = ~np.isnan(PART)


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


def test_scores_of_the_known():
    model = MLPRegressor(**{**IGNORE, "max_iter": 40}).fit(X, PART)
    answers = model.predict(X)
    for weights in (np.ones(len(X)), WEIGHTS):
        columns = [
            r2_score(FULL[rows, c], answers[rows, c], sample_weight=weights[rows])
            for c, rows in enumerate(KNOWN.T)
        ]
        given = () if (weights == 1).all() else (weights,)
        assert model.score(X, PART, *given) == pytest.approx(np.mean(columns), rel=1e-12)
    for full, part in ((BITS, PART_BITS), (NUMBERS, PART_NUMBERS), (NAMES[NUMBERS], PART_NAMES)):
        model = MLPClassifier(**{**IGNORE, "max_iter": 40}).fit(X, part)
        right = ((model.predict(X) == full) | ~KNOWN).all(axis=1)
        assert 0.2 < right.mean() < 1
        assert model.score(X, part) == right.mean()
        assert model.score(X, part, WEIGHTS) == pytest.approx(np.average(right, weights=WEIGHTS))


@each_kind
def test_scores_of_rows_that_have_a_weight(kind):
    """What is known in the other rows alone is no part of a score."""
    cls, _, part = TARGETS[kind]
    model, weights, part = cls(**IGNORE).fit(X, part), WEIGHTS.copy(), part.copy()
    weights[100:], part[:100, 0] = 0, None
    expected = model.score(X[:100], part[:100], weights[:100])
    assert model.score(X, part, weights) == expected
    one = cls(**IGNORE).fit(X, part[:, 0])
    if cls is MLPRegressor:
        assert np.isnan(one.score(X, part[:, 0], weights))
    else:
        with pytest.raises(ValueError, match="no known target"):
            one.score(X, part[:, 0], weights)


@each_kind
def test_validation(kind):
    """The default score, and the loss, on a set of the user's and on a part of X."""
    cls, _, part = TARGETS[kind]
    val = {"X_val": X, "y_val": part, "sample_weight_val": WEIGHTS}
    model = cls(alpha=0.0, **IGNORE).fit(X, part, **val)
    assert model.validation_scores_[-1] == pytest.approx(model.score(X, part, WEIGHTS), rel=1e-6)
    loss = model.loss_and_gradient(X, part, WEIGHTS)[0]
    found = model.validation_loss_curve_[-1] * (3 if kind == "regression" else 1)
    assert found == pytest.approx(loss, rel=1e-9)
    by_loss = clone(model).set_params(scoring="loss", early_stopping=True).fit(X, part)
    assert np.isfinite(by_loss.validation_scores_).all()
    assert by_loss.validation_loss_curve_ == [-score for score in by_loss.validation_scores_]


def test_own_scorers_see_what_the_user_gave():
    seen = []

    def scorer(estimator, rows, y):
        seen.append(y)
        return 0.0

    for kind, (cls, _, part) in TARGETS.items():
        cls(scoring=scorer, **IGNORE).fit(X, part, X_val=X, y_val=part)
        found, unknown = seen[-1], pd.isna(part)
        np.testing.assert_array_equal(pd.isna(found), unknown, err_msg=kind)
        assert (found[~unknown] == part[~unknown]).all()
        name = "r2" if cls is MLPRegressor else "accuracy"
        with pytest.raises(ValueError, match=f"scoring='{name}' cannot look past unknown targets"):
            cls(scoring=name, **IGNORE).fit(X, part, X_val=X, y_val=part)


def test_own_scorers_see_plain_arrays_where_all_of_their_samples_are_known():
    def scorer(estimator, rows, y, sample_weight=None):
        assert type(y) is np.ndarray
        return 0.0

    part, weights = BITS.astype(float), np.ones(len(X))
    part[3, 0], weights[3] = np.nan, 0
    own = {"X_val": X, "y_val": part, "sample_weight_val": weights}
    MLPClassifier(scoring=scorer, **IGNORE).fit(X, part, **own)
    for seed in range(3):  # which do not all hold that sample out
        options = {**IGNORE, "random_state": seed, "early_stopping": True}
        MLPClassifier(scoring=scorer, **options).fit(X, part)


@pytest.mark.parametrize("known", [[3, 5], [False, True]])
def test_whole_numbers_and_bools_stay_what_they_are(known):
    y = np.array([None, *known] * 20, object)
    model = MLPClassifier(**IGNORE).fit(X[:60], y)
    assert model.classes_.dtype == np.array(known).dtype
    assert model.predict(X).dtype == np.array(known).dtype
    assert_same_bits(model, clone(model).fit(X[:60][y != None], np.array(known * 20)))  # noqa: E711 - element by element


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


def test_containers():
    """What pandas and lists have for an unknown value is one."""
    one = MLPRegressor(**IGNORE).fit(X, PART)
    table = pd.DataFrame(PART)
    lists = [[None if np.isnan(value) else value for value in row] for row in PART]
    for y in (table, table.convert_dtypes(), table.astype("Float64"), lists, PART.astype(object)):
        assert_same_bits(one, clone(one).fit(X, y))
        assert one.score(X, y) == one.score(X, PART)
    one = MLPClassifier(**IGNORE).fit(X, PART_NAMES)
    table = pd.DataFrame(PART_NAMES)
    lists = [[np.nan if value is None else value for value in row] for row in PART_NAMES]
    for y in (
        table,
        table.astype("string"),
        table.fillna(np.nan),
        lists,
        table.astype("category"),
    ):
        assert_same_bits(one, clone(one).fit(X, y))
        assert one.score(X, y) == one.score(X, PART_NAMES)
    one = MLPClassifier(**IGNORE).fit(X, PART_BITS)
    for y in (pd.DataFrame(PART_BITS).astype("Int64"), PART_BITS.astype(object)):
        assert_same_bits(one, clone(one).fit(X, y))


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


@each_kind
def test_refusals(kind):
    cls, full, part = TARGETS[kind]
    empty = part.copy()
    empty[:, 1] = None if kind == "words" else np.nan
    model = cls(**IGNORE)
    before = dict(vars(model))
    for call, words in (
        (lambda m: m.fit(X, empty), "Column 1 of y has no known target"),
        (
            lambda m: m.fit(
                X,
                part,
                X_val=X[:9],
                y_val=full[:9] * np.nan if kind != "words" else np.full((9, 3), None),
            ),
            "y_val has no known target",
        ),
        (lambda m: m.fit(X[:9], part), "inconsistent numbers of samples"),
        (
            lambda m: m.set_params(missing_targets="drop").fit(X, part),
            "'missing_targets' parameter",
        ),
    ):
        with pytest.raises(ValueError, match=words):
            call(model)
        model.set_params(missing_targets="ignore")
        assert vars(model) == before
    with pytest.raises(ValueError, match=r"NaN|None|all words or all whole numbers"):
        cls(**SMALL).fit(X, part)
    model.fit(X, part)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.score(X, part[:9])
    with pytest.raises(ValueError, match=r"columns|of shape"):
        model.score(X, part[:, :2])
    if kind == "regression":
        with pytest.raises(ValueError, match="infinity"):
            model.fit(X, np.where(PART > 2, np.inf, PART))
        with pytest.raises(ValueError, match="out of the valid range"):
            MLPRegressor("gamma", **IGNORE).fit(X, PART - 1)


@pytest.mark.parametrize("cls", [MLPRegressor, MLPClassifier, NetworkClassifier])
def test_rehearsals_know_of_unknown_targets(cls, monkeypatch):
    """So that `fusednn.warmup` compiles what leaves them out."""
    seen, fit = [], cls.fit
    monkeypatch.setattr(cls, "fit", lambda self, X, y: (seen.append(y), fit(self, X, y))[1])
    for given in ({"missing_targets": "ignore"}, {}):
        seen.clear()
        for _, run in rehearsals(cls(dtype="float32", **given)):
            run()
        assert any(np.isnan(y).any() for y in seen) is bool(given)
    if cls is NetworkClassifier:
        layers = [Dense(3, "softmax")]
        for _, run in rehearsals(cls(layers, dtype="float32", missing_targets="ignore")):
            run()


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


IDS = [None if row == 5 else 2**60 + row % 3 for row in range(60)]
COLUMNS = {"a": IDS, "b": IDS[::-1]}
PAIRS = np.array([IDS, IDS[::-1]], object).T
INTEGERS = {
    "objects": lambda: np.array(IDS, object),
    "list": lambda: IDS,
    "list with NaN": lambda: [np.nan if value is None else value for value in IDS],
    "pandas": lambda: pd.Series(IDS, dtype="Int64"),
    "polars": lambda: polars.Series(IDS),
    "pyarrow": lambda: pyarrow.array(IDS),
    "pyarrow in chunks": lambda: pyarrow.chunked_array([IDS[:9], IDS[9:]]),
    "two of objects": lambda: PAIRS,
    "two of pandas": lambda: pd.DataFrame({k: pd.array(v, "Int64") for k, v in COLUMNS.items()}),
    "two of polars": lambda: polars.DataFrame(COLUMNS),
    "two of pyarrow": lambda: pyarrow.table(COLUMNS),
}


@pytest.mark.parametrize("form", INTEGERS)
def test_integers_stay_what_they_are(form):
    """Whatever floats would make of them; the oracle is the numbers of the labels."""
    rows, ids = X[:60], INTEGERS[form]()
    small = [[np.nan if v is None else v - 2**60 for v in column] for column in COLUMNS.values()]
    small = np.array(small).T if "two" in form else np.array(small[0])
    model, other = MLPClassifier(**IGNORE).fit(rows, ids), MLPClassifier(**IGNORE).fit(rows, small)
    assert_same_bits(model, other)
    classes = model.classes_ if isinstance(model.classes_, list) else [model.classes_]
    for found in classes:
        assert found.dtype == np.int64
        assert found.tolist() == [2**60, 2**60 + 1, 2**60 + 2]
    np.testing.assert_array_equal(model.predict(rows) - 2**60, other.predict(rows))
    assert 0 < model.score(rows, ids) == other.score(rows, small)
    in_parts = MLPClassifier(**IGNORE).partial_fit(rows[:30], ids[:30], classes=model.classes_)
    own = [np.arange(3.0)] * 2 if "two" in form else np.arange(3.0)
    other = MLPClassifier(**IGNORE).partial_fit(rows[:30], small[:30], classes=own)
    assert_same_bits(in_parts, other)


def test_own_scorers_see_integers_that_floats_do_not_hold():
    seen = []

    def scorer(estimator, rows, y):
        seen.append(y)
        return 0.0

    MLPClassifier(scoring=scorer, **IGNORE).fit(X[:60], IDS, X_val=X[:60], y_val=IDS)
    assert seen[-1].tolist() == [value for value in IDS if value is not None]
    MLPClassifier(scoring=scorer, **IGNORE).fit(X[:60], PAIRS, X_val=X[:60], y_val=PAIRS)
    assert seen[-1].tolist() == PAIRS.tolist()


@pytest.mark.parametrize("values", [[0, 1, 2], [False, True, True], [2**63, 2**64 - 1, 0]])
def test_a_null_leaves_the_type_of_labels(values):
    whole, part = polars.Series(values * 20), polars.Series([*values * 20, None])
    known, unknown = (MLPClassifier(**IGNORE).fit(X[: len(y)], y).classes_ for y in (whole, part))
    assert known.dtype.kind == unknown.dtype.kind
    assert known.tolist() == unknown.tolist()
