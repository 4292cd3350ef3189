"""What a preparation refuses: one sentence that names the column and says what to do."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from fusednn.tables.errors import TableError, in_python
from fusednn.tables.frames.in_memory import table_of
from fusednn.tables.preparing.categorical import categorical_places
from fusednn.tables.preparing.learning import learned_preparation

N = 40
FRAME = pd.DataFrame(
    {
        "age": np.arange(N) / 2,
        "job": ["clerk", "cook", "nurse", "pilot"] * (N // 4),
        "member": [True, False] * (N // 2),
        "since": pd.date_range("2024-01-01", periods=N),
        "code": [1, 2, 3, 4] * (N // 4),
    }
)
NAMES = [f"{i} Main Street" for i in range(N)]
DIGITS = [f"{i}.5" for i in range(N)]
SINCE = [f"2024-01-{i % 28 + 1:02}" for i in range(N)]


def learned(X, categorical=None, **options):
    table = table_of(X)
    return learned_preparation(
        table, categorical=categorical_places(table, categorical), **options
    )


def refused(call, *arguments, **options):
    with pytest.raises(TableError) as caught:
        call(*arguments, **options)
    text = in_python(caught.value)
    assert "\n" not in text
    return text


LEARNING = {
    "free text": (
        FRAME.assign(street=NAMES),
        "column 'street' is free text, 40 different values in 40 rows: leave it out, or make"
        " numbers or a few categories of it; if these are categories: name the column in"
        " categorical_features",
    ),
    "numbers as texts": (
        FRAME.assign(size=DIGITS),
        "column 'size' has numbers that are stored as texts, 40 different ones in 40 rows: convert"
        " it to numbers, or leave it out; if these are categories: name the column in"
        " categorical_features",
    ),
    "nothing": (
        FRAME.assign(empty=None),
        "column 'empty' has no values: fill it, or leave it out",
    ),
    "infinity": (
        FRAME.assign(age=np.where(np.arange(N) == 2, -np.inf, 1.0)),
        "row 3: age is -inf, which is infinite: if it means a missing value, give NaN or None",
    ),
    "a name of two lines": (
        FRAME.assign(**{"age\nin years": np.where(np.arange(N) == 2, np.inf, 1.0)}),
        r"row 3: age\nin years is inf, which is infinite: if it means a missing value, give NaN or"
        " None",
    ),
    "several types": (
        FRAME.assign(mix=[1, "?"] * (N // 2)),
        "column 'mix' has values of several types, '1' among them: make them one type, or missing;"
        " if they are categories: name the column in categorical_features",
    ),
    "odd date": (
        FRAME.assign(when=["soon", *SINCE[1:]]),
        "row 1: when is 'soon', which is not a date, but the others are: change it, or leave it"
        " empty if it is missing; if the column holds words: name the column in"
        " categorical_features",
    ),
    "constants": (
        pd.DataFrame({"a": [1.0, 1], "b": ["u", "u"]}),
        "no column has two different values ('a', 'b'): give one that varies",
    ),
}


@pytest.mark.parametrize("name", LEARNING)
def test_tables_that_cannot_be_learned_from(name):
    X, message = LEARNING[name]
    assert refused(learned, X) == message


def test_odd_words_among_numbers_of_an_array_of_texts():
    X = np.array([[str(i)] for i in range(N)])
    X[3] = "?"
    assert refused(learned, X) == (
        "row 4: 0 is '?' among numbers: if it means a missing value, give None; if the column"
        " holds words, name it in categorical_features"
    )


def test_few_rows_of_different_texts_are_categories():
    assert learned(pd.DataFrame({"a": list("abcd")})).names == ["a=a", "a=b", "a=c", "a=d"]


@pytest.mark.parametrize("texts", [NAMES, DIGITS])
def test_texts_that_users_call_categories_may_all_differ(texts):
    assert learned(FRAME.assign(a=texts), ["a"]).code_counts == [N + 1]


def test_an_identifier_of_integers_stays_a_number():
    frame = FRAME.assign(id=np.arange(N) + 1000)
    assert "id" in learned(frame).names


def test_categories_that_floating_point_makes_equal():
    frame = FRAME.assign(big=2.0**53 + 2 * np.arange(N))
    assert refused(learned, frame, ["big"]) == (
        "row 1: 'big' holds 9.0072e+15 among its categories, and floating point makes such numbers"
        " equal: give integers or texts"
    )


LATER = {
    "lacks": (FRAME.drop(columns="age"), "the table lacks column 'age' of the training table: add"
              " it, with missing values at least"),
    "lacks two": (FRAME[["job", "member", "since"]], "the table lacks columns 'age', 'code' of the"
                  " training table: add them, with missing values at least"),
    "renamed": (FRAME.rename(columns={"age": "Age"}), "the table lacks column 'age' of the"
                " training table, but has column 'Age': name its columns as there"),
    "too many": (FRAME.assign(id=1), "the training table had no column 'id': leave it out"),
    "two too many": (FRAME.assign(id=1, k=2), "the training table had no columns 'id', 'k': leave"
                     " them out"),
    "texts": (FRAME.assign(age="old"), "column 'age' has texts ('old' in row 1), and had numbers"
              " in the training table: convert it"),
    "booleans": (FRAME.assign(age=True), "column 'age' has booleans ('True' in row 1), and had"
                 " numbers in the training table: convert it"),
    "numbers": (FRAME.assign(job=[None] + [1.0] * (N - 1)), "column 'job' has numbers ('1' in row"
                " 2), and had texts in the training table: convert it"),
    "number dates": (FRAME.assign(since=2024), "column 'since' has numbers ('2024' in row 1), and"
                     " had dates in the training table: convert it"),
    "text dates": (FRAME.assign(since="May 1"), "row 1: since is 'May 1', where a date is"
                   " expected, as year-month-day"),
    "zones": (FRAME.assign(since=FRAME.since.dt.tz_localize("UTC")), "column 'since' has dates"
              " with a time zone, and had dates without one in the training table: convert it"),
    "mixed": (FRAME.assign(job=["cook", 3] * (N // 2)), "column 'job' has values of"
              " several types ('cook' in row 1), and had texts in the training table: convert it"),
    "infinity": (FRAME.assign(age=np.inf), "row 1: age is inf, which is infinite: if it means a"
                 " missing value, give NaN or None"),
    "fewer": (FRAME.to_numpy()[:, 1:], "the table has 4 columns, and the training table had 5,"
              " age, job, member, since, code: give the same ones"),
}  # fmt: skip


@pytest.mark.parametrize("name", LATER)
def test_later_tables_of_another_kind(name):
    X, message = LATER[name]
    assert refused(learned(FRAME).inputs, table_of(X)) == message


def test_later_tables_that_hold_the_same():
    found = learned(FRAME)
    wanted = found.inputs(table_of(FRAME))
    for X in (
        FRAME[FRAME.columns[::-1]].set_index("age", drop=False),
        FRAME.astype(object).to_numpy(),
        FRAME.astype({"age": "Float32", "code": "int8", "job": "category"}),
        FRAME.assign(since=FRAME.since.dt.strftime("%Y-%m-%d")),
        pl.from_pandas(FRAME),
    ):
        given = found.inputs(table_of(X))
        np.testing.assert_array_equal(given.values, wanted.values)
    more = found.inputs(table_of(FRAME.assign(id=1)), ignore_others=True)
    np.testing.assert_array_equal(more.values, wanted.values)


def test_a_later_column_without_values_may_be_of_any_type():
    found = learned(FRAME)
    empty = pd.DataFrame({name: [None, np.nan] for name in FRAME})
    rows = found.inputs(table_of(empty)).values
    np.testing.assert_array_equal(rows, np.zeros_like(rows))
    assert found.inputs(table_of(empty.astype("float64"))).values.shape == rows.shape


def test_a_column_of_several_types_that_is_said_to_be_categories():
    frame = FRAME.assign(mix=[1, "a", 2.5, None] * (N // 4))
    found = learned(frame, ["mix"])
    assert found.features[-1].categories == ("1", "2.5", "a")
    later = found.inputs(table_of(FRAME.assign(mix=1.0)))
    np.testing.assert_array_equal(later.values[:, -3:], [[1, 0, 0]] * N)


FEATURES = {
    "one name": ("job", "categorical_features='job' is no list: give a list of names or indices,"
                 " or a mask"),
    "number": (3, "categorical_features=3 is no list: give"),
    "name": (["Job"], "categorical_features names 'Job', and the columns are age, job, member,"
             " since, code: name one of them"),
    "index": ([5], "categorical_features has the index 5, and the table has columns 0 to 4: give"),
    "negative": ([-1], "categorical_features has the index -1, and the table has columns 0 to 4"),
    "mask": ([True, False], "categorical_features is a mask of 2 columns, and the table has 5:"
             " give one of 5"),
    "mixed": ([0, True], "categorical_features has True, which is neither a name nor an index:"
              " give"),
}  # fmt: skip


@pytest.mark.parametrize("name", FEATURES)
def test_refused_lists_of_categories(name):
    features, message = FEATURES[name]
    assert refused(categorical_places, table_of(FRAME), features).startswith(message)


def test_an_array_has_no_names():
    assert refused(categorical_places, table_of(np.zeros((2, 2))), ["a"]) == (
        "categorical_features names 'a', and the table has no names: give indices or a mask"
    )
