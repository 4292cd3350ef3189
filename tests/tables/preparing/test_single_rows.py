"""Rows one by one, and blocks of rows, have the bits of the whole table."""

import numpy as np
import pandas as pd
import pytest
from cases.mixed_frames import mixed_frame

from fusednn.tables.errors import TableError
from fusednn.tables.frames.in_memory import table_of
from fusednn.tables.preparing.learning import learned_preparation
from fusednn.tables.preparing.one_row import OneRow


def learned(X, **options):
    return learned_preparation(table_of(X), **options)


def without(frame, kind):
    """The frame without columns of dates, which a dict leaves to tables."""
    return frame.drop(columns=[name for name in frame if name.startswith(kind)])


def plain(frame):
    cells = frame.astype(object).where(pd.notna(frame), None)
    return cells.to_dict("records")


@pytest.mark.parametrize("scale_flags", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_a_dict_is_a_row_of_the_table(seed, scale_flags):
    frame = without(mixed_frame(seed, width=10), "day")
    found = learned(frame, scale_flags=scale_flags)
    values, codes = found.inputs(table_of(frame))
    row = OneRow(found)
    alone = [row.inputs(record) for record in plain(frame)]
    assert all(one is not None and one.dtype == np.float32 for one in alone)
    np.testing.assert_array_equal(np.concatenate(alone), np.hstack([values, codes]))


@pytest.mark.parametrize("size", [1, 7, 64])
@pytest.mark.parametrize("seed", range(4))
def test_blocks_have_the_bits_of_the_table(seed, size):
    frame = mixed_frame(seed, width=10)
    found = learned(frame)
    values, codes = found.inputs(table_of(frame))
    matched = found.matched(table_of(frame))
    for first in range(0, len(frame), size):
        part = values[first : first + size]
        own, coded = np.empty_like(part), np.empty_like(codes[first : first + size])
        matched.write(own, coded, first)
        np.testing.assert_array_equal(own, part)
        np.testing.assert_array_equal(coded, codes[first : first + size])


ODD = {
    "a text among numbers": {"n": "1"},
    "a number among texts": {"t": 1.0},
    "a bool among numbers": {"n": True},
    "infinity": {"n": np.inf},
    "a large integer": {"n": 2**60},
    "a number of NumPy": {"n": np.float64(1)},
    "one more": {"more": 1},
}


@pytest.mark.parametrize("name", ODD)
def test_other_values_are_left_to_tables(name):
    frame = pd.DataFrame({"n": [0.5, 1.5, 3.0], "t": ["a", "b", "c"]})
    row = OneRow(learned(frame))
    record = {"n": 1.5, "t": "a"}
    assert row.inputs(record) is not None
    assert row.inputs(record | ODD[name]) is None
    assert row.inputs({"n": 1.5}) is None
    assert OneRow(learned(frame.to_numpy())).inputs(record) is None


def test_a_table_without_values_in_a_column():
    frame = pd.DataFrame({"n": [0.5, None, 3.0], "t": ["a", "b", "c"]})
    found = learned(frame)
    values, _ = found.inputs(table_of([{"n": None, "t": None}]))
    assert values.tolist() == [[0, 1, 0, 0, 0]]
    values, _ = found.inputs(table_of([{"n": float("nan"), "t": "c"}]))
    assert values.tolist() == [[0, 1, 0, 0, 1]]
    with pytest.raises(TableError, match="had numbers in the training table"):
        found.inputs(table_of([{"n": "x", "t": None}, {"n": None, "t": None}]))
