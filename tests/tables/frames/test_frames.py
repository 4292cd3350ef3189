"""Columns of tables in memory: which values they have, and which are missing."""

import datetime as dt
from collections import OrderedDict
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest
from oracles.parity import run_python

from fusednn.tables.errors import TableError
from fusednn.tables.frames.declared import kind_of
from fusednn.tables.frames.in_memory import table_of
from fusednn.tables.numbers import Notation

NAN, NA = float("nan"), None
ZONE = dt.timezone(dt.timedelta(hours=2))
MORNING, NOON = dt.datetime(2024, 2, 29, 0, 30), dt.datetime(1950, 1, 1, 12)
IN_ZONE = MORNING.replace(tzinfo=ZONE), NOON.replace(tzinfo=ZONE)
WAS = ["2024-02-29T00:30:00.000000", "1950-01-01T12:00:00.000000"]
UTC = ["2024-02-28T22:30:00.000000Z", "1950-01-01T10:00:00.000000Z"]
DAYS = [dt.date(2024, 2, 29), dt.date(1950, 1, 1)]
ON_DAYS = ["2024-02-29T00:00:00.000000", "1950-01-01T00:00:00.000000"]
BIG = 2**53 + 1
HUGE = 2**63 + 1


def only_column(X):
    [column] = table_of(X).columns
    return column


def read(X):
    """The kind and the texts of the only column."""
    column = only_column(X)
    return kind_of(column), column.texts()


SERIES = {
    "float": (pd.Series([0.1, NAN, -2]), "numbers", ["0.1", "", "-2"]),
    "float32": (pd.Series([0.1, NAN], dtype="float32"), "numbers", ["0.1", ""]),
    "integers": (pd.Series([BIG, -1]), "numbers", [str(BIG), "-1"]),
    "unsigned": (pd.Series([HUGE, 1], dtype="uint64"), "numbers", [str(HUGE), "1"]),
    "nullable": (pd.Series([BIG, NA], dtype="Int64"), "numbers", [str(BIG), ""]),
    "nullable float": (pd.Series([0.5, NA], dtype="Float64"), "numbers", ["0.5", ""]),
    "sparse": (pd.Series(pd.arrays.SparseArray([0, 0, 2])), "numbers", ["0", "0", "2"]),
    "arrow": (pd.Series([BIG, NA], dtype="int64[pyarrow]"), "numbers", [str(BIG), ""]),
    "bool": (pd.Series([True, False]), "booleans", ["True", "False"]),
    "boolean": (pd.Series([True, NA], dtype="boolean"), "booleans", ["True", ""]),
    "arrow bool": (pd.Series([True, NA], dtype="bool[pyarrow]"), "booleans", ["True", ""]),
    "objects": (pd.Series([True, NA, False], dtype=object), "booleans", ["True", "", "False"]),
    "str": (pd.Series(["b", "1", NA]), "texts", ["b", "1", ""]),
    "string": (pd.Series(["b", "NA", NA], dtype="string"), "texts", ["b", "NA", ""]),
    "arrow string": (pd.Series(["b", NA], dtype="string[pyarrow]"), "texts", ["b", ""]),
    "object str": (pd.Series(["nan", NAN, "1"], dtype=object), "texts", ["nan", "", "1"]),
    "category": (pd.Series(["b", NA], dtype="category"), "texts", ["b", ""]),
    "integer category": (pd.Series([7, NA, BIG], dtype="Int64").astype("category"), "numbers",
                         ["7", "", str(BIG)]),
    "float category": (pd.Series([7.0, 0.5], dtype="category"), "numbers", ["7", "0.5"]),
    "bool category": (pd.Series([True, False], dtype="category"), "booleans", ["True", "False"]),
    "intervals": (pd.cut(pd.Series([1, 9]), [0, 5, 10]), "texts", ["(0, 5]", "(5, 10]"]),
    "datetime": (pd.Series([MORNING, NOON]), "dates", WAS),
    "nanoseconds": (pd.Series([MORNING, NOON]).astype("datetime64[ns]"), "dates", WAS),
    "seconds": (pd.Series([MORNING, NOON]).astype("datetime64[s]"), "dates", WAS),
    "missing date": (pd.Series([MORNING, pd.NaT]), "dates", [WAS[0], ""]),
    "zoned": (pd.Series(IN_ZONE), "dates", UTC),
    "arrow timestamp": (pd.Series([MORNING, NA], dtype="timestamp[us][pyarrow]"), "dates",
                        [WAS[0], ""]),
    "arrow date": (pd.Series([*DAYS, NA], dtype="date32[pyarrow]"), "dates", [*ON_DAYS, ""]),
    "period": (pd.Series(pd.PeriodIndex(["2024-02", "1950-01"], freq="M")), "dates",
               ["2024-02-01T00:00:00.000000", ON_DAYS[1]]),
    "date objects": (pd.Series([*DAYS, NA]), "dates", [*ON_DAYS, ""]),
    "durations": (pd.Series(pd.to_timedelta([36, NA], unit="h")), "numbers", ["1.5", ""]),
    "nothing": (pd.Series([NA, NA], dtype=object), "texts", ["", ""]),
}  # fmt: skip


