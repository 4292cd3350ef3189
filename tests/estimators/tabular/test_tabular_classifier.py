"""Classification of raw tables: quality, presets, weights, what a fit leaves behind."""

import numpy as np
import pandas as pd
import pytest
from cases.short_presets import short_presets
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, make_scorer

from fusednn import NetworkClassifier, TabularClassifier
from fusednn.estimators.tabular.answers import ClassTarget
from fusednn.estimators.tabular.presets import PRESETS


@pytest.fixture
def short():
    with short_presets() as presets:
        yield presets


def people(rows=400, seed=0):
    """Columns of several types, and a label that depends on four of them."""
    rng = np.random.RandomState(seed)
    frame = pd.DataFrame(
        {
            "age": rng.randint(18, 80, rows).astype(float),
            "city": rng.choice(["Rome", "Oslo", "Bern"], rows),
            "job": rng.choice([f"job {i}" for i in range(12)], rows),
            "owner": rng.rand(rows) > 0.5,
            "since": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(rng.randint(900, size=rows), "D"),
            "noise": rng.normal(size=rows),
        }
    )
    days = (frame["since"] - frame["since"].min()).dt.days
    score = (frame["age"] - 50) / 12 + 2 * (frame["city"] == "Oslo") + 1.5 * frame["owner"]
    score += np.where(frame["job"].isin(["job 1", "job 2", "job 3"]), 2.0, -0.5) + days / 450 - 1.5
    y = np.where(score + rng.logistic(size=rows) > 0, "yes", "no")
    frame.loc[rng.rand(rows) < 0.1, "age"] = np.nan
    frame.loc[rng.rand(rows) < 0.1, "city"] = None
    return frame, y


def loss_of_logistic_regression(X, y, X_test, y_test):
    def encoded(frame):
        frame = frame.assign(since=frame["since"].astype("int64"), lost=frame["age"].isna())
        frame = pd.get_dummies(frame.fillna({"age": 50}), columns=["city", "job"])
        return frame.astype(float)

    train = encoded(X)
    mean, deviation = train.mean(), train.std()
    test = encoded(X_test).reindex(columns=train.columns, fill_value=0)
    model = LogisticRegression().fit((train - mean) / deviation, y)
    return log_loss(y_test, model.predict_proba((test - mean) / deviation))


@pytest.mark.parametrize(
    ("preset", "share"), [("fast", 0.5), ("realmlp", 0.25), ("default", 0.15)]
)
def test_raw_tables_are_learned(preset, share):
    """Labels are of a logistic model, so only logistic regression can be better."""
    X, y = people()
    X_test, y_test = people(2000, 1)
    options = {"n_folds": 2} if preset == "default" else {"metric": "log_loss"}
    model = TabularClassifier(preset, random_state=0, **options).fit(X, y)
    p = model.predict_proba(X_test)
    assert p.dtype == np.float64
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    assert list(model.classes_) == ["no", "yes"]
    np.testing.assert_array_equal(model.predict(X_test), model.classes_[p.argmax(axis=1)])
    best = loss_of_logistic_regression(X, y, X_test, y_test)
    constant = log_loss(y_test, np.tile([np.mean(y == "no"), np.mean(y == "yes")], (2000, 1)))
    assert log_loss(y_test, p) < best + share * (constant - best)


@pytest.mark.parametrize("preset", PRESETS)
def test_what_a_fit_leaves(preset, short):
    X, y = people(120)
    model = TabularClassifier(preset, random_state=0).fit(X, y)
    assert model.n_features_in_ == 6
    assert list(model.feature_names_in_) == list(X.columns)
    assert model.preparation_.columns == list(X.columns)
    assert model.weights_.sum() == pytest.approx(1)
    assert len(model.members_) == len(model.weights_)
    known = short[preset].fitting(120, ClassTarget(model.classes_))
    assert len(model.history_) == len(known.classes) * known.n_folds
    assert sum(one["weight"] > 0 for one in model.history_) == len(model.members_)
    for one in model.history_:
        assert 1 <= one["best_epoch"] <= one["epochs"] <= 12
        assert one["seconds"] > 0
        assert np.isfinite(one["score"])
    assert {one["family"] for one in model.history_} == {one.family for one in known.classes}
    judged = ~np.isnan(model.oof_).any(axis=1)
    assert judged.sum() == (120 if known.n_folds > 1 else 24)
    np.testing.assert_allclose(model.oof_[judged].sum(axis=1), 1)


