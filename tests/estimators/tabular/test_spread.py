"""Standard deviations of predictions, from residuals."""

import numpy as np

from fusednn.estimators.tabular.spread import learned_spread


def test_deviations_that_grow_with_the_prediction_are_found():
    rng = np.random.RandomState(0)
    predicted = rng.uniform(0, 10, 20_000)
    truth = predicted + (0.1 + 0.2 * predicted) * rng.normal(size=len(predicted))
    spread = learned_spread(predicted, truth)
    at = np.array([1.0, 3.0, 5.0, 7.0, 9.0])
    np.testing.assert_allclose(spread.of(at), 0.1 + 0.2 * at, rtol=0.05)
    assert (np.diff(spread.centers) > 0).all()


def test_few_rows_have_one_deviation():
    predicted, truth = np.array([1.0, 2.0, 3.0]), np.array([1.0, 4.0, 3.0])
    spread = learned_spread(predicted, truth)
    np.testing.assert_allclose(spread.of(np.array([-9.0, 2.0, 99.0])), np.sqrt(4 / 3))


def test_weights_repeat_rows():
    rng = np.random.RandomState(1)
    predicted, truth = rng.normal(size=(2, 40))
    weights = rng.randint(1, 4, 40)
    spread = learned_spread(predicted, truth, weights)
    predicted, truth = np.repeat(predicted, weights), np.repeat(truth, weights)
    np.testing.assert_allclose(spread.centers, predicted.mean())
    np.testing.assert_allclose(spread.deviations, np.sqrt(((predicted - truth) ** 2).mean()))


def test_equal_predictions_leave_ascending_centers():
    weights = np.random.RandomState(0).uniform(0.1, 1, 530)
    clipped = np.r_[np.full(430, 0.1), np.linspace(0.2, 1, 100)]
    for predicted in (np.full(530, 0.1), clipped):
        spread = learned_spread(predicted, predicted + 1.0, weights)
        assert len(spread.centers) == 10
        assert (np.diff(spread.centers) >= 0).all()
        np.testing.assert_allclose(spread.of(predicted), 1.0)
