"""Corrections by residuals of near rows, against distances and means written out."""

import pickle
from itertools import product

import numpy as np
import pytest

from fusednn.estimators.tabular import neighbours
from fusednn.estimators.tabular.answers import QuantityTarget
from fusednn.estimators.tabular.columns import Columns
from fusednn.estimators.tabular.data import Rows
from fusednn.estimators.tabular.metrics import metric_of
from fusednn.estimators.tabular.neighbours import Neighbours
from fusednn.tables.frames.targets import Quantities

COLUMNS = Columns((0, 1), 3, (4,))


@pytest.fixture
def exact(monkeypatch):
    """Searches find the nearest rows."""
    monkeypatch.setattr(neighbours, "INEXACT", 0)


def inputs(seed, rows):
    rng = np.random.RandomState(seed)
    X = np.hstack([rng.normal(size=(rows, 3)), rng.randint(4, size=(rows, 1))])
    return X.astype(np.float32)


def hills(X):
    """What networks have missed: two targets, the second one is another for each code."""
    return np.column_stack([np.sin(3 * X[:, 0]), (X[:, 3] - 1.5) * (X[:, 1] > 0)])


def learned(X, residuals, outputs=None, weights=None, metric="rmse", columns=COLUMNS):
    outputs = np.random.RandomState(9).normal(size=residuals.shape) if outputs is None else outputs
    y = outputs + residuals
    target = QuantityTarget.learned(Quantities(y, ()), None, ())
    known = columns, target, metric_of(metric, target)
    return Neighbours.learned(*known, Rows(X, y, weights), outputs, 1)


def distances_of(A, B):
    flags = [np.hstack([X[:, :3], np.eye(4)[X[:, 3].astype(int)]]) for X in (A, B)]
    return np.sqrt(((flags[0][:, None] - flags[1][None]) ** 2).sum(axis=2))


def means_of(distances, residuals, weights, count, power, soft):
    found = []
    for line in distances:
        near = np.argsort(line, kind="stable")[:count]
        own = weights[near] / (line[near] + soft) ** power
        found.append((own[:, None] * residuals[near]).sum(axis=0) / own.sum())
    return np.array(found)


def noisy(seed, rows):
    rng = np.random.RandomState(seed)
    X = inputs(seed, rows)
    weights = rng.uniform(0.2, 2, rows)
    return X, hills(X) + 0.5 * rng.normal(size=(rows, 2)), weights


@pytest.mark.parametrize("metric", ["rmse", "mae"])
def test_the_choice_is_the_best_of_all(exact, metric):
    """Every number of rows and power, each row left out, with the shares of least squares."""
    X, residuals, weights = noisy(0, 400)
    found = learned(X, residuals, weights=weights, metric=metric)
    distances = distances_of(X, X)
    np.fill_diagonal(distances, np.inf)
    soft = 1e-3 * np.median(np.sort(distances, axis=1)[:, :32])
    assert found.soft == pytest.approx(soft, rel=1e-5)
    losses = {}
    for count, power in product((4, 8, 16, 32), (0, 1, 2)):
        means = means_of(distances, residuals, weights, count, power, soft)
        lacking = residuals * weights[:, None]
        shares = (means * lacking).sum(0) / (means**2 * weights[:, None]).sum(0)
        left = residuals - shares.clip(0, 1) * means
        errors = np.abs(left) if metric == "mae" else left**2
        errors = np.average(errors, axis=0, weights=weights)
        loss = (errors if metric == "mae" else np.sqrt(errors)).mean()
        losses[count, power] = loss, shares.clip(0, 1)
    best = min(losses, key=lambda key: losses[key][0])
    assert (found.most, found.power) == best
    np.testing.assert_allclose(found.shares, losses[best][1], rtol=1e-4)


@pytest.mark.parametrize("own", [True, False])
def test_corrections_are_shares_of_means(exact, own):
    X, residuals, weights = noisy(1, 300)
    found = learned(X, residuals, weights=weights)
    others = X if own else inputs(5, 50)
    distances = distances_of(others, X)
    if own:
        np.fill_diagonal(distances, np.inf)
    known = residuals, weights, found.most, found.power, found.soft
    wanted = found.shares * means_of(distances, *known)
    given = found.correction(others, 1, np.arange(300) if own else None)
    np.testing.assert_allclose(given, wanted, rtol=1e-4, atol=1e-6)


def test_corrections_bring_new_rows_nearer():
    X, residuals, _ = noisy(2, 2000)
    found = learned(X, residuals)
    others = inputs(6, 500)
    left = hills(others) - found.correction(others, 1)
    assert (np.sqrt((left**2).mean(axis=0)) < 0.75 * hills(others).std(axis=0)).all()


