"""`time_limit`: fewer epochs, families and folds; what is trained is kept."""

import pickle
import time

import numpy as np
import pytest

from fusednn import TabularClassifier, TabularRegressor
from fusednn.estimators.tabular.budget import TooShort
from fusednn.estimators.tabular.passes import Passes
from fusednn.estimators.tabular.presets import PRESETS

RNG = np.random.RandomState(0)
X = RNG.normal(size=(400, 6))
Y = np.where(X[:, 0] + 0.5 * RNG.normal(size=400) > 0, "a", "b")
SLEEP = 0.02


@pytest.fixture
def slow(monkeypatch):
    """Every epoch takes 20 ms more, whatever the machine does."""
    begin = Passes.begin

    def sleepy(self):
        begin(self)
        time.sleep(SLEEP)

    monkeypatch.setattr(Passes, "begin", sleepy)


def test_enough_time_changes_nothing():
    plain = TabularClassifier("fast", random_state=0).fit(X, Y)
    limited = TabularClassifier("fast", time_limit=1000, random_state=0).fit(X, Y)
    np.testing.assert_array_equal(limited.predict_proba(X), plain.predict_proba(X))


@pytest.fixture(scope="module")
def compiled():
    """All kernels are compiled: limits count the time of that too."""
    whole = PRESETS["default"]
    classes, quantities = (
        tuple(one._replace(epochs=1) for one in recipes)
        for recipes in (whole.classes, whole.quantities)
    )
    brief = whole._replace(classes=classes, quantities=quantities)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "default", brief)
        TabularClassifier("default", n_folds=2).fit(X, Y)
        TabularRegressor("default", n_folds=2).fit(X, X[:, 0])


def test_a_limit_ends_the_fit_in_time(compiled, slow):
    start = time.perf_counter()
    model = TabularClassifier("default", time_limit=4, n_jobs=1, random_state=0).fit(X, Y)
    assert time.perf_counter() - start < 10  # 20 networks would take 34 s
    epochs = [one["epochs"] for one in model.history_]
    assert sum(epochs) * SLEEP < 6
    assert model.score(X, Y) > 0.8
    assert np.isfinite(model.oof_).all(axis=1).sum() >= 90


def test_networks_end_at_the_deadline_and_others_do_not_begin(compiled, slow, monkeypatch):
    """As if a trial had found the epochs far shorter than they are."""
    monkeypatch.setattr(
        "fusednn.estimators.tabular.ensembles.within", lambda jobs, *others: list(jobs)
    )
    start = time.perf_counter()
    model = TabularRegressor("default", n_folds=4, time_limit=3, n_jobs=1, random_state=0)
    model.fit(X, X[:, 0] ** 2)
    assert time.perf_counter() - start < 9
    assert len(model.history_) < 4
    assert model.history_[-1]["epochs"] < 100
    held = np.isfinite(model.oof_)
    assert held.sum() == 100 * len({one["fold"] for one in model.history_})
    assert np.isfinite(model.predict(X)).all()


def test_too_short_a_limit_is_refused(slow):
    with pytest.raises(ValueError, match=r"time_limit=0\.01 is too short for one epoch"):
        TabularClassifier("fast", time_limit=0.01).fit(X, Y)
    with pytest.raises(ValueError, match="too short for one epoch of one network"):
        TabularClassifier("default", time_limit=1e-6).fit(X, Y)


def test_the_error_passes_between_processes():
    """As joblib's processes pass it on; what pickle cannot make again would break their pool."""
    error = TooShort(0.01, 0.5, "--max-time ")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert str(error).startswith("--max-time 0.01 is too short for one epoch")
