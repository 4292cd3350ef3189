"""The windows that passes draw."""

import numpy as np
import pytest

from fusednn.training.drawn_windows import DrawnWindows


def passes_of(draws, count, windows):
    found = np.zeros((count, windows), np.int64)
    for order in found:
        draws.shuffle(order)
    return found


@pytest.mark.parametrize("tokens", [64, 65, 100, 129])
def test_a_pass_sees_nearly_every_token_once(tokens):
    """But for those before the offset, and where the last window is shifted to fit."""
    steps = 16
    draws = DrawnWindows(5, 0, tokens - steps, steps)
    assert draws.windows == (tokens - 1) // steps
    for order in passes_of(draws, 4, draws.windows):
        assert (np.diff(np.sort(order)) <= steps).all()
        assert order.min() < steps
        assert order.max() + steps < tokens
        assert len(set(order.tolist())) == len(order)


def test_passes_differ_and_follow_from_the_seed_and_their_number():
    whole = passes_of(DrawnWindows(2, 0, 200, 10), 4, 20)
    assert len({tuple(np.sort(order)) for order in whole}) > 1
    np.testing.assert_array_equal(passes_of(DrawnWindows(2, 2, 200, 10), 2, 20), whole[2:])
    assert not np.array_equal(passes_of(DrawnWindows(1, 0, 200, 10), 4, 20), whole)


def test_short_and_long_passes_go_through_the_same_windows():
    """Whatever their length, passes continue through the cycles."""
    by_7, by_70 = (
        passes_of(DrawnWindows(3, 0, 200, 10), count, windows).reshape(-1)
        for count, windows in ((10, 7), (1, 70))
    )
    np.testing.assert_array_equal(by_7, by_70)
    in_order = passes_of(DrawnWindows(3, 0, 30, 10, shuffle=False), 2, 3)
    np.testing.assert_array_equal(in_order, [[0, 10, 20]] * 2)
