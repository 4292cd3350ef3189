"""The threads of a fit: any number of them ends in bounded time, and none is left behind."""

import os
import threading
import time
import warnings

import numpy as np
import pytest
from cases.small_fits import LIMIT, fit_small, small
from fusednn.kernels.records import ABORT, CLAIMS, CLAIMS_WIDTH
from oracles.parity import assert_same_bits, fit_quietly

from fusednn.training.threads import parked, team

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def nothing_left():
    """No thread outlives a fit."""
    parked.end_parked()  # of predictors in other modules
    yield
    assert [t.name for t in threading.enumerate() if t.name.startswith("fusednn")] == []


@pytest.mark.timeout(LIMIT)
@pytest.mark.parametrize("workers", [4, 16, 33])
def test_more_workers_than_cpus(workers):
    assert_same_bits(fit_small(1), fit_small(workers))


@pytest.mark.timeout(LIMIT)
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux's affinity")
def test_three_workers_on_one_cpu():
    """Workers that wait give their time slice to the one that has work."""
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        starved = fit_small(3, max_iter=3)
    finally:
        os.sched_setaffinity(0, allowed)
    assert_same_bits(fit_small(1, max_iter=3), starved)


def refuse(monkeypatch, number):
    """Lets the system refuse to start the `number`-th helper and all after it."""
    start, helpers = threading.Thread.start, []

    def limited(thread):
        if thread.name.startswith("fusednn"):
            helpers.append(thread)
            if len(helpers) >= number:
                raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    return helpers


@pytest.mark.timeout(LIMIT)
@pytest.mark.parametrize("number", [1, 2, 4])
def test_a_team_shrinks_where_no_thread_starts(monkeypatch, number):
    expected = fit_small(1)
    helpers = refuse(monkeypatch, number)
    shrunk = fit_small(5)
    assert len(helpers) >= number
    assert_same_bits(expected, shrunk)
    rows = np.ones((5000, 9))
    assert np.array_equal(shrunk.predict_proba(rows), expected.predict_proba(rows))


@pytest.mark.timeout(LIMIT)
def test_a_thread_that_wakes_late_is_not_waited_for(monkeypatch):
    expected = fit_small(1)
    run, late, began, finished = team._Helper._run, threading.Event(), threading.Event(), []
    real_exit = team.Team.__exit__

    def slow(helper):
        if helper._worker == 2:
            late.wait(LIMIT)
            began.set()
        run(helper)

    def leave(crew, *exception):
        finished.append(began.is_set())  # the training is over, one thread has not begun
        late.set()
        real_exit(crew, *exception)

    monkeypatch.setattr(team._Helper, "_run", slow)
    monkeypatch.setattr(team.Team, "__exit__", leave)
    shrunk = fit_small(4)
    assert finished == [False]
    assert not [t for t in threading.enumerate() if t.name.startswith("fusednn")]
    assert_same_bits(expected, shrunk)


@pytest.mark.timeout(LIMIT)
def test_a_fit_returns_after_its_threads(monkeypatch):
    run = team._Helper._run

    def lingering(helper):
        run(helper)
        time.sleep(0.3)

    monkeypatch.setattr(team._Helper, "_run", lingering)
    fit_small(3)
    assert not [t for t in threading.enumerate() if t.name.startswith("fusednn")]


def fail_once(monkeypatch, exception, worker, after=0):
    """Lets one worker raise instead of entering the engine, once, after some calls.

    The launcher waits for a helper that is to raise: its work would be taken back.
    """
    run_steps, calls, reached = team.run_steps, [], threading.Event()

    def failing(words, number, first, last):
        if last > first and number == worker:
            calls.append(first)
            if len(calls) == after + 1:
                reached.set()
                raise exception
        if last > first and worker:
            reached.wait(LIMIT)
        return run_steps(words, number, first, last)

    monkeypatch.setattr(team, "run_steps", failing)
    return calls