@pytest.mark.parametrize("name", SERIES)
def test_columns_of_pandas(name):
    series, kind, texts = SERIES[name]
    frame = series.to_frame("a")
    frame.index = [3] * len(frame)
    assert read(frame) == (kind, texts)
    assert table_of(frame).names == ["a"]


POLARS = {
    "float": (pl.Series([0.1, NA, NAN]), "numbers", ["0.1", "", ""]),
    "integers": (pl.Series([BIG, NA]), "numbers", [str(BIG), ""]),
    "unsigned": (pl.Series([HUGE], dtype=pl.UInt64), "numbers", [str(HUGE)]),
    "small": (pl.Series([-3, NA], dtype=pl.Int8), "numbers", ["-3", ""]),
    "decimal": (pl.Series([Decimal("1.25"), NA]), "numbers", ["1.25", ""]),
    "bool": (pl.Series([True, NA, False]), "booleans", ["True", "", "False"]),
    "no string": (pl.Series([NA, NA], dtype=pl.String), "texts", ["", ""]),
    "string": (pl.Series(["b", NA, "1", "b"]), "texts", ["b", "", "1", "b"]),
    "categorical": (pl.Series(["b", NA, "a"], dtype=pl.Categorical), "texts", ["b", "", "a"]),
    "enum": (pl.Series(["b", NA], dtype=pl.Enum(["a", "b"])), "texts", ["b", ""]),
    "binary": (pl.Series([b"b", NA]), "texts", ["b", ""]),
    "date": (pl.Series([*DAYS, NA]), "dates", [*ON_DAYS, ""]),
    "datetime": (pl.Series([MORNING, NOON]), "dates", WAS),
    "milliseconds": (pl.Series([MORNING, NA], dtype=pl.Datetime("ms")), "dates", [WAS[0], ""]),
    "zoned": (pl.Series(IN_ZONE), "dates", UTC),
    "duration": (pl.Series([dt.timedelta(hours=36), NA]), "numbers", ["1.5", ""]),
    "time": (pl.Series([dt.time(12, 45), NA]), "numbers", ["12.75", ""]),
    "null": (pl.Series([NA, NA]), "texts", ["", ""]),
}

if hasattr(pl, "Int128"):  # not the first versions
    POLARS["128 bits"] = pl.Series([7, NA], dtype=pl.Int128), "numbers", ["7", ""]


@pytest.mark.parametrize("name", POLARS)
def test_columns_of_polars(name):
    series, kind, texts = POLARS[name]
    assert read(pl.DataFrame({"a": series})) == (kind, texts)


