"""Which rows are held out."""

import numpy as np
import pytest

from fusednn.command.data.held_out import split_rows


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_every_row_is_trained_on_or_held_out(share):
    y = np.random.RandomState(0).randint(0, 3, 60)
    train, held_out = split_rows(y, True, share, 0)
    assert sorted([*train, *held_out]) == list(range(60))
    assert len(held_out) == max(2, np.ceil(share * 60))


def test_a_class_is_never_held_out_as_a_whole():
    y = np.array([0] * 20 + [1] * 19 + [2])
    for seed in range(40):
        train, held_out = split_rows(y, True, 0.25, seed)
        assert sorted([*train, *held_out]) == list(range(40))
        assert 39 in train
        assert len(held_out) in (9, 10)