def test_each_row_judges_networks_that_are_not_trained_on_it(short, monkeypatch):
    """The first number tells rows apart."""
    X = np.random.RandomState(0).normal(size=(90, 2))
    y = np.arange(90) % 3
    fit, seen = NetworkClassifier.fit, []

    def noting(self, own, target, weights, X_val, y_val, sample_weight_val):
        seen.append((own[:, 0], X_val[:, 0], y_val))
        return fit(self, own, target, weights, X_val=X_val, y_val=y_val)

    monkeypatch.setattr(NetworkClassifier, "fit", noting)
    TabularClassifier("best", n_folds=3, random_state=0).fit(X, y)
    rows = np.unique(np.concatenate(seen[0][:2]))
    assert len(rows) == 90
    families = short["best"].fitting(90, ClassTarget(np.arange(3))).classes
    assert len(seen) == 3 * len(families)
    for own, judges, labels in seen:
        np.testing.assert_array_equal(np.union1d(own, judges), rows)
        assert len(own) + len(judges) == 90
        assert np.bincount(labels).tolist() == [10, 10, 10]
    judged = np.concatenate([judges for _, judges, _ in seen])
    assert set(np.unique(judged, return_counts=True)[1]) == {len(families)}


def test_held_out_probabilities_are_the_members(short):
    X, y = people(150)
    model = TabularClassifier("fast", n_folds=3, n_ensemble=2, random_state=0).fit(X, y)
    assert len(model.members_) == 6
    np.testing.assert_allclose(model.weights_, 1 / 6)
    inputs = np.hstack(model.preparation_.inputs(_table(X)))
    answers = [network.predict_proba(inputs) for network in model.members_]
    folds = [one["fold"] for one in model.history_]
    expected = np.mean(answers, axis=0)
    np.testing.assert_allclose(model.predict_proba(X), expected, atol=1e-6)
    found = np.full(150, -1)
    for fold in range(3):
        own = np.mean([a for a, f in zip(answers, folds, strict=True) if f == fold], axis=0)
        found[np.isclose(own, model.oof_, atol=1e-6).all(axis=1)] = fold
    assert np.bincount(found).tolist() == [50, 50, 50]


def _table(X):
    from fusednn.tables.frames.in_memory import table_of

    return table_of(X)


def test_three_classes_of_numbers_and_arrays(short):
    rng = np.random.RandomState(0)
    y = rng.choice([7, 3, 5], 150)
    X = np.eye(8)[y] + 0.3 * rng.normal(size=(150, 8))
    X[rng.rand(*X.shape) < 0.1] = np.nan
    model = TabularClassifier("fast", random_state=0).fit(X, y)
    assert model.classes_.tolist() == [3, 5, 7]
    assert model.score(X, y) > 0.85
    assert not hasattr(model, "feature_names_in_")
    assert model.predict(X.tolist()).tolist() == model.predict(X).tolist()


@pytest.mark.parametrize("preset", ["fast", "default"])
def test_ten_rows(preset, short):
    rng = np.random.RandomState(0)
    y = np.repeat(["a", "b", "c", "d", "e"], 2)
    model = TabularClassifier(preset, random_state=0).fit(rng.normal(size=(10, 3)), y)
    assert model.predict_proba(rng.normal(size=(4, 3))).shape == (4, 5)
    alone = np.r_[y[:9], ["f"]]  # two classes of one row, which is in all training sets
    model = TabularClassifier(preset, random_state=0).fit(rng.normal(size=(10, 3)), alone)
    assert np.isnan(model.oof_[[8, 9]]).all()
    assert model.predict_proba(rng.normal(size=(4, 3))).shape == (4, 6)


def test_rows_of_weight_zero_are_as_if_they_were_not_there(short):
    X, y = people(150)
    weights = np.random.RandomState(0).uniform(0.5, 2, 150)
    weights[::5] = 0
    rows = weights > 0
    odd, labels = X.copy(), y.astype(object)
    odd.loc[~rows, ["age", "city"]] = [1e9, "Paris"]
    labels[~rows] = "unknown"
    model = TabularClassifier("fast", random_state=0)
    one = model.fit(odd, labels, sample_weight=weights)
    p, oof = one.predict_proba(X), one.oof_
    other = model.fit(X[rows], y[rows], sample_weight=weights[rows])
    assert list(other.classes_) == ["no", "yes"]
    np.testing.assert_array_equal(other.predict_proba(X), p)
    np.testing.assert_array_equal(oof[rows], other.oof_)
    assert np.isnan(oof[~rows]).all()


def test_weights_of_classes_move_probabilities(short):
    X, y = people(300)
    plain = TabularClassifier("fast", random_state=0).fit(X, y)
    heavy = TabularClassifier("fast", class_weight={"no": 1, "yes": 9}, random_state=0).fit(X, y)
    assert heavy.predict_proba(X)[:, 1].mean() > plain.predict_proba(X)[:, 1].mean() + 0.1
    share = np.mean(y == "yes")
    factors = {"no": 0.5 / (1 - share), "yes": 0.5 / share}
    balanced = TabularClassifier("fast", class_weight="balanced", random_state=0).fit(X, y)
    given = TabularClassifier("fast", class_weight=factors, random_state=0).fit(X, y)
    np.testing.assert_allclose(balanced.predict_proba(X), given.predict_proba(X), atol=1e-5)


