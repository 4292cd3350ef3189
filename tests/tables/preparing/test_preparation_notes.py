"""A preparation is plain values, which come back from a file, checked."""

import copy
import json
from functools import reduce
from operator import getitem

import numpy as np
import pandas as pd
import pytest
from cases.mixed_frames import mixed_frame

from fusednn.tables.errors import TableError
from fusednn.tables.frames.in_memory import table_of
from fusednn.tables.preparing.learning import learned_preparation
from fusednn.tables.preparing.notes import from_notes, to_notes

FRAME = pd.DataFrame(
    {
        "n": [0.1, 2, None, 1e300],
        "b": [True, False, True, True],
        "c": pd.Series(["é\n", "\ud800", "a", "b"], dtype=object),
        "d": pd.to_datetime(["2024-01-01", "2023-05-06", None, "2024-01-01"], utc=True),
    }
)


def learned(X, **options):
    return learned_preparation(table_of(X), **options)


def through_json(notes):
    return json.loads(json.dumps(notes, allow_nan=False))


@pytest.mark.parametrize("scale_flags", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_notes_come_back_with_the_same_bits(seed, scale_flags):
    frame = mixed_frame(seed, width=12)
    found = learned(frame, scale_flags=scale_flags)
    again = from_notes(through_json(to_notes(found)), "model")
    assert again == found
    one, two = (p.inputs(table_of(frame)) for p in (found, again))
    np.testing.assert_array_equal(one.values, two.values)


def test_odd_texts_come_back():
    found = learned(FRAME)
    assert from_notes(through_json(to_notes(found)), "model") == found
    empty = learned(FRAME.assign(e=[None, None, None, "w"]), rows=np.arange(3))
    assert from_notes(through_json(to_notes(empty)), "model") == empty
    unnamed = learned(FRAME.to_numpy())
    assert from_notes(through_json(to_notes(unnamed)), "model") == unnamed


@pytest.mark.parametrize("year", ["0001", "-004", "9999", "12024"])
def test_any_year_comes_back(year):
    days = np.array([f"{year}-01-01", f"{year}-12-31", "NaT"], "datetime64[D]")
    found = learned(days[:, np.newaxis])
    assert from_notes(through_json(to_notes(found)), "model") == found


def notes_with(change):
    notes = through_json(to_notes(learned(FRAME)))
    found = notes["preparation"]
    change(found, {one["name"]: one for one in found["features"]})
    return notes


DAMAGES = {
    "no features": lambda found, by: found.update(features=[]),
    "features lost": lambda found, by: found.pop("features"),
    "a name twice": lambda found, by: by["b"].update(name="n"),
    "a name that is no text": lambda found, by: by["b"].update(name=3),
    "named by a text": lambda found, by: found.update(named="yes"),
    "a scale of three": lambda found, by: by["n"].update(scale=[1, 2, 3]),
    "an infinite scale": lambda found, by: by["n"].update(scale=[1e999, 1]),
    "a negative factor": lambda found, by: by["n"].update(scale=[1, -1]),
    "a scale of texts": lambda found, by: by["n"].update(scale=["1", "2"]),
    "an indicator lost": lambda found, by: by["n"].pop("indicator"),
    "a spike of text": lambda found, by: by["n"].update(spike="0"),
    "an unknown kind": lambda found, by: by["c"].update(kind="colours"),
    "a category twice": lambda found, by: by["c"].update(categories=["a", "a", "b"]),
    "a sign of four": lambda found, by: by["c"].update(becomes="sign"),
    "nothing of four": lambda found, by: by["c"].update(becomes="nothing"),
    "an unknown form": lambda found, by: by["c"].update(becomes="hash"),
    "scales of others": lambda found, by: by["c"].update(scales=[[0, 1]]),
    "an unknown order": lambda found, by: by["d"].update(dates="day"),
    "an unknown part": lambda found, by: by["d"]["parts"].update(second=[0, 1]),
    "no date": lambda found, by: by["d"].update(start="2024-02-30"),
    "parts of text": lambda found, by: by["d"].update(parts="year"),
    "no inputs": lambda found, by: found.update(features=[{**by["n"], "scale": [0, 0],
                                                            "indicator": False}]),
    "letters for categories": lambda found, by: by["c"].update(categories="xyzw"),
    "categories by name": lambda found, by: by["c"].update(categories=dict.fromkeys("abcd")),
    "no list of scales": lambda found, by: by["c"].update(scales=""),
    "a word for a number": lambda found, by: by["c"].update(kind="numbers"),
    "a word for a boolean": lambda found, by: by["b"].update(categories=["False", "maybe"]),
    "a spike elsewhere": lambda found, by: by["n"].update(spike=0.5),
    "an unknown unit": lambda found, by: by["n"].update(unit="km"),
    "a list of parts": lambda found, by: by["d"].update(parts=[]),
    "a part without a scale": lambda found, by: by["d"]["parts"].update(year=[0, 0]),
    "a moment for a day": lambda found, by: by["d"].update(start="2024-01-01T00:00Z"),
    "a day too far": lambda found, by: by["d"].update(start="999999-01-01"),
    "a further key": lambda found, by: found.update(rows=4),
    "a further key of a feature": lambda found, by: by["n"].update(median=1),
    "of two kinds": lambda found, by: by["n"].update(categories=["a", "b"]),
    "no version": lambda found, by: found.update(version=True),
    "an early version": lambda found, by: found.update(version=0),
    "a version of text": lambda found, by: found.update(version="2"),
    "a text for a feature": lambda found, by: found.update(features=["n"]),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_notes_are_refused(damage):
    with pytest.raises(TableError, match=r"^model has damaged notes on its table$") as caught:
        from_notes(notes_with(DAMAGES[damage]), "model")
    assert caught.value.remedy == "again"


def test_lost_and_later_notes_are_refused():
    with pytest.raises(TableError, match="does not say how a table becomes its inputs"):
        from_notes({}, "model")
    later = notes_with(lambda found, by: found.update(version=2))
    with pytest.raises(TableError, match="made by a later fusednn: install a later version"):
        from_notes(later, "model")


def places(notes, above=()):
    """The keys and indices that lead to each value."""
    pairs = notes.items() if isinstance(notes, dict) else enumerate(notes)
    for key, value in pairs:
        yield (*above, key)
        if isinstance(value, (dict, list)):
            yield from places(value, (*above, key))


def test_every_single_change_of_a_note_is_refused_or_read():
    """Never another exception."""
    notes = through_json(to_notes(learned(FRAME)))["preparation"]
    for *above, key in places(notes):
        for value in (None, [], {}, -1, 1e308, 10**400, "", "1", [None], {"a": 1}, True, [[1, 2]]):
            changed = copy.deepcopy(notes)
            reduce(getitem, above, changed)[key] = value
            try:
                read = from_notes({"preparation": changed}, "model")
            except TableError:
                continue
            assert from_notes(through_json(to_notes(read)), "model") == read
