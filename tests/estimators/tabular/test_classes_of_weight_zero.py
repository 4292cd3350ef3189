"""Classes whose rows have no weight, and rare ones: rows that judge, and samples of them."""

import numpy as np
import pytest
from cases.short_presets import short_presets
from sklearn.metrics import log_loss

from fusednn import TabularClassifier
from fusednn.estimators.tabular import base, ensembles


@pytest.fixture(autouse=True)
def short():
    with short_presets():
        yield


RNG = np.random.RandomState(0)
X = RNG.normal(size=(240, 3))
"""Rows; a class of weight 0 has all but a few of them."""


def rare(*counts):
    y = np.zeros(len(X), int)
    y[: sum(counts)] = np.repeat(np.arange(1, len(counts) + 1), counts)
    return y


@pytest.mark.parametrize("preset", ["fast", "realmlp", "default"])
@pytest.mark.parametrize("counts", [(2, 1), (1, 2), (2, 2), (2,), (5, 9)])
def test_rows_without_a_weight_judge_nothing(counts, preset):
    y = rare(*counts)
    model = TabularClassifier(preset, class_weight={0: 0}, random_state=0).fit(X, y)
    assert model.classes_.tolist() == [*range(len(counts) + 1)]
    p = model.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert p[:, 0].mean() < 0.5  # nothing has taught it, and the others are learned
    held = np.isfinite(model.oof_).all(axis=1)
    singles = np.isin(y, np.flatnonzero(np.bincount(y) == 1))
    assert not held[(y == 0) | singles].any()
    assert held.any()
    if preset == "default":
        assert held[(y > 0) & ~singles].all()
        scores = [one["score"] for one in model.history_]
        assert np.isfinite(scores).all()


def test_one_row_of_each_class_with_a_weight_is_refused():
    with pytest.raises(ValueError, match=r"one row only \(2 rows of a weight above 0\): give two"):
        TabularClassifier("fast", class_weight={0: 0}).fit(X, rare(1, 1))


def test_a_validation_set_without_rows_of_a_weight_of_zero_decides_the_same():
    y, rows = RNG.randint(3, size=len(X)), slice(0, 80)
    some = y[rows] > 0
    options = {"class_weight": {0: 0}, "random_state": 0}
    whole, part = (
        TabularClassifier("default", **options).fit(X, y, X_val=X_val, y_val=y_val)
        for X_val, y_val in ((X[rows], y[rows]), (X[rows][some], y[rows][some]))
    )
    assert whole.history_[0]["score"] == part.history_[0]["score"]
    np.testing.assert_array_equal(whole.predict_proba(X), part.predict_proba(X))


def test_a_trial_of_the_speed_has_a_row_of_each_class(monkeypatch):
    """One in thirty rows has none of the few with a weight, nor the metric's classes."""
    monkeypatch.setattr(ensembles, "ROWS", 6)
    options = {"time_limit": 60, "n_jobs": 1, "random_state": 0}
    TabularClassifier("fast", class_weight={0: 0}, **options).fit(X, rare(2, 3))
    TabularClassifier("fast", metric="roc_auc_ovr", **options).fit(X, rare(5, 5))


def test_samples_of_judging_rows_have_each_class(monkeypatch):
    """Weights of families and importances by few rows of many, by a metric of all classes."""
    monkeypatch.setattr(ensembles, "MOST_JUDGED", 6)
    monkeypatch.setattr(base, "MOST_ROWS", 6)
    y = rare(8, 8)
    model = TabularClassifier("default", metric="roc_auc_ovr", importances=True, random_state=0)
    found = model.fit(X, y).feature_importances_
    assert np.isfinite(found).all()
    assert log_loss(y, model.predict_proba(X)) < np.log(3)