@pytest.mark.filterwarnings("error")
def test_balanced_weights_of_a_validation_set_are_those_of_training(short):
    X, y = people(300)
    X_val, y_val = people(90, 3)
    share = np.mean(y == "yes")
    factors = {"no": 0.5 / (1 - share), "yes": 0.5 / share}
    for kept in (np.ones(90, bool), y_val == "yes"):
        both = [
            TabularClassifier("fast", class_weight=given, random_state=0).fit(
                X, y, X_val=X_val[kept], y_val=y_val[kept]
            )
            for given in ("balanced", factors)
        ]
        scores = [model.history_[0]["score"] for model in both]
        assert scores[0] == pytest.approx(scores[1], rel=1e-5)
        weights = np.where(y_val[kept] == "yes", factors["yes"], factors["no"])
        p = both[0].predict_proba(X_val[kept])
        expected = log_loss(y_val[kept], p, sample_weight=weights, labels=["no", "yes"])
        assert scores[0] == pytest.approx(expected, rel=1e-5)


def test_of_equally_good_epochs_the_last_is_told(short):
    X, y = people(200)
    equal = make_scorer(lambda truth, found: 0.5)
    (one,) = TabularClassifier("realmlp", metric=equal, random_state=0).fit(X, y).history_
    assert one["best_epoch"] == one["epochs"] == 12


def test_a_validation_set_decides_and_nothing_is_held_out(short):
    X, y = people(200)
    X_val, y_val = people(80, 3)
    model = TabularClassifier("default", random_state=0).fit(X, y, X_val=X_val, y_val=y_val)
    assert model.oof_ is None
    known = short["default"].fitting(200, ClassTarget(model.classes_))
    assert len(model.history_) == known.n_folds * len(known.classes)
    mixed = model.predict_proba(X_val)
    value = log_loss(y_val, mixed)
    used = [one["score"] for one in model.history_ if one["weight"] > 0]
    assert value < np.mean(used)
    one_class = y_val == "yes"
    model = TabularClassifier("fast", random_state=0)
    model.fit(X, y, X_val=X_val[one_class], y_val=y_val[one_class])
    assert np.isfinite(model.history_[0]["score"])


@pytest.mark.parametrize("metric", ["accuracy", "roc_auc", "f1_macro"])
def test_metrics_decide(metric, short):
    X, y = people(200)
    model = TabularClassifier("fast", metric=metric, n_folds=2, random_state=0).fit(X, y)
    for one in model.history_:
        assert 0.3 < one["score"] <= 1
    network = model.members_[0]
    assert network.validation_scores_[model.history_[0]["best_epoch"] - 1] == max(
        network.validation_scores_
    )
    smooth = getattr(network.loss, "label_smoothing", 0)
    assert smooth == (0.1 if metric == "accuracy" else 0)


def test_columns_that_matter_are_important(short):
    X, y = people(500)
    for preset in ("fast", "best"):
        model = TabularClassifier(preset, importances=True, random_state=0).fit(X, y)
        found = dict(zip(X.columns, model.feature_importances_, strict=True))
        assert found["age"] > 0.01
        assert found["age"] > 2 * abs(found["noise"])
    assert not hasattr(TabularClassifier("fast").fit(X, y), "feature_importances_")


def test_categories_of_numbers():
    rng = np.random.RandomState(0)
    code = rng.randint(6, size=400)
    y = np.array([0, 1, 0, 1, 1, 0])[code]
    X = pd.DataFrame({"code": code, "other": rng.normal(size=400)})
    for asked in (["code"], [0], [True, False]):
        model = TabularClassifier("fast", categorical_features=asked, random_state=0).fit(X, y)
        assert len(model.preparation_.names) == 7
        assert model.score(X, y) > 0.95
    model = TabularClassifier("fast", categorical_features="from_dtype", random_state=0)
    assert len(model.fit(X, y).preparation_.names) == 2
    assert len(model.fit(X.astype({"code": "category"}), y).preparation_.names) == 7


def test_a_second_fit_forgets_the_first(short):
    X, y = people(100)
    model = TabularClassifier("fast", importances=True, random_state=0).fit(X, y)
    model.set_params(importances=False).fit(X.to_numpy()[:, [0, 5]].astype(float), y)
    assert not hasattr(model, "feature_importances_")
    assert not hasattr(model, "feature_names_in_")
    assert model.n_features_in_ == 2


def test_the_bar_counts_epochs(short, capsys):
    X, y = people(100)
    TabularClassifier("default", n_folds=2, verbose=True, random_state=0).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    total = 2 * 12 * sum(one.suits(len(X), classes=2) for one in short["default"].classes)
    assert f"{total}/{total}" in lines[-1]
    assert "held out" in lines[-1]
    assert len(lines) < 8
