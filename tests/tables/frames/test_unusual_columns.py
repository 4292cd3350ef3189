"""Columns of types that few tables have, and what 64 bits cannot hold."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

from fusednn.tables.errors import TableError
from fusednn.tables.frames.declared import kind_of
from fusednn.tables.frames.in_memory import table_of
from fusednn.tables.frames.targets import class_labels, quantities

FAR, NEVER = np.datetime64(10**15, "D"), np.timedelta64(10**15, "D")
FIRST = dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=5)))


def read(X):
    [column] = table_of(X).columns
    return kind_of(column), column.texts()


def series(values, dtype=None):
    return pd.DataFrame({"a": pd.Series(values, dtype=dtype)})


TOO_FAR = {
    "array of dates": lambda: np.array([[FAR]]),
    "array of durations": lambda: np.array([["NaT"], [NEVER]], "timedelta64[D]"),
    "years": lambda: np.array([[300_000]], "datetime64[Y]"),
    "objects": lambda: [[FAR], [None]],
    "duration objects": lambda: [{"a": NEVER}],
    "Python's longest": lambda: [{"a": dt.timedelta.max}],
    "before the year 1 in UTC": lambda: [[FIRST]],
    "pandas": lambda: series(np.array([10**13, -5], "datetime64[s]")),
    "durations of pandas": lambda: series(np.array([10**13, -5], "timedelta64[s]")),
    "polars": lambda: pl.DataFrame({"a": pl.Series([10**18]).cast(pl.Datetime("ms"))}),
    "durations of polars": lambda: pl.DataFrame(
        {"a": pl.Series([10**17]).cast(pl.Duration("ms"))}
    ),
}


@pytest.mark.parametrize("name", TOO_FAR)
def test_what_microseconds_cannot_hold_is_refused(name):
    """NumPy would make another date of it, polars panic."""
    X = TOO_FAR[name]()
    with pytest.raises(TableError, match="has a date or a duration that is too far away"):
        table_of(X)


def test_the_farthest_dates_are_read():
    days = np.array([["-270000-01-01"], ["290000-12-31"], ["NaT"]], "datetime64[D]")
    [column] = table_of(days).columns
    np.testing.assert_array_equal(column.distinct.moments[column.codes], days[:, 0])
    far = pl.DataFrame({"a": pl.Series([2**22]).cast(pl.Int32).cast(pl.Date)})
    assert read(far)[1] == [f"{np.datetime64(2**22, 'D')}T00:00:00.000000"]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_durations_of_any_unit_are_the_same_bits(unit):
    seconds = np.array([-5, 36 * 3600, 200 * 86_400 + 7, 8 * 10**9 + 1, 0], "timedelta64[s]")
    wanted = [float(one) for one in [dt.timedelta(seconds=int(s)) / dt.timedelta(1)
                                     for s in seconds.astype(int)]]  # fmt: skip
    days = seconds.astype(f"timedelta64[{unit}]")
    forms = [days[:, np.newaxis], series(days)]
    if unit != "s":
        forms.append(pl.DataFrame({"a": pl.Series(days)}))
    if unit == "us":
        forms.append([[one] for one in days.tolist()])
    found = [table_of(form).columns[0].numbers() for form in forms]
    np.testing.assert_allclose(found[0], wanted, 1e-15)
    reference = table_of(seconds[:, np.newaxis]).columns[0].numbers()
    for numbers in found:
        np.testing.assert_array_equal(numbers, reference)


def test_nanoseconds_count():
    assert read(series(np.array([0, 1, 86_400], "timedelta64[ns]"))) == (
        "numbers",
        ["0", str(1 / 86_400e9), "1e-09"],
    )


def test_months_are_durations_of_their_mean_length():
    assert read(np.array([[12], [0]], "timedelta64[M]"))[1] == ["365.2425", "0"]
    assert read([[np.timedelta64(1, "Y")], [None]])[1] == ["365.2425", ""]


UNUSUAL = {
    "signalling NaN": ([[Decimal("sNaN")], [Decimal("0.5")]], "numbers", ["", "0.5"]),
    "interval": (series(pd.arrays.IntervalArray.from_tuples([(0, 1), (1, 2)])), "texts",
                 ["(0, 1]", "(1, 2]"]),
    "unused categories": (series(pd.Categorical(["b"], [*"abc"])), "texts", ["b"]),
    "only unused": (series(pd.Categorical([None], [*"abc"])), "texts", [""]),
    "lists and arrays": ([[1, "u"], np.array([2, 3])], ["numbers", "mixed"], [["1", "2"],
                                                                              ["u", "3"]]),
    "arrays of two types": ([np.array([1, 2]), np.array(["u", "3"])], ["mixed", "mixed"],
                            [["1", "u"], ["2", "3"]]),
    "nanoseconds": ([np.array(["2024-01-01"], "M8[ns]"), [None]], "dates",
                    ["2024-01-01T00:00:00.000000", ""]),
    "masked rows": ([np.ma.array([1, 2], mask=[0, 1]), np.array([3, 4])], ["numbers", "numbers"],
                    [["1", "3"], ["", "4"]]),
    "rows of a frame": ([*pd.DataFrame({"a": [1, 2], "b": ["u", None]}).to_numpy()],
                        ["numbers", "texts"], [["1", "2"], ["u", ""]]),
    "arrays and lists": ([np.array(["1"]), ["2"]], "texts", ["1", "2"]),
    "half": (np.array([[0.1], [np.nan]], np.float16), "numbers", ["0.1", ""]),
    "swapped bytes": (np.array([[1], [2]], ">i4"), "numbers", ["1", "2"]),
    "NUL": ([["a\0"], ["a"], ["\ud800"]], "texts", ["a\0", "a", "\ud800"]),
    "NUL of polars": (pl.DataFrame({"a": ["a\0", "", "a"]}), "texts", ["a\0", "", "a"]),
}  # fmt: skip


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_columns(name):
    X, kinds, texts = UNUSUAL[name]
    columns = table_of(X).columns
    if isinstance(kinds, str):
        kinds, texts = [kinds], [texts]
    assert [kind_of(column) for column in columns] == kinds
    assert [column.texts() for column in columns] == texts


@pytest.mark.parametrize("rows", [2, 200])
@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical, pl.Enum(["é", "nan", "a"])])
def test_texts_of_polars_in_few_and_many_rows(dtype, rows):
    texts = ["é", None, "a", "nan", "a"] * 40
    frame = pl.DataFrame({"a": pl.Series(texts, dtype=dtype)[:rows]})
    assert read(frame) == ("texts", [text or "" for text in texts[:rows]])


def test_decimals_of_pyarrow_are_numbers():
    pyarrow = pytest.importorskip("pyarrow")
    decimals = pd.ArrowDtype(pyarrow.decimal128(5, 2))
    assert read(series([Decimal("1.25"), None], decimals)) == ("numbers", ["1.25", ""])


def test_long_double_is_read_as_double(recwarn):
    if np.finfo(np.longdouble).max <= np.finfo(np.float64).max:
        pytest.skip("long double is double here")
    [column] = table_of(np.array([["0.5"], ["1e4000"]], np.longdouble)).columns
    np.testing.assert_array_equal(column.numbers(), [0.5, np.inf])
    assert not recwarn.list


REFUSED = {
    "complex categories": (lambda: series(pd.Categorical([1j, 2j])), "Complex data not supported"),
    "a record": (lambda: np.zeros(3, "i4, f4"), "a structured array has no columns"),
    "masked records": (lambda: np.ma.zeros(3, "i4, f4"), "a structured array has no columns"),
    "generator": (lambda: (row for row in [[1], [2]]), "X is of type generator: give a frame"),
    "empty dicts": (lambda: [{}], "the table has no columns"),
    "keys of one text": (lambda: [{1: 1, "1": 2}], "2 columns are named '1'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_columns(name):
    X, message = REFUSED[name]
    with pytest.raises(TableError, match=message):
        table_of(X())


def test_a_categorical_of_pandas_is_a_target():
    labels = class_labels(pd.Categorical(["b", "a", "b"]))
    assert (labels.labels.tolist(), labels.places.tolist()) == (["a", "b"], [1, 0, 1])
    np.testing.assert_array_equal(quantities(pd.Categorical([9, 8])).values, [9, 8])


@pytest.mark.parametrize("y", [[{"a": 1}], pd.Series([[1], [2]])])
def test_messages_name_an_unnamed_target(y):
    for reader in (class_labels, quantities):
        with pytest.raises(TableError, match="column 'y' holds a value of type"):
            reader(y)
