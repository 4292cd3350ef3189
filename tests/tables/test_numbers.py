"""What texts say in numbers, against numbers that the tests write."""

import numpy as np
import pandas as pd
import pytest

from fusednn.tables.columns import NumberColumn, TextColumn
from fusednn.tables.decimals import found_notation
from fusednn.tables.errors import TableError
from fusednn.tables.numbers import COMMA, PLAIN, POINT, Notation
from fusednn.tables.table import Table
from fusednn.tables.texts import Texts

pa = pytest.importorskip("pyarrow")

NBSP, NARROW, MINUS = "\u00a0", "\u202f", "\u2212"
MARKS = " ", NBSP, NARROW, "'", "\u2019"


def written(rng, decimal, grouping):
    """A number and a text that says it."""
    cents, digits = int(rng.integers(0, 10 ** rng.integers(3, 12))), int(rng.integers(0, 3))
    value = cents / 10**digits
    text = f"{value:,.{digits}f}".replace(",", "#").replace(".", decimal).replace("#", grouping)
    negative = rng.random() < 0.5
    unit = rng.choice(["", "$", "€", "£", "¥", "%"])
    blank = rng.choice(["", " ", NBSP])
    if unit and unit != "%" and rng.random() < 0.5:
        text = unit + blank + text
    elif unit:
        text = text + blank + unit
    if negative:
        text = f"({text})" if rng.random() < 0.3 else rng.choice(["-", MINUS]) + text
    return -value if negative else value, text, unit


@pytest.mark.parametrize("decimal", [".", ","])
def test_formatted_numbers_are_those_that_were_written(decimal):
    rng, other = np.random.default_rng(0), {".": ",", ",": "."}[decimal]
    for grouping in ("", other, *MARKS):
        values, texts, units = zip(
            *(written(rng, decimal, grouping) for _ in range(80)), strict=True
        )
        notation = Notation(decimal, grouped=grouping == other)
        for some in (Texts(list(texts), notation), Texts(pa.array(texts), notation)):
            np.testing.assert_array_equal(some.reading.numbers, values)
            assert some.reading.units == list(units)
            assert not some.words.any()


def test_plain_decimal_commas():
    texts = ["1,52", "-0,5", "3", "1e-3", ",5", "", "NA"]
    for some in (Texts(texts, Notation(",")), Texts(pa.array(texts), Notation(","))):
        np.testing.assert_array_equal(some.numbers, [1.52, -0.5, 3, 1e-3, 0.5, np.nan, np.nan])
    for word in ("1.5", "1,2,3", "1.234"):
        for some in (Texts([word], Notation(",")), Texts(pa.array([word]), Notation(","))):
            assert some.numbers is None


WORDS = """-|$|%|+-5|$5€|5-|(5|(-5)|1,23,456|01 234|1 23|1,234 567|1_000|0x10|12 kg|1.2.3|5 %%|3+
|10-12|1 234 56|.|,|e5|nan(1)|12:30""".replace("\n", "").split("|")


@pytest.mark.parametrize("text", WORDS)
def test_what_is_no_number(text):
    for notation in (PLAIN, POINT, COMMA):
        assert notation.number(text) is None
        for some in (Texts(["1", text], notation), Texts(pa.array(["1", text]), notation)):
            assert some.numbers is None
            assert some.words.tolist() == [False, True]


