"""Columns of texts and of numbers, which answer the same questions."""

import numpy as np
import pytest

from fusednn.tables.columns import NumberColumn, TextColumn
from fusednn.tables.errors import TableError
from fusednn.tables.numbers import Notation
from fusednn.tables.reading.parquet import ParquetBlocks, read_parquet
from fusednn.tables.table import Table
from fusednn.tables.texts import Texts

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def text_column(texts):
    distinct = list(dict.fromkeys(texts))
    return TextColumn("x", np.array([distinct.index(t) for t in texts], np.int32), Texts(distinct))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint16", "int64"])
def test_numbers_answer_as_their_texts_do(dtype):
    rng = np.random.default_rng(0)
    array = rng.integers(0, 90, 60).astype(dtype)
    if dtype.startswith("float"):
        array[::2] /= 7
        array[3], array[5], array[7] = np.nan, np.inf, -np.inf
    null = rng.random(60) < 0.2
    column = NumberColumn("x", array, null)
    texts = column.texts()
    other, rows = text_column(texts), rng.permutation(60)[:40]
    kind = dtype if dtype.startswith("float") else "float64"
    for a, b in ((column, other), (column.take(rows), other.take(rows))):
        np.testing.assert_array_equal(a.missing(), b.missing())
        # digits that say a float32 are another float64
        np.testing.assert_array_equal(a.numbers().astype(kind), b.numbers().astype(kind))
        assert a.texts() == b.texts()
        assert a.first_word() is b.first_word() is None
        np.testing.assert_array_equal(a.among({"3", "5"}), b.among({"3", "5"}))
        assert len(a) == len(b)
    assert column.renamed("y").name == other.renamed("y").name == "y"
    known = ~np.isnan(array) & ~null
    np.testing.assert_array_equal(np.array(texts)[known].astype(dtype), array[known])
    assert set(np.array(texts)[~known]) <= {""}
    np.testing.assert_array_equal(np.isnan(column.numbers()), ~known)


def test_texts_are_the_same_in_a_list_and_in_pyarrow():
    for values in (["1", "?", "2.5"], ["a", "1", "NULL"], ["", "NA"], ["+1", "1_0"], ["inf", "1"]):
        one, other = Texts(values), Texts(pa.array(values))
        for name in ("strings", "missing", "words"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        if one.numbers is None:
            assert other.numbers is None
        else:
            np.testing.assert_array_equal(one.numbers, other.numbers)
        assert one.are_numbers() == other.are_numbers()
        assert [other.find(v) for v in values] == list(range(len(values)))
        assert one.find("z") == other.find("z") == -1
        place, more = other.with_text("z")
        assert (place, more.strings) == (len(values), [*values, "z"])


@pytest.mark.parametrize("kept", [list, pa.array])
def test_a_stated_number_is_missing_however_it_is_written(kept):
    texts = ["-999.0", "1", "-999", "NA", "\u2212999"]
    stated = Texts(kept(texts), Notation(stated=frozenset({"-999"})))
    column = TextColumn("x", np.array([0, 1, 2, 3, 4, 1], np.int32), stated)
    np.testing.assert_array_equal(stated.missing, [True, False, True, True, True])
    np.testing.assert_array_equal(column.missing(), stated.missing[column.codes])
    np.testing.assert_array_equal(column.missing(), np.isnan(column.numbers()))


def test_numbers_of_parquet_stay_numbers(tmp_path):
    import decimal

    big = [2**60 + 1, None, 2**60 + 3]
    table = pa.table(
        {
            "big": pa.array(big),
            "tenth": pa.array([0.1, 0.2, None], pa.float32()),
            "price": pa.array([decimal.Decimal("1.50"), None, decimal.Decimal("2.25")]),
            "long": pa.array([decimal.Decimal("12345678901234567890.5")] * 3),
            "code": ["01", "1", "001"],
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    columns = {column.name: column for column in read_parquet(tmp_path / "t.parquet").columns}
    for name in ("big", "tenth", "price"):
        assert isinstance(columns[name], NumberColumn)
    assert columns["big"].texts() == [str(2**60 + 1), "", str(2**60 + 3)]
    np.testing.assert_array_equal(columns["tenth"].numbers(), np.float32([0.1, 0.2, np.nan]))
    assert columns["tenth"].texts() == ["0.1", "0.2", ""]
    np.testing.assert_array_equal(columns["price"].numbers(), [1.5, np.nan, 2.25])
    assert columns["long"].texts() == ["12345678901234567890.5"] * 3
    assert columns["code"].texts() == ["01", "1", "001"]


@pytest.mark.parametrize("kind", ["string", "large_string", "string_view", "categories"])
def test_texts_of_parquet_in_any_type(tmp_path, kind):
    texts = pa.array(["01", "1", None])
    try:
        if kind == "categories":
            texts = texts.dictionary_encode()
        else:
            texts = texts.cast(getattr(pa, kind)())
        pq.write_table(pa.table({"x": texts}), tmp_path / "t.parquet")
    except pa.ArrowNotImplementedError:  # no such file can be written by early versions
        assert kind == "string_view"
        return
    [column] = read_parquet(tmp_path / "t.parquet").columns
    assert column.is_text
    assert column.texts() == ["01", "1", ""]


@pytest.mark.parametrize("kind", [pa.date32(), pa.timestamp("us"), pa.timestamp("us", "No/Zone")])
def test_times_that_python_cannot_hold(tmp_path, kind):
    when = pa.array([0, 2**30 if kind == pa.date32() else 2**60])
    when = (when.cast(pa.int32()) if kind == pa.date32() else when).view(kind)
    pq.write_table(pa.table({"x": [1, 2], "when": when}), tmp_path / "t.parquet")
    with pytest.raises(TableError, match=r"'when' of .+ has values"):
        read_parquet(tmp_path / "t.parquet")
    with pytest.raises(TableError, match=r"'when' of .+ has values"):
        list(ParquetBlocks(tmp_path / "t.parquet", 9))


def test_the_place_of_a_row_is_that_in_its_file():
    column = NumberColumn("x", np.arange(5.0))
    table = Table([column], True, np.arange(10, 15)).take(np.array([4, 1]))
    assert (table.place(0), table.place(1)) == ("row 15", "row 12")
    table = table._replace(line_of=lambda number: number + 2)
    assert (table.place(0), table.place(1)) == ("line 16", "line 13")
