"""Threads that wait for a predictor's next call: kept, ended, and never waited for in vain."""

import os
import threading
import warnings

import numpy as np
import pytest
from fusednn.kernels import answer as calls
from fusednn.kernels.library import address

from fusednn import MLPClassifier, freeze
from fusednn.training.threads import parked

LIMIT = 60  # seconds; only a call that waits for nobody takes so long
pytestmark = pytest.mark.timeout(LIMIT)

X = np.random.RandomState(0).normal(size=(9000, 20)).astype(np.float32)


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "fusednn-parked"]


@pytest.fixture(scope="module")
def model():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MLPClassifier((64, 64), max_iter=1, random_state=0).fit(X[:200], X[:200, 0] > 0)


@pytest.fixture
def predictor(monkeypatch, model):
    parked.end_parked()
    monkeypatch.setattr(parked, "PARKED_SECONDS", LIMIT)
    yield freeze(model, n_jobs=3)
    parked.end_parked()
    assert threads() == []


@pytest.fixture(scope="module")
def want(model):
    return freeze(model, n_jobs=1).predict_proba(X)


def test_calls_have_the_same_threads(predictor, want):
    for _ in range(20):
        np.testing.assert_array_equal(predictor.predict_proba(X), want)
        seen = threads()
        assert len(seen) == 2
    assert set(seen) == set(threads())
    assert len(predictor._answering._free) == 3


def test_an_idle_thread_ends(monkeypatch, predictor, want):
    monkeypatch.setattr(parked, "PARKED_SECONDS", 0.05)
    np.testing.assert_array_equal(predictor.predict_proba(X), want)
    for thread in threads():
        thread.join(LIMIT)
    assert threads() == parked._parked == []
    np.testing.assert_array_equal(predictor.predict_proba(X), want)


def test_a_thread_that_was_taken_does_not_end(monkeypatch):
    """Although it waited too long: whoever took it gives it work later."""
    monkeypatch.setattr(parked, "PARKED_SECONDS", 0.01)
    helper, shared = parked.Helper(), np.zeros(calls.SHARED_WIDTH, np.int64)
    shared[calls.STEP] = 1
    helper._thread.join(0.2)
    helps = address(calls.help_with_rows, "share", np.dtype(np.float32))
    helper.run(helps, np.zeros(calls.WIDTH, np.int64), shared, None)
    helper.end()
    assert shared[calls.NEXT] == 1


@pytest.mark.parametrize("most", [0, 1])
def test_where_no_thread_starts(monkeypatch, predictor, want, most):
    start, started = threading.Thread.start, []

    def limited(thread):
        if len(started) == most:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    np.testing.assert_array_equal(predictor.predict_proba(X), want)
    assert len(threads()) == most


def test_work_that_is_begun_too_late_is_not_waited_for(monkeypatch, predictor, want):
    late, run = [], parked.Helper.run
    monkeypatch.setattr(parked.Helper, "run", lambda *work: late.append(work))
    found = predictor.predict_proba(X)
    np.testing.assert_array_equal(found, want)
    found[:] = 5
    before = [int(shared[calls.NEXT]) for *_, shared, _ in late]
    for work in late:
        run(*work)
    parked.end_parked()
    after = [int(shared[calls.NEXT]) for *_, shared, _ in late]
    assert (len(late), len(set(after))) == (2, 1)  # both have come
    assert after[0] == before[0] + 2 * late[0][3][calls.STEP]
    assert [shared[calls.BUSY] for *_, shared, _ in late] == [0, 0]
    assert (found == 5).all()


def test_an_interrupt_leaves_nobody_at_work(monkeypatch, predictor, want):
    share = calls.ready_share(np.dtype(np.float32))

    def interrupted(words, shared, like, waits):
        if waits:
            raise KeyboardInterrupt
        return share(words, shared, like, waits)

    monkeypatch.setattr(calls, "ready_share", lambda dtype: interrupted)
    with pytest.raises(KeyboardInterrupt):
        predictor.predict_proba(X)
    parked.end_parked()  # with what they had begun
    assert threads() == predictor._answering._free == []
    monkeypatch.setattr(calls, "ready_share", lambda dtype: share)
    np.testing.assert_array_equal(predictor.predict_proba(X), want)


def test_nothing_of_a_call_is_kept(predictor):
    """The caller may resize its array at once."""
    rows = X.copy()
    for _ in range(20):
        out = predictor.predict_proba(rows)
        out.resize((5, 2))
    rows.resize((5, 20))


def test_refused_rows_leave_what_was_given(predictor):
    rows, out = X.copy(), np.full((len(X), 2), 5, np.float32)
    rows[8999, 19] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        predictor.predict_proba(rows, out=out)
    assert (out == 5).all()
    with pytest.raises(ValueError, match="contains NaN"):
        predictor.predict_proba(rows)
    assert np.isnan(predictor.predict_proba(rows, out=out, validate=False)[8999]).all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:os.fork")  # of JAX, where a test before has imported it
@pytest.mark.filterwarnings("ignore:This process")  # has a thread more under pytest-xdist
def test_a_fork_ends_them(predictor, want):
    """In the parent too, so that no system warns of a fork beside threads."""
    predictor.predict_proba(X)
    before = threads()
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(predictor.predict_proba(X), want) else 3)
    assert not any(thread.is_alive() for thread in before)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    np.testing.assert_array_equal(predictor.predict_proba(X), want)