def test_markers_of_pandas_and_excel_are_missing():
    from pandas._libs.parsers import STR_NA_VALUES

    excel = ["#N/A", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!"]
    markers = [*sorted(STR_NA_VALUES), *excel, "NaT", r"\N", "?"]
    for some in (Texts([*markers, "1.5"]), Texts(pa.array([*markers, "1.5"]))):
        np.testing.assert_array_equal(some.numbers, [np.nan] * len(markers) + [1.5])
        assert some.missing[:-1].all()


def test_values_that_the_user_calls_missing():
    notation = Notation(stated=frozenset({"-", "-999", "inf"}))
    texts = ["1", "-", "-999.0", "-999", "-inf", "1e400", "999"]
    expected = [1, *[np.nan] * 5, 999]
    for some in (Texts(texts, notation), Texts(pa.array(texts), notation)):
        np.testing.assert_array_equal(some.numbers, expected)
    array = np.array([1, -999, np.inf, -np.inf, 999])
    column = NumberColumn("x", array).read_as(notation)
    np.testing.assert_array_equal(column.numbers(), [1, np.nan, np.nan, np.nan, 999])
    np.testing.assert_array_equal(column.missing(), [False, True, True, True, False])
    whole = NumberColumn("x", np.array([1, -999])).read_as(notation)
    np.testing.assert_array_equal(whole.take(np.array([1, 0])).numbers(), [np.nan, 1])


# -- which sign marks decimals -----------------------------------------------------------


def table_of(**columns):
    parts = []
    for name, values in columns.items():
        if isinstance(values, np.ndarray):
            parts.append(NumberColumn(name, values))
            continue
        codes, texts = pd.factorize(np.array(values, object))
        parts.append(TextColumn(name, codes.astype(np.int32), Texts(list(texts))))
    return Table(parts, True, np.arange(len(parts[0])), lambda number: number + 2)


def found(expected=PLAIN, **columns):
    table = table_of(**columns)
    return found_notation(table, range(len(table.columns)), expected)


SURE = [f"{i},{i % 10}" for i in range(40)]


def test_found_where_there_is_no_doubt():
    doubtful, points = ["1,234", "5,678"] * 20, [f"{i}.5" for i in range(40)]
    assert found(a=points) == found(a=["1.234"] * 40) == PLAIN
    assert found(a=SURE) == Notation(",")
    assert found(a=SURE, b=doubtful, c=np.arange(40) / 2) == Notation(",")
    assert found(a=SURE, b=["1.234,5"] * 40) == Notation(",", grouped=True)
    assert found(a=["0,123"] * 40) == Notation(",")
    assert found(a=doubtful, b=points) == Notation(".", grouped=True)
    assert found(a=["1,234,567", "1,234"] * 20) == Notation(".", grouped=True)
    # odd cells do not hide it; lists and words say nothing
    assert found(a=[*SURE[:-1], "x"]) == Notation(",")
    assert found(a=["1,2,3", "4,5"] * 20, b=points) == PLAIN
    assert found(a=["a, b", "1,5", "c"] * 14, b=points * 1 + points[:2]) == PLAIN


def test_a_model_says_what_is_expected():
    points, whole = [f"{i}.5" for i in range(40)], [f"{i}" for i in range(40)]
    comma = Notation(",", grouped=False, missing=frozenset({""}))
    assert found(comma, a=whole) == found(comma, a=SURE) == comma
    assert found(comma, a=points) == comma._replace(decimal=".")
    assert found(PLAIN, a=SURE) == Notation(",")
    grouped = Notation(".", grouped=True)
    assert found(grouped, a=["1,234"] * 40) == grouped


def test_doubt_is_refused():
    for columns in ({"a": ["1,234", "950"] * 20}, {"a": ["1,234"] * 40, "b": ["1.234"] * 40}):
        with pytest.raises(TableError, match="line 2: a is '1,234', and no number shows") as one:
            found(**columns)
        assert one.value.remedy == "decimal"
    with pytest.raises(TableError, match=r"line 2: a is '1.234', and no number shows"):
        found(Notation(","), a=["1.234"] * 40)
    with pytest.raises(TableError, match=r"line 2: b is '0.5', .* point, and line 2: a is '0,0',"):
        found(a=SURE, b=["0.5"] * 40)
    table = table_of(a=["1,234"] * 40)
    for decimal, value in ((".", 1234), (",", 1.234)):
        notation = found_notation(table, [0], PLAIN, decimal)
        assert table.read_as(notation).columns[0].numbers()[0] == value