OBJECTS = {
    "integers": ([1, NA, np.int8(3)], "numbers", ["1", "", "3"]),
    "big": ([BIG, -1], "numbers", [str(BIG), "-1"]),
    "unsigned": ([HUGE, 1], "numbers", [str(HUGE), "1"]),
    "unsigned scalars": ([np.uint64(HUGE), np.int8(1)], "numbers", [str(HUGE), "1"]),
    "beyond 64 bits": ([2**70, -1], "numbers", [str(float(2**70)), "-1"]),
    "infinite": ([10**400, -(10**400)], "numbers", ["inf", "-inf"]),
    "floats": ([0.5, NAN, NA, 2, Decimal("0.25"), Decimal("nan"), np.float32(0.5)], "numbers",
               ["0.5", "", "", "2", "0.25", "", "0.5"]),
    "NA": ([1, pd.NA, 2.5], "numbers", ["1", "", "2.5"]),
    "texts": (["a", "", NA, NAN, pd.NA, "nan"], "texts", ["a", "", "", "", "", "nan"]),
    "bytes": ([b"a", "a", b"\xff"], "texts", ["a", "a", "\\xff"]),
    "booleans": ([True, np.False_, NA], "booleans", ["True", "False", ""]),
    "dates": ([MORNING, NOON, pd.NaT, NA], "dates", [*WAS, "", ""]),
    "days": ([DAYS[0], NOON], "dates", [ON_DAYS[0], WAS[1]]),
    "datetime64": ([np.datetime64(MORNING), np.datetime64("NaT"), pd.Timestamp(NOON)], "dates",
                   [WAS[0], "", WAS[1]]),
    "zoned": (list(IN_ZONE), "dates", UTC),
    "durations": ([dt.timedelta(hours=36), NA], "numbers", ["1.5", ""]),
    "times": ([dt.time(12, 45), NA], "numbers", ["12.75", ""]),
    "mixed": (["a", 1, 1.0, True, NA, "1", 2.5], "mixed", ["a", "1", "1", "True", "", "1", "2.5"]),
}  # fmt: skip


@pytest.mark.parametrize("name", OBJECTS)
def test_columns_of_objects(name):
    items, kind, texts = OBJECTS[name]
    array = np.empty((len(items), 1), object)
    array[:, 0] = items
    assert read(array) == (kind, texts)
    assert read([[item] for item in items]) == (kind, texts)
    assert read([{"a": item} for item in items]) == (kind, texts)
    frame = pd.DataFrame({"a": pd.Series(items, dtype=object)})
    assert read(frame) == (kind, texts)


def test_columns_of_arrays():
    assert read(np.array([[0.5], [NAN]])) == ("numbers", ["0.5", ""])
    assert read(np.array([[True], [False]])) == ("booleans", ["True", "False"])
    assert read(np.array([[MORNING], ["NaT"]], "datetime64[s]")) == ("dates", [WAS[0], ""])
    assert read(np.array([[36], ["NaT"]], "timedelta64[h]")) == ("numbers", ["1.5", ""])
    for values, wanted in (
        ([1, 2], ("numbers", ["1", ""])),
        ([True, False], ("booleans", ["True", ""])),
        (np.array([MORNING, NOON], "datetime64[s]"), ("dates", [WAS[0], ""])),
        (np.array(["a", "b"], object), ("texts", ["a", ""])),
        (np.array(["a", "b"]), (None, ["a", ""])),
    ):
        masked = np.ma.array(values, mask=[False, True])[:, np.newaxis]
        assert read(masked) == wanted
    assert table_of(np.zeros((2, 3))).names == ["0", "1", "2"]


def test_an_array_of_texts_may_hold_numbers():
    """It cannot hold them otherwise."""
    X = np.array([["1.5", " a"], ["", "nan"]])
    first, second = table_of(X).columns
    np.testing.assert_array_equal(first.numbers(), [1.5, np.nan])
    assert second.texts() == ["a", "nan"]
    assert second.missing().tolist() == [False, False]
    assert read(np.array([[b" a"], [b"\xff"]])) == (None, ["a", "\\xff"])


@pytest.mark.skipif(not hasattr(np, "dtypes") or not hasattr(np.dtypes, "StringDType"),
                    reason="NumPy 1 has no StringDType")  # fmt: skip
def test_missing_texts_of_an_array():
    dtype = np.dtypes.StringDType(na_object=np.nan)
    assert read(np.array([["a "], [np.nan]], dtype)) == (None, ["a", ""])


def test_a_key_that_a_dict_lacks_is_missing():
    table = table_of([{"a": 1, "b": "x"}, OrderedDict(c=True, a=2)])
    assert table.names == ["a", "b", "c"]
    assert [column.texts() for column in table.columns] == [["1", "2"], ["x", ""], ["", "True"]]


def test_names_are_texts():
    assert table_of(pd.DataFrame(np.zeros((1, 2)), columns=[2019, ("a", 1)])).names == [
        "2019",
        "('a', 1)",
    ]


