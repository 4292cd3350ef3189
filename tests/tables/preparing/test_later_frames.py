"""Later tables in any form: without values, of one row, with categories of other types."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest

from fusednn.tables.errors import TableError
from fusednn.tables.frames.in_memory import table_of
from fusednn.tables.preparing.categorical import categorical_places
from fusednn.tables.preparing.learning import learned_preparation

FRAME = pd.DataFrame(
    {
        "n": [1.0, 2, 3, 4],
        "w": list("abca"),
        "d": pd.to_datetime(["2024-01-01", "2024-02-01", "2024-03-05", "2024-03-06"]),
        "b": [True, False, True, True],
        "z": pd.to_datetime(["2024-01-01", "2024-02-01", None, "2024-03-06"], utc=True),
    }
)


def learned(X, categorical=None, **options):
    table = table_of(X)
    return learned_preparation(
        table, categorical=categorical_places(table, categorical), **options
    )


def of_type(dtype):
    return pd.DataFrame({name: pd.Series([None, None], dtype=dtype) for name in FRAME})


EMPTY = {
    "dicts": [dict.fromkeys(FRAME), dict.fromkeys(FRAME, float("nan"))],
    "rows": [[None] * 5, [np.nan] * 5],
    "array of objects": np.full((2, 5), None),
    "array": np.full((2, 5), np.nan),
    "array of texts": np.full((2, 5), ""),
    "masked": np.ma.masked_all((2, 5)),
    "polars": pl.DataFrame({name: [None, None] for name in FRAME}),
    "polars texts": pl.DataFrame({name: pl.Series([None, ""], dtype=pl.String) for name in FRAME}),
    **{
        dtype: of_type(dtype)
        for dtype in ("object", "float", "Int64", "boolean", "string", "category",
                      "datetime64[ns]", "datetime64[ns, UTC]", "timedelta64[ns]")
    },
}  # fmt: skip


@pytest.mark.parametrize("form", EMPTY)
def test_columns_without_values_are_of_no_type(form):
    """A row whose only number is missing shows no type."""
    found = learned(FRAME)
    values, codes = found.inputs(table_of(EMPTY[form]), "float64")
    flags = [name.endswith(" missing") for name in found.names]
    np.testing.assert_array_equal(values, np.where(flags, 1.0, 0.0) * np.ones((2, 1)))
    assert codes.shape == (2, 0)


@pytest.mark.parametrize("seed", range(6))
def test_rows_one_by_one_are_those_of_the_table(seed):
    rng = np.random.default_rng(seed)
    frame = FRAME.iloc[rng.integers(0, 4, 30)].reset_index(drop=True)
    frame["n"] = rng.normal(size=30)
    frame = frame.astype(object).where(rng.random(frame.shape) < 0.6, None)
    frame.loc[[0, 1]] = FRAME.loc[[0, 1]].astype(object)
    found = learned(frame)
    wanted = found.inputs(table_of(frame)).values
    for record, row in zip(frame.to_dict("records"), wanted, strict=True):
        np.testing.assert_array_equal(found.inputs(table_of([record])).values, [row])
        np.testing.assert_array_equal(
            found.inputs(table_of([list(record.values())])).values, [row]
        )


DAYS = pd.to_datetime(["2024-01-01", "2024-01-02"] * 10)
REFUSED = {
    "text for a date": (DAYS, ["2024-01-02"], "has texts .'2024-01-02' in row 1., and had dates"),
    "a zone": (DAYS, DAYS.tz_localize("UTC"), "has dates with a time zone, and had dates without"),
    "no zone": (DAYS.tz_localize("UTC"), DAYS, "dates without a time zone, and had dates with"),
    "large floats": ([2**60 + 1, 2**60 + 2, 5], [float(2**60)], "row 1: 'a' holds 1.15292e.18"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_categories_that_cannot_be_compared_are_refused(name):
    """They would all be unseen, without a word."""
    train, later, message = REFUSED[name]
    found = learned(pd.DataFrame({"a": train}), ["a"])
    with pytest.raises(TableError, match=message):
        found.inputs(table_of(pd.DataFrame({"a": later})))


def test_dates_that_are_categories():
    found = learned(pd.DataFrame({"a": DAYS}), ["a"])
    later = pd.DataFrame({"a": [DAYS[1], DAYS[0], pd.Timestamp("1999-01-01"), pd.NaT]})
    np.testing.assert_array_equal(found.inputs(table_of(later)).values, [[1], [-1], [0], [0]])


def test_categories_of_half_precision():
    """2**53 is none of its numbers."""
    halves = pd.DataFrame({"a": np.array([0.5, 2, 65504], np.float16)})
    found = learned(halves, ["a"])
    assert found.names == ["a=0.5", "a=2", "a=65504"]
    np.testing.assert_array_equal(found.inputs(table_of([{"a": 2}])).values, [[0, 1, 0]])


def test_large_floats_beside_small_categories_are_unseen():
    found = learned(pd.DataFrame({"a": [1, 2, 3]}), ["a"])
    later = found.inputs(table_of(pd.DataFrame({"a": [1e300, np.inf, 2]}))).values
    np.testing.assert_array_equal(later, [[0, 0, 0], [0, 0, 0], [0, 1, 0]])


@pytest.mark.parametrize("form", [pd.DataFrame, pl.DataFrame, lambda X: X["a"][:, np.newaxis]])
def test_a_hundred_thousand_categories(form):
    texts = np.array([f"é{i}\0" for i in range(100_000)], object)
    found = learned(form({"a": np.repeat(texts, 2)}))
    assert (found.names, found.code_counts) == ([], [100_001])
    codes = found.inputs(table_of(form({"a": texts}))).codes[:, 0]
    assert sorted(codes) == [*range(1, 100_001)]
    one = pd.DataFrame({"a": pd.Categorical([texts[7], "é", None], [*texts, "é"])})
    np.testing.assert_array_equal(found.inputs(table_of(one)).codes, [[codes[7]], [0], [0]])


def test_a_used_preparation_is_copied():
    found = learned(FRAME)
    found.inputs(table_of(FRAME))
    again = pickle.loads(pickle.dumps(found))
    assert again == found
    np.testing.assert_array_equal(
        again.inputs(table_of(FRAME)).values, found.inputs(table_of(FRAME)).values
    )


def test_columns_of_several_levels_are_named_by_tuples():
    frame = pd.DataFrame([[1, 2], [3, 5]], columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2)]))
    assert learned(frame, [("a", 2)]).names == ["('a', 1)", "('a', 2)=5"]
    with pytest.raises(TableError, match=r"names \"\('b', 1\)\", and the columns are"):
        learned(frame, [("b", 1)])


def test_an_array_without_axes_is_no_list_of_features():
    with pytest.raises(TableError, match="is no list: give a list of names or indices"):
        learned(FRAME, np.array(0))
