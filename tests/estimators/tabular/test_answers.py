"""Targets: what networks learn, and what users get."""

import numpy as np
import pytest

from fusednn.estimators.tabular.answers import ClassTarget, QuantityTarget
from fusednn.tables.errors import TableError
from fusednn.tables.frames.targets import Quantities, class_labels


def test_labels_have_places():
    found = class_labels(["b", "a", "c", "a"])
    target = ClassTarget(found.labels)
    assert target.encoded(found).tolist() == [1, 0, 2, 0]
    assert target.answers(np.eye(3)[[2, 0]]).tolist() == ["c", "a"]
    other = class_labels(["c", "c"], least=1)
    assert target.encoded(other).tolist() == [2, 2]


def test_an_unknown_label_of_a_validation_set_is_named():
    target = ClassTarget(np.array([1, 2]))
    with pytest.raises(TableError, match="y_val has the label 3, which y has not"):
        target.encoded(class_labels([1, 3]))


def test_quantities_are_standardised_and_clipped():
    y = np.array([1.0, 2.0, 3.0, 10.0])
    found = Quantities(y, ())
    target = QuantityTarget.learned(found, None, ())
    encoded = target.encoded(found)
    np.testing.assert_allclose(encoded[:, 0], (y - y.mean()) / y.std())
    np.testing.assert_allclose(target.decoded(encoded), y)
    np.testing.assert_allclose(target.answers(encoded + np.array([[0], [0], [0], [9]])), y)
    assert target.answers(np.array([[-9.0]])).tolist() == [1.0]


def test_weights_count_in_mean_and_deviation():
    y, weights = np.array([1.0, 2.0, 5.0]), np.array([2, 1, 1])
    target = QuantityTarget.learned(Quantities(y, ()), weights, ())
    again = np.repeat(y, weights)
    np.testing.assert_allclose([target.mean[0], target.scale[0]], [again.mean(), again.std()])


@pytest.mark.parametrize("targets", [1, 2])
def test_quantiles_ascend_in_each_row(targets):
    y = np.arange(12.0).reshape(6, 2)[:, :targets]
    found = Quantities(y[:, 0] if targets == 1 else y, ())
    target = QuantityTarget.learned(found, None, (0.1, 0.5, 0.9))
    outputs = np.random.RandomState(0).normal(size=(7, 3 * targets))
    answers = target.answers(outputs)
    assert answers.shape == ((7, 3) if targets == 1 else (7, 2, 3))
    assert (np.diff(answers, axis=-1) >= 0).all()
    expected = np.clip(
        outputs.reshape(7, targets, 3) * y.std(axis=0)[:, None] + y.mean(axis=0)[:, None],
        y.min(axis=0)[:, None],
        y.max(axis=0)[:, None],
    )
    np.testing.assert_allclose(answers.reshape(7, targets, 3), np.sort(expected, axis=2))


def test_a_constant_target_is_predicted():
    found = Quantities(np.full(5, 3.0), ())
    target = QuantityTarget.learned(found, None, ())
    assert target.encoded(found).tolist() == [[0.0]] * 5
    assert target.answers(np.array([[7.0]])).tolist() == [3.0]


def test_huge_and_tiny_numbers_and_other_targets_are_refused():
    with pytest.raises(TableError, match="y has differences whose squares are 0: multiply y by"):
        QuantityTarget.learned(Quantities(np.array([1e-200, 2e-200]), ()), None, ())
    with pytest.raises(TableError, match="squares are infinite"):
        QuantityTarget.learned(Quantities(np.array([1e200, -1e200]), ()), None, ())
    target = QuantityTarget.learned(Quantities(np.ones((3, 2)), ()), None, ())
    with pytest.raises(TableError, match="y_val has 1 columns and y has 2"):
        target.encoded(Quantities(np.ones(3), ()))
