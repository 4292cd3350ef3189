"""Greedy weights, against all combinations."""

import itertools

import numpy as np
import pytest

from fusednn.estimators.tabular.weighing import greedy_weights


def squares(truth):
    return lambda mixed: float(((mixed - truth) ** 2).mean())


def test_one_candidate_has_all():
    assert greedy_weights([np.ones((3, 1))], squares(np.ones((3, 1)))).tolist() == [1.0]


def test_a_useless_candidate_gets_nothing():
    rng = np.random.RandomState(0)
    truth = rng.normal(size=(500, 1))
    good, bad = truth + 0.1 * rng.normal(size=truth.shape), rng.normal(size=truth.shape)
    assert greedy_weights([bad, good], squares(truth)).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("offset", [0, -100])  # losses of scores are negative
@pytest.mark.parametrize(("saved", "weights"), [(5e-5, [1, 0]), (3e-4, [0.96, 0.04])])
def test_what_saves_next_to_nothing_gets_nothing(saved, weights, offset):
    """A step of 25 gives the second a weight of 0.04, with which it saves a share of the loss."""
    rng = np.random.RandomState(0)
    truth, error, other = rng.normal(size=(3, 500, 1))
    other -= error * (error * other).sum() / (error**2).sum()
    far = other * np.sqrt((error**2).sum() / (other**2).sum())
    far *= np.sqrt((1 - 0.96**2 - saved) / 0.04**2)
    scale = (100 if offset else 1) / squares(0)(error)
    found = greedy_weights(
        [truth + error, truth + far], lambda mixed: offset * 2 + scale * squares(truth)(mixed)
    )
    np.testing.assert_allclose(found, weights)


def test_equals_take_the_first():
    own = np.zeros((4, 1))
    assert greedy_weights([own, own.copy()], squares(own)).tolist() == [1.0, 0.0]


@pytest.mark.parametrize("seed", range(3))
def test_weights_are_near_the_best_of_all(seed):
    """No mixture in steps of a tenth is better by more than one in a hundred."""
    rng = np.random.RandomState(seed)
    truth = rng.normal(size=(300, 1))
    outputs = [truth + s * rng.normal(size=truth.shape) for s in (0.5, 0.6, 0.9)]
    loss = squares(truth)
    weights = greedy_weights(outputs, loss)
    assert weights.sum() == pytest.approx(1)
    grid = [w for w in itertools.product(range(11), repeat=3) if sum(w) == 10]
    best = min(loss(np.tensordot(np.array(w) / 10, outputs, 1)) for w in grid)
    assert loss(np.tensordot(weights, outputs, 1)) < 1.01 * best
