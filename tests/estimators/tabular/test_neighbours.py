"""Targets of neighbours against distances written out."""

import os
import subprocess
import sys

import numpy as np
import pytest

from fusednn.estimators.tabular.answers import ClassTarget, QuantityTarget
from fusednn.estimators.tabular.columns import Columns
from fusednn.estimators.tabular.neighbours import SOFT, Neighbours
from fusednn.tables.frames.targets import Quantities

COLUMNS = Columns((0, 1), 3, (4,))


def data(seed, rows):
    rng = np.random.RandomState(seed)
    X = np.hstack([rng.normal(size=(rows, 3)), rng.randint(4, size=(rows, 1))])
    return X.astype(np.float32)


def learned(X, y, folds, count=3):
    found = Quantities(y, ())
    target = QuantityTarget.learned(found, None, ())
    y = target.encoded(found)
    return Neighbours.learned(count, COLUMNS, target, X, y, folds, np.random.RandomState(0), 1), y


def distances_of(A, B):
    flags = [np.hstack([X[:, :3], np.eye(4)[X[:, 3].astype(int)]]) for X in (A, B)]
    return np.sqrt(((flags[0][:, None] - flags[1][None]) ** 2).sum(axis=2))


@pytest.mark.parametrize("own", [True, False])
def test_inputs_are_means_of_near_rows_outside_the_fold(own):
    X = data(0, 60)
    y = np.random.RandomState(1).normal(size=60)
    folds = np.arange(60) % 10
    (neighbours, near), targets = learned(X, y, folds)
    other = X if own else data(2, 9)
    near = near if own else neighbours.near(other)
    found = neighbours.inputs(near, 2)
    distances = distances_of(other, X)
    if own:
        np.fill_diagonal(distances, np.inf)
    distances[:, folds == 2] = np.inf
    for row, line in zip(found, distances, strict=True):
        places = np.argsort(line)[:3]
        weights = 1 / (line[places] + neighbours.soft)
        mean = (weights[:, None] * targets[places]).sum(axis=0) / weights.sum()
        np.testing.assert_allclose(row[0], mean[0], rtol=1e-4)
        np.testing.assert_allclose(row[1], targets[places[0]], rtol=1e-5)
        scaled = neighbours.scale.applied(np.array([line[places].mean()]))
        np.testing.assert_allclose(row[2], scaled[0], rtol=1e-3, atol=1e-5)


def test_a_row_is_not_its_own_neighbour_even_among_twins():
    X = np.repeat(data(0, 5), 4, axis=0)
    y = np.arange(20.0)
    (neighbours, near), _ = learned(X, y, np.full(20, -1))
    assert not (near.places == np.arange(20)[:, None]).any()
    assert (near.distances[:, :3] < 1e-3).all()
    assert neighbours.soft >= 1e-9
    assert SOFT < 1


def test_rows_whose_neighbours_are_all_of_the_fold_get_the_mean():
    X = np.vstack([np.zeros((30, 4)), np.full((6, 4), 3)]).astype(np.float32)
    folds = np.r_[np.zeros(30, int), np.ones(6, int)]
    (neighbours, near), y = learned(X, np.arange(36.0), folds)
    found = neighbours.inputs(near, 0)
    np.testing.assert_allclose(found[:30, 0], y[30:].mean(), rtol=1e-5)
    assert np.isfinite(found).all()


def test_classes_have_a_mean_each_and_two_classes_one():
    X = data(0, 30)
    for labels, width in ((2, 1), (3, 3)):
        y = np.arange(30) % labels
        target = ClassTarget(np.arange(labels))
        folds = np.full(30, -1)
        neighbours, near = Neighbours.learned(
            3, COLUMNS, target, X, y, folds, np.random.RandomState(0), 1
        )
        found = neighbours.inputs(near, 0)
        assert found.shape == (30, 2 * width + 1)
        nearest = y[near.places[:, 0]]
        expected = nearest[:, None] if labels == 2 else np.eye(3)[nearest]
        np.testing.assert_array_equal(found[:, width:-1], expected)


def test_of_many_rows_some_are_searched(monkeypatch):
    monkeypatch.setattr("fusednn.estimators.tabular.neighbours.MOST_ROWS", 50)
    X = data(0, 200)
    (neighbours, near), y = learned(X, np.arange(200.0), np.full(200, -1))
    assert len(neighbours.kept) == 50
    np.testing.assert_array_equal(neighbours.targets, y[neighbours.kept])
    distances = distances_of(X, X[neighbours.kept])
    distances[neighbours.kept, np.arange(50)] = np.inf
    expected = np.argsort(distances, axis=1)[:, :3]
    np.testing.assert_array_equal(near.places[:, :3], expected)


SEARCH = """
import sys
import numpy as np
from fusednn.estimators.tabular.answers import ClassTarget
from fusednn.estimators.tabular.columns import Columns
from fusednn.estimators.tabular.neighbours import Neighbours

X = np.random.RandomState(0).randint(2, size=(1500, 20)).astype(np.float32)
X[:, 8:] = 0  # so that many rows are equally near
known = Columns((), 20, ()), ClassTarget(np.arange(2)), X, np.arange(1500) % 2
folds = np.arange(1500) % 4
found, near = Neighbours.learned(8, *known, folds, np.random.RandomState(0), int(sys.argv[1]))
few = found.near(X[:5])
sys.stdout.buffer.write(b"".join(part.tobytes() for part in (*near, *few)))
"""


def test_neither_threads_nor_processors_change_what_is_near():
    found = set()
    for processors, n_jobs in (("1", 1), ("8", 1), ("8", 3)):
        environment = {**os.environ, "OMP_NUM_THREADS": processors}
        call = [sys.executable, "-c", SEARCH, str(n_jobs)]
        found.add(subprocess.run(call, env=environment, capture_output=True, check=True).stdout)
    assert len(found) == 1
    assert len(found.pop()) == (1500 * 24 + 5 * 25) * 16


def test_rows_that_are_equally_near_are_in_their_order():
    X = np.repeat(data(0, 3), 40, axis=0)
    (neighbours, _), _ = learned(X, np.arange(120.0), np.full(120, -1))
    near = neighbours.near(X[::40])
    same = np.isclose(near.distances[:, 1:], near.distances[:, :-1], rtol=0, atol=0)
    assert same.any()
    assert (np.diff(near.places, axis=1)[same] > 0).all()