def test_declared_columns_keep_their_type():
    """In the forms in which the rest of the room takes them."""
    table = table_of(pd.DataFrame({"a": ["x", "y", None], "b": [MORNING, NOON, pd.NaT]}))
    for other in (table.take(np.array([0, 2])).trimmed(), table.read_as(Notation(","))):
        assert [kind_of(column) for column in other.columns] == ["texts", "dates"]
        assert [column.texts()[0] for column in other.columns] == ["x", WAS[0]]
        assert [column.missing()[-1] for column in other.columns] == [True, True]


def test_arrays_are_not_copied():
    X = np.random.default_rng(0).random((100, 3))
    assert all(np.shares_memory(column.array, X) for column in table_of(X).columns)
    frame = pd.DataFrame(X)
    assert all(np.shares_memory(c.array, frame.to_numpy()) for c in table_of(frame).columns)


REFUSED = {
    "no columns": (pd.DataFrame(index=range(3)), "the table has no columns: give at least one"),
    "no rows": (pd.DataFrame({"a": []}), "the table has no rows: give at least one sample"),
    "empty list": ([], r"Expected 2D array, got 1D array instead"),
    "one axis": (np.zeros(3), r"Expected 2D array, got 1D .* X.reshape\(-1, 1\)"),
    "three axes": (np.zeros((1, 1, 1)), "Expected 2D array, got 3D"),
    "scalar": (3, "X is of type int: give a frame, an array or a list of dicts"),
    "text": ("abc", "X is of type str: give"),
    "dict": ({"a": [1]}, "X is a dict: give a list of dicts"),
    "series": (pd.Series([1]), "X is a series: give a frame"),
    "polars series": (pl.Series([1]), "X is a series: give a frame"),
    "lazy": (pl.LazyFrame({"a": [1]}), r"X is a LazyFrame: give X.collect\(\)"),
    "twice": (pd.DataFrame([[1, 2]], columns=["a", "a"]), "2 columns are named 'a': rename"),
    "twice as texts": (pd.DataFrame([[1, 2]], columns=[1, "1"]), "2 columns are named '1'"),
    "complex": (np.zeros((1, 1), complex), "Complex data not supported"),
    "complex series": (pd.DataFrame({"a": [1j]}), "Complex data not supported: column 'a'"),
    "structured": (np.zeros((1, 1), "i4, f4"), "a structured array has no columns: give a"),
    "ragged": ([[1, 2], [3]], "row 2 of X has 1 values, and row 1 has 2: give rows of one length"),
    "ragged arrays": ([np.zeros(2), np.zeros(3)], "X has rows of several lengths: give rows of"),
    "not a dict": ([{"a": 1}, 2], "row 2 of X is of type int, and row 1 is a dict"),
    "lists": (pd.DataFrame({"a": [NA, [1]]}), "row 2: column 'a' holds a value of type list"),
    "fractions": ([[Fraction(1, 2)]], "row 1: column '0' holds a value of type Fraction"),
    "struct": (pl.DataFrame({"a": [{"b": 1}]}), "column 'a' is Struct.*leave it out"),
    "list series": (pl.DataFrame({"a": [[1]]}), "column 'a' is List.*leave it out"),
    "zones": (pd.DataFrame({"a": pd.Series([IN_ZONE[0], NOON], dtype=object)}),
              "column 'a' has dates with a time zone and dates without one: convert"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_tables(name):
    X, message = REFUSED[name]
    with pytest.raises(TableError, match=message) as caught:
        table_of(X)
    assert "\n" not in str(caught.value)


def test_sparse_matrices_are_refused():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TableError, match=r"X is sparse: give X\.toarray"):
        table_of(sparse.eye(3))


def test_frames_of_other_libraries_are_refused():
    """As arrays they would lose their names."""
    table = pytest.importorskip("pyarrow").table({"a": [1]})
    with pytest.raises(TableError, match="X is a Table of pyarrow: give a frame of pandas or"):
        table_of(table)


LIGHT = """
import sys
import numpy
from fusednn.tables.frames.in_memory import table_of
from fusednn.tables.frames.targets import class_labels
from fusednn.tables.preparing.learning import learned_preparation
for X in (numpy.eye(3), [{"a": 1, "b": "u"}, {"a": 2, "b": "v"}]):
    table = table_of(X)
    learned_preparation(table).inputs(table)
class_labels([0, 1])
print(sorted({"pandas", "polars", "pyarrow", "sklearn"} & set(sys.modules)))
"""


def test_pandas_and_polars_are_not_imported_for_others():
    assert run_python(LIGHT).strip() == "[]"
