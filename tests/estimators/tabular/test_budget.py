"""What is trained within a time limit."""

import pytest

from fusednn.estimators.tabular.budget import SHARE, within
from fusednn.estimators.tabular.members import Job
from fusednn.estimators.tabular.recipes import Recipe

JOBS = [Job(Recipe(name), fold, 0, 100) for name in "abc" for fold in range(4)]
PACES = {"a": 0.01, "b": 0.02, "c": 0.03}


def seconds(jobs, threads):
    """The time of jobs that are all alike, in rounds."""
    rounds = -(-len(jobs) // threads)
    return sum(PACES[job.recipe.family] * job.epochs for job in jobs) / len(jobs) * rounds


def test_enough_time_changes_nothing():
    assert within(JOBS, PACES, 1000, 1) == JOBS


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("limit", [1, 5, 15])
def test_the_work_ends_in_time(limit, threads):
    jobs = within(JOBS, PACES, limit, threads)
    assert seconds(jobs, threads) <= limit
    assert jobs
    assert all(job.epochs >= 8 for job in jobs)


def test_less_time_means_fewer_epochs_then_families_then_folds():
    def shape(limit):
        jobs = within(JOBS, PACES, limit, 1)
        return len({job.recipe.family for job in jobs}), len(jobs), jobs[0].epochs

    assert shape(12)[:2] == (3, 12)
    assert 40 < shape(12)[2] < 50
    assert shape(1)[:2] == (1, 4)
    assert shape(0.3)[:2] == (1, 3)
    assert shape(0.01) == (1, 1, 1)


def test_time_is_used():
    jobs = within(JOBS, PACES, 12, 1)
    assert seconds(jobs, 1) > 0.95 * SHARE * 12


def test_recipes_of_few_epochs_keep_them():
    jobs = [Job(Recipe("a"), fold, 0, 4) for fold in range(2)]
    assert within(jobs, {"a": 1.0}, 8.9, 1) == jobs
