"""Folds: sizes, classes, rows that no fold holds out."""

import numpy as np
import pytest

from fusednn.estimators.tabular.folds import folds_of


def folds(count, classes, seed=0):
    return folds_of(count, len(classes), np.array(classes), np.random.RandomState(seed))


def test_folds_have_equal_sizes_and_shares_of_classes():
    classes = np.repeat([0, 1, 2], [60, 30, 11])
    found = folds(4, classes)
    assert np.ptp(np.bincount(found)) <= 1
    for place in range(3):
        assert np.ptp(np.bincount(found[classes == place], minlength=4)) <= 1


def test_quantities_are_spread_at_random():
    found = folds_of(5, 103, None, np.random.RandomState(0))
    assert np.bincount(found).tolist() == [21, 21, 21, 20, 20]
    assert not np.array_equal(found, np.arange(103) % 5)


def test_one_fold_is_a_fifth():
    found = folds(1, [0] * 50 + [1] * 50)
    assert (found == 0).sum() == 20
    assert (found[:50] == 0).sum() == 10
    assert set(found.tolist()) == {0, -1}


@pytest.mark.parametrize("count", [1, 2, 4, 7])
def test_each_class_is_in_every_training_set(count):
    classes = np.array([0, 0, 1, 1, 2, 3, 3, 3])
    found = folds(count, classes)
    assert found[4] == -1  # the only one of its class
    held = set(found.tolist()) - {-1}
    assert 0 in held
    for fold in held:
        assert set(classes[found != fold].tolist()) == {0, 1, 2, 3}


def test_few_rows_make_few_folds():
    assert set(folds_of(4, 3, None, np.random.RandomState(0)).tolist()) == {0, 1, 2}


def test_rows_that_cannot_be_held_out_are_refused():
    with pytest.raises(ValueError, match="each class of y has one row only"):
        folds(4, [0, 1, 2])
