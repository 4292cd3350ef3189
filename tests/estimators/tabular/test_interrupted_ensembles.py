"""Ctrl-C in a fit of several networks: those that are ready make the model, or nothing changes."""

import signal
import threading
import time

import numpy as np
import pytest
from cases.short_presets import short_presets

from fusednn import TabularClassifier, TabularRegressor
from fusednn.estimators.tabular.passes import Passes

RNG = np.random.RandomState(0)
X = RNG.normal(size=(120, 3))
LABELS = np.where(X[:, 0] > 0, "a", "b")


@pytest.fixture(autouse=True)
def short():
    with short_presets():
        yield


def interrupt(work):
    """Send the signal from a thread of a network, and wait until the main thread has had it."""
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    late = time.monotonic() + 60
    while not work.is_stopped:
        assert time.monotonic() < late
        time.sleep(0.01)


def interrupt_after(monkeypatch, networks):
    """The signal arrives when so many networks are ready, and before another begins."""
    close, ready = Passes.close, []

    def closing(self):
        close(self)
        ready.append(self)
        if len(ready) == networks:
            interrupt(self._work)

    monkeypatch.setattr(Passes, "close", closing)


@pytest.mark.parametrize("ready", [2, 3])
@pytest.mark.parametrize("kind", [TabularClassifier, TabularRegressor])
def test_what_is_ready_is_kept_where_a_family_is_whole(kind, ready, monkeypatch):
    y = LABELS if kind is TabularClassifier else X[:, 0]
    model = kind("best", n_folds=2, n_jobs=1, random_state=0)
    whole = kind("best", n_folds=2, n_jobs=1, random_state=0).fit(X, y)
    interrupt_after(monkeypatch, ready)
    with pytest.warns(UserWarning, match=rf"Training interrupted by user\. .* the {ready} netw"):
        model.fit(X, y)
    assert len(model.history_) == ready
    for one, same in zip(model.history_, whole.history_, strict=False):
        assert (one["family"], one["fold"]) == (same["family"], same["fold"])
        assert one["score"] == same["score"]
    assert [one["weight"] for one in model.history_] == [0.5, 0.5, 0.0][:ready]
    assert np.isfinite(model.oof_).all()
    assert np.mean(model.predict(X) == y) > 0.7 or kind is TabularRegressor


def test_without_a_whole_family_nothing_changes(monkeypatch):
    model = TabularClassifier("fast", random_state=0).fit(X, LABELS)
    before, p = model.__dict__.copy(), model.predict_proba(X)
    model.set_params(preset="default", n_folds=3, n_jobs=1)
    interrupt_after(monkeypatch, 2)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, LABELS)
    assert {**before, "preset": "default", "n_folds": 3, "n_jobs": 1} == model.__dict__
    np.testing.assert_array_equal(model.predict_proba(X), p)


def test_networks_that_are_cut_do_not_count(monkeypatch):
    """The second of a family is in its first epochs when the signal arrives."""
    end, ended = Passes.end, []

    def ending(self, progress, parameters):
        ended.append(progress.n_iter)
        if len(ended) == 15:
            interrupt(self._work)
        return end(self, progress, parameters)

    monkeypatch.setattr(Passes, "end", ending)
    with pytest.raises(KeyboardInterrupt):
        TabularClassifier("default", n_folds=2, n_jobs=1, random_state=0).fit(X, LABELS)
    assert len(ended) == 15


def test_several_networks_of_a_fold_may_be_some(monkeypatch):
    model = TabularClassifier("default", n_folds=2, n_ensemble=2, n_jobs=1, random_state=0)
    interrupt_after(monkeypatch, 3)
    with pytest.warns(UserWarning, match="of the 3 networks that were ready, of 12|of 16"):
        model.fit(X, LABELS)
    np.testing.assert_allclose([one["weight"] for one in model.history_], 1 / 3)
