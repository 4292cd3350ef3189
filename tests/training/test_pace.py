"""Alone or together: the faster way is kept, the other tried again, and the bits are the same."""

import itertools
import warnings

import numpy as np
import pytest
from cases.dense_networks import dense_network
from sklearn.exceptions import ConvergenceWarning

from fusednn import MLPClassifier
from fusednn.plan.updating.batches import most_tasks
from fusednn.training import teams
from fusednn.training.threads.pace import LONGEST_INTERVAL, SHORTEST_SECONDS, Pace

LONG = 4 * SHORTEST_SECONDS


def play(pace, seconds, slices):
    """Runs slices that take `seconds[together]` each; the ways they were run."""
    ways = []
    for _ in range(slices):
        ways.append(pace.together())
        pace.note(100, seconds[ways[-1]])
    return ways


@pytest.mark.parametrize("faster", [True, False])
def test_the_faster_way_is_kept_and_the_other_tried_ever_less(faster):
    pace = Pace(undecided=True)
    ways = play(pace, {faster: LONG, not faster: 2 * LONG}, 4000)
    slow = np.flatnonzero(np.array(ways) != faster)
    assert 2 <= len(slow) < 40
    gaps = np.diff(slow)
    assert gaps.max() == LONGEST_INTERVAL + 1
    assert (np.diff(gaps) >= 0).all()


def test_a_change_is_noticed():
    pace = Pace(undecided=True)
    play(pace, {True: LONG, False: 2 * LONG}, 50)
    ways = play(pace, {True: 3 * LONG, False: 2 * LONG}, 300)
    assert np.mean(ways[100:]) < 0.1


def test_short_slices_are_added_up():
    """One of them alone would say more of what disturbed it than of the way it was run."""
    pace = Pace(undecided=True)
    ways = play(pace, {True: SHORTEST_SECONDS / 8, False: SHORTEST_SECONDS / 16}, 4000)
    assert ways[:24] == [True] * 8 + [False] * 16
    assert np.mean(ways) < 0.1


def test_without_a_choice_all_run_together():
    pace = Pace(undecided=False)
    assert play(pace, {True: 2 * LONG, False: LONG}, 50) == [True] * 50


@pytest.mark.parametrize(
    ("hidden", "n_jobs", "free"),
    [((64, 64), None, True), ((64, 64), 2, False), ((4,), None, False), ((300, 300), None, False)],
)
def test_only_small_steps_that_chose_their_threads_have_a_choice(
    monkeypatch, hidden, n_jobs, free
):
    """Not where the user gave a number, one thread is enough, or two are sure to gain."""
    seen = []
    monkeypatch.setattr("fusednn.training.threads.jobs.available_cpus", lambda: 2)
    monkeypatch.setattr(
        "fusednn.training.session.Pace",
        lambda undecided: seen.append(undecided) or Pace(undecided),
    )
    X = np.random.default_rng(0).normal(size=(600, 20))
    model = MLPClassifier(hidden, max_iter=1, random_state=0, n_jobs=n_jobs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, X[:, 0] > 0)
    assert seen == [free]


def test_no_more_threads_than_there_is_work_for(monkeypatch):
    counts = []
    real = teams.Team
    monkeypatch.setattr(teams, "Team", lambda p: counts.append(p.workers) or real(p))
    X = np.random.default_rng(0).normal(size=(24, 2))
    model = MLPClassifier((3,), max_iter=1, random_state=0, n_jobs=50)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, X[:, 0] > 0)
    assert (
        1
        <= counts[0]
        <= most_tasks(dense_network([2, 3, 1], "relu", "logistic"), 24, X.dtype)
        < 50
    )


def test_turns_between_the_two_change_no_bit(monkeypatch):
    X = np.random.default_rng(0).normal(size=(600, 20))
    y = (X[:, 0] > X[:, 1]).astype(int)
    ways = itertools.cycle([True, False, False])
    monkeypatch.setattr(Pace, "together", lambda pace: next(ways))
    turns = MLPClassifier((64, 64), max_iter=6, random_state=0, n_jobs=3)
    alone = MLPClassifier((64, 64), max_iter=6, random_state=0, n_jobs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        turns.fit(X, y)
        alone.fit(X, y)
    for one, other in zip(turns.coefs_, alone.coefs_, strict=True):
        np.testing.assert_array_equal(one, other)