@pytest.mark.parametrize("rows", [40, 300, 2000])
def test_noise_is_rarely_corrected(rows):
    """Otherwise a model would keep its training rows for nothing."""
    found = []
    for seed in range(40 if rows < 2000 else 10):
        rng = np.random.RandomState(seed)
        found.append(learned(inputs(seed, rows), rng.standard_t(4, size=(rows, 1))))
    assert sum(one is not None for one in found) <= 2


def test_a_row_does_not_correct_itself_even_among_twins():
    X, residuals, _ = noisy(3, 200)
    X = np.repeat(X[:50], 4, axis=0)
    residuals = np.repeat(residuals[:50], 4, axis=0)
    found = learned(X, residuals)
    before = found.correction(X[:1], 1, np.arange(1))
    changed = found.residuals.copy()
    changed[0] += 100
    found = found._replace(residuals=changed)
    np.testing.assert_array_equal(found.correction(X[:1], 1, np.arange(1)), before)
    assert np.isfinite(before).all()
    assert np.abs(found.correction(X[1:2], 1, np.arange(1, 2))).max() > 1


def test_what_cannot_be_corrected():
    for rows in range(1, 6):
        assert learned(inputs(0, rows), np.zeros((rows, 1))) is None
    assert learned(np.zeros((200, 4), np.float32), np.ones((200, 1))) is not None
    none = Columns((), 0, ())
    assert learned(np.zeros((90, 0), np.float32), np.ones((90, 1)), columns=none) is None


def test_of_many_rows_some_are_searched(monkeypatch, exact):
    monkeypatch.setattr(neighbours, "MOST_ROWS", 70)
    monkeypatch.setattr(neighbours, "MOST_CHOOSING", 90)
    X, residuals, _ = noisy(4, 200)
    residuals = 20 * hills(X)
    found = learned(X, residuals)
    assert len(found.numbers) == len(set(found.numbers.tolist())) == 70
    assert found.numbers[-1] > 190
    np.testing.assert_allclose(found.residuals, residuals[found.numbers], atol=1e-12)
    distances = distances_of(X, X[found.numbers])
    distances[found.numbers, np.arange(70)] = np.inf
    known = found.residuals, np.ones(70), found.most, found.power, found.soft
    wanted = found.shares * means_of(distances, *known)
    np.testing.assert_allclose(
        found.correction(X, 1, np.arange(200)), wanted, rtol=1e-3, atol=1e-5
    )


def test_of_many_columns_the_principal_axes_are_searched(exact):
    """Those of NumPy's singular vectors."""
    many = Columns((0,), 40, ())
    rng = np.random.RandomState(0)
    X = (rng.normal(size=(900, 40)) * 2.0 ** -np.arange(40)).astype(np.float32)
    found = learned(X, np.sign(X[:, :1]), columns=many)
    axes = np.linalg.svd(X - X.mean(axis=0, dtype=float), full_matrices=False)[2][:10]
    space = X @ axes.T
    distances, places = found._near(X[:50], 1, None)
    whole = np.sqrt(((space[:50, None] - space[None]) ** 2).sum(axis=2))
    np.testing.assert_array_equal(places, np.argsort(whole, axis=1)[:, : found.most])
    np.testing.assert_allclose(distances, np.sort(whole)[:, : found.most], rtol=1e-4, atol=1e-6)


def test_many_flags_do_not_count_where_there_are_numbers(exact):
    X, residuals, _ = noisy(0, 300)
    with_flags = learned(X, residuals)
    assert with_flags.axes.shape == (7, 7)
    many = learned(X, residuals, columns=Columns((0, 1), 3, (200,)))
    assert many.axes.shape == (3, 3)
    codes = learned(X[:, 3:], residuals, columns=Columns((), 0, (200,)))
    assert codes.axes.shape == (200, 10)


def test_the_rows_found_are_near_ones():
    X, residuals, _ = noisy(5, 1000)
    found = learned(X, residuals)
    others = inputs(7, 200)
    distances, places = found._near(others, 1, None)
    whole = distances_of(others, X)
    np.testing.assert_allclose(np.take_along_axis(whole, places, 1), distances, rtol=1e-4)
    nearest = np.sort(whole, axis=1)[:, : found.most]
    assert (distances <= (1 + neighbours.INEXACT) * nearest + 1e-5).all()


@pytest.mark.parametrize("n_jobs", [2, 3])
def test_the_same_bits_alone_and_with_any_number_of_threads(n_jobs, monkeypatch):
    monkeypatch.setattr(neighbours, "BLOCK", 64)
    X, residuals, weights = noisy(6, 500)
    found = learned(X, residuals, weights=weights)
    again = pickle.loads(pickle.dumps(found))
    others = inputs(8, 150)
    whole = found.correction(others, 1)
    np.testing.assert_array_equal(again.correction(others, n_jobs), whole)
    alone = [found.correction(others[row : row + 1], 1) for row in range(150)]
    np.testing.assert_array_equal(np.vstack(alone), whole)