@pytest.mark.timeout(LIMIT)
@pytest.mark.parametrize("after", [0, 3])
@pytest.mark.parametrize("n_jobs", [1, 3])
def test_a_launcher_that_fails_strands_nobody(monkeypatch, n_jobs, after):
    expected = fit_small(1)
    estimator, X, y = small(n_jobs)
    fail_once(monkeypatch, OSError("between start and entry"), worker=0, after=after)
    with warnings.catch_warnings(), pytest.raises(OSError, match="between start and entry"):
        estimator.fit(X, y)
    assert not hasattr(estimator, "coefs_")  # nothing half trained
    assert_same_bits(expected, fit_quietly(estimator, X, y))


@pytest.mark.timeout(LIMIT)
@pytest.mark.parametrize("n_jobs", [1, 3])
def test_ctrl_c_between_start_and_entry(monkeypatch, n_jobs):
    estimator, X, y = small(n_jobs)
    fail_once(monkeypatch, KeyboardInterrupt(), worker=0, after=4)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        estimator.fit(X, y)
    assert all(np.isfinite(w).all() for w in estimator.coefs_)
    assert estimator.predict(X).shape == y.shape


@pytest.mark.timeout(LIMIT)
@pytest.mark.parametrize("at", ["given", "waiting", "waiting again"])
def test_ctrl_c_leaves_no_helper_at_work(monkeypatch, at):
    """Whatever it divides: a helper that has begun is waited for."""
    busy, run_steps = [], team.run_steps
    run, wait = team._Helper.run, team._Helper.wait
    interrupts = iter([KeyboardInterrupt] * (2 if at == "waiting again" else 1))

    def slow(words, number, first, last):
        if number and first < last:
            busy.append(number)
            time.sleep(0.2)
        status = run_steps(words, number, first, last)
        if number and first < last:
            busy.remove(number)
        return status

    def interrupted(helper, *arguments):
        if at == "given":
            run(helper, *arguments)
            time.sleep(0.05)  # it begins
        for interrupt in interrupts:
            raise interrupt
        (run if at == "given" else wait)(helper, *arguments)

    estimator, X, y = small(3)
    fit_quietly(estimator, X, y)  # compiles
    monkeypatch.setattr(team, "run_steps", slow)
    monkeypatch.setattr(team._Helper, "run" if at == "given" else "wait", interrupted)
    real_exit, seen = team.Team.__exit__, []
    monkeypatch.setattr(
        team.Team, "__exit__", lambda crew, *e: seen.append(list(busy)) or real_exit(crew, *e)
    )
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        estimator.fit(X, y)
    assert seen == [[]]


@pytest.mark.timeout(LIMIT)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_helper_that_fails_ends_the_fit(monkeypatch):
    estimator, X, y = small(3)
    fail_once(monkeypatch, OSError("in a helper"), worker=2)
    with pytest.raises(RuntimeError, match="failed"):
        estimator.fit(X, y)


@pytest.mark.timeout(LIMIT)
def test_an_abort_word_ends_every_worker():
    """A worker that waits for a task nobody does goes when the abort word is raised."""
    from cases.dense_networks import dense_network

    from fusednn.plan.training import Rule, Target
    from fusednn.training.session import Session

    rng = np.random.RandomState(0)
    X, t = rng.normal(size=(50, 4)), rng.normal(size=(50, 1))
    session = Session(
        dense_network([4, 5, 1], "relu", "squared_error"),
        X,
        Target(t, None),
        Rule("sgd", (0.9,)),
        batch=10,
        order=np.arange(50),
        l2=0.0,
        n_jobs=2,
    )
    program = session.plan.program
    with session:
        program.sync[:] = 0
        program.sync[CLAIMS] = program.sync[CLAIMS + CLAIMS_WIDTH] = 1  # taken by another worker
        answers = []
        lonely = threading.Thread(
            target=lambda: answers.append(team.run_steps(program.words, 1, 0, 5))
        )
        lonely.start()
        lonely.join(0.1)
        assert lonely.is_alive()
        program.sync[ABORT] = 1
        lonely.join(LIMIT / 2)
        assert answers == [1]
