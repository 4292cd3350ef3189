"""What frames become, against pandas and scikit-learn; any form of a table gives the same bits."""

import tracemalloc
from collections import Counter

import numpy as np
import pandas as pd
import polars as pl
import pytest
from cases.mixed_frames import mixed_frame
from oracles.prepared_frames import prepared
from sklearn.preprocessing import RobustScaler

from fusednn.tables.errors import TableError
from fusednn.tables.frames.in_memory import table_of
from fusednn.tables.preparing.categorical import categorical_places
from fusednn.tables.preparing.learning import learned_preparation
from fusednn.tables.preparing.scaling import Scale


def learned(X, categorical=None, **options):
    table = table_of(X)
    return learned_preparation(
        table, categorical=categorical_places(table, categorical), **options
    )


def inputs(preparation, X, dtype="float64"):
    return preparation.inputs(table_of(X), dtype)


def values(X, **options):
    return inputs(learned(X, **options), X).values


@pytest.mark.parametrize("seed", range(12))
def test_inputs_are_those_of_scikit_learn(seed):
    frame = mixed_frame(seed)
    rows = np.random.default_rng(seed).permutation(len(frame))[:90]
    found = learned(frame, rows=rows)
    wanted, codes = prepared(frame.iloc[rows], frame)
    given = inputs(found, frame)
    assert found.names == list(wanted)
    assert found.code_names == list(codes)
    assert found.code_counts == [15 + 1] * len(codes)
    for place, (name, column) in enumerate(wanted.items()):
        np.testing.assert_allclose(given.values[:, place], column, 1e-12, 1e-12, err_msg=name)
    for place, column in enumerate(codes.values()):
        np.testing.assert_array_equal(given.codes[:, place], column)


def as_objects(frame):
    return frame.astype(object).to_numpy()


def as_records(frame):
    return frame.astype(object).to_dict("records")


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("form", [pl.from_pandas, as_objects, as_records])
def test_every_form_of_a_table_gives_the_same_bits(form, seed):
    frame = mixed_frame(seed + 100)
    found = learned(frame)
    other = learned(form(frame))
    assert [a._replace(name="") for a in other.features] == [
        b._replace(name="") for b in found.features
    ]
    for one, two in zip(inputs(found, frame), inputs(found, form(frame)), strict=True):
        np.testing.assert_array_equal(one, two)


def test_bits_do_not_depend_on_rows_nor_on_the_order_of_columns():
    frame = mixed_frame(7, n=200)
    found = learned(frame)
    whole = inputs(found, frame, "float32")
    rows = np.random.default_rng(0).permutation(200)
    for some in (rows[:1], rows[1:60], rows[60:]):
        part = inputs(found, frame.iloc[some][list(frame.columns[::-1])], "float32")
        np.testing.assert_array_equal(part.values, whole.values[some])
        np.testing.assert_array_equal(part.codes, whole.codes[some])
    assert learned(frame.iloc[rows]) == found


def test_only_training_rows_are_learned_from():
    frame = mixed_frame(3)
    rows = np.arange(60)
    strange = frame.copy()
    strange.loc[60:, "x"] = 1e9
    assert learned(strange, rows=rows) == learned(frame, rows=rows)
    mask = np.arange(len(frame)) < 60
    assert learned(frame, rows=mask) == learned(frame.iloc[:60])


def test_by_hand():
    frame = pd.DataFrame(
        {
            "n": [0.0, 1, 2, 3, 4, None],
            "sex": ["f", "m", "f", None, "m", "f"],
            "size": ["S", "M", "L", "S", None, "M"],
        }
    )
    found = learned(frame)
    assert found.columns == list(frame.columns)
    assert found.names == ["n", "n missing", "sex=m", "size=L", "size=M", "size=S"]
    np.testing.assert_array_equal(found.are_numbers, [True] + [False] * 5)
    given = inputs(found, frame).values
    z = np.array([-1, -0.5, 0, 0.5, 1, 0])  # median 2, quartiles 1 and 3
    np.testing.assert_allclose(given[:, 0], z / np.sqrt(1 + z**2 / 9), rtol=1e-15)
    np.testing.assert_array_equal(
        given[:, 1:],
        [
            [-1, -1, 0, 0, 1],
            [-1, 1, 0, 1, 0],
            [-1, -1, 1, 0, 0],
            [-1, 0, 0, 0, 1],
            [-1, 1, 0, 0, 0],
            [1, -1, 0, 1, 0],
        ],
    )
    later = pd.DataFrame({"n": [np.nan, 1e30], "sex": ["x", "f"], "size": ["XL", None]})
    np.testing.assert_allclose(
        inputs(found, later).values, [[0, 1, 0, 0, 0, 0], [3, -1, -1, 0, 0, 0]], rtol=1e-12
    )


def test_a_missing_value_that_training_did_not_see_is_the_median():
    found = learned(pd.DataFrame({"a": [1.0, 2, 9]}))
    assert found.names == ["a"]
    given = inputs(found, pd.DataFrame({"a": [np.nan, 2]})).values
    np.testing.assert_array_equal(given, [[0], [0]])


def test_constants_have_no_inputs_and_any_later_value():
    frame = pd.DataFrame({"a": [5.0] * 4, "b": ["u"] * 4, "c": [1.0, 2, 3, 4]})
    frame["d"] = pd.Timestamp("2024-02-03")
    found = learned(frame)
    assert found.names == ["c"]
    later = frame.assign(a=7.0, b="v", d=pd.Timestamp("1999-01-01"))
    np.testing.assert_array_equal(inputs(found, later).values, inputs(found, frame).values)


def test_a_constant_with_gaps_keeps_its_indicator():
    found = learned(pd.DataFrame({"a": [5.0, None, 5], "b": ["u", None, "u"]}))
    assert found.names == ["a missing", "b=u"]
    given = inputs(found, pd.DataFrame({"a": [None, 5.0], "b": ["u", "v"]})).values
    np.testing.assert_array_equal(given, [[1, 1], [-1, 0]])


def test_a_column_without_values_in_the_training_rows_has_no_input():
    frame = pd.DataFrame({"a": [None, None, 1.0], "b": [1.0, 2, 3], "c": [None, None, "w"]})
    frame["d"] = pd.to_datetime([None, None, "2024-01-01"])
    assert learned(frame, rows=np.arange(2)).names == ["b"]


def test_spiky_columns_are_told_and_scaled_by_their_range():
    number = np.r_[np.zeros(95), np.linspace(1000, 5000, 5)]
    found = learned(pd.DataFrame({"gain": number, "even": np.arange(100.0)}))
    assert found.spiky == ["gain"]
    [gain, _] = found.features
    assert gain.scale == Scale(0.0, 2 / 5000)
    assert gain.spike == 0


@pytest.mark.parametrize(
    "numbers",
    [
        [-1.7e308, 0.0, 1.7e308, 1e308, -1e308],
        [5e-324, 1e-323, 2e-323, 0.0, 4e-323],
        [1e308, 1.5e308, 1.6e308, 1.2e308, 1.7e308],
        [0.0, 0, 0, 0, 1e-310],
    ],
)
def test_any_finite_numbers_have_inputs_in_order(numbers):
    given = values(pd.DataFrame({"a": numbers}))[:, 0]
    assert np.isfinite(given).all()
    assert np.abs(given).max() <= 3
    assert given[np.argmax(numbers)] == given.max() > given.min()
    assert (np.diff(given[np.argsort(numbers)]) >= 0).all()


def test_scaled_flags_are_scaled_as_numbers_are():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.choice(list("pqr"), 60), "b": rng.choice(["u", "v"], 60)})
    plain = values(frame)
    scaled = values(frame, scale_flags=True)
    for place in range(plain.shape[1]):
        column = plain[:, place]
        first, third = np.quantile(column, [0.25, 0.75])
        spread = third - first if first < third else (column.max() - column.min()) / 2
        z = (column - np.median(column)) / spread
        np.testing.assert_allclose(scaled[:, place], z / np.sqrt(1 + z**2 / 9), rtol=1e-15)


def test_more_than_eight_categories_are_codes():
    frame = pd.DataFrame({"a": list("abcdefgh") * 3, "b": list("abcdefghi") * 2 + ["a"] * 6})
    found = learned(frame)
    assert found.names == [f"a={word}" for word in "abcdefgh"]
    assert (found.code_names, found.code_counts) == (["b"], [10])
    given = inputs(found, pd.DataFrame({"a": ["a"] * 3, "b": ["c", "zz", None]}))
    np.testing.assert_array_equal(given.codes, [[3], [0], [0]])
    assert len(learned(frame, most_flags=None).names) == 17
    assert learned(frame, most_flags=2).code_counts == [9, 10]


@pytest.mark.parametrize(
    "features", [["zip"], [1], np.array([False, True]), pd.Series([1]), np.array(["zip"])]
)
def test_columns_that_users_call_categories(features):
    frame = pd.DataFrame({"a": [1.0, 2, 3, 4], "zip": [10, 9, 2, 10]})
    found = learned(frame, features)
    assert found.names == ["a", "zip=2", "zip=9", "zip=10"]
    later = pd.DataFrame({"a": [1.0] * 3, "zip": [9.0, np.nan, 7]})  # pandas has no integer NaN
    np.testing.assert_array_equal(
        inputs(found, later).values[:, 1:], [[0, 1, 0], [0, 0, 0], [0, 0, 0]]
    )
    assert learned(frame).names == ["a", "zip"]


def test_integers_beyond_float64_are_told_apart_as_categories():
    first = 2**60 + 1
    frame = pd.DataFrame({"id": [first, first + 1, first, first + 2]})
    assert learned(frame, ["id"]).names == [f"id={first + i}" for i in range(3)]
    nullable = frame.astype("Int64")
    nullable.loc[3, "id"] = None
    assert learned(nullable, ["id"]).features[0].categories == (str(first), str(first + 1))


def test_unseen_categories_are_counted():
    found = learned(pd.DataFrame({"a": list("xyxyz"), "b": [1.0, 2, 3, 4, 5]}))
    unseen = Counter()
    later = pd.DataFrame({"a": ["x", "new", None, "new"], "b": [1.0] * 4})
    found.inputs(table_of(later), unseen=unseen)
    assert unseen["a"] == 2


@pytest.mark.parametrize("seed", range(8))
def test_any_later_table_is_refused_or_prepared(seed):
    """A table of other types, of which only those without values are taken."""
    frame, other = mixed_frame(seed), mixed_frame(seed + 50)
    found = learned(frame)
    messages = []
    for old, new in zip(frame, other, strict=True):
        try:
            given = inputs(found, frame.assign(**{old: other[new]}))
        except TableError as error:
            messages.append((old, str(error)))
            continue
        assert np.abs(given.values).max() <= 3
        assert (given.codes < found.code_counts).all()
        assert given.codes.min(initial=0) == 0
    assert 0 < len(messages) < len(frame.columns)
    assert all(repr(old) in message for old, message in messages)


def test_robust_scale_is_scikit_learns():
    numbers = np.random.default_rng(0).standard_cauchy(501)
    scaler = RobustScaler().fit(numbers[:, np.newaxis])
    scale = Scale.learned(numbers)
    np.testing.assert_allclose(scale, (scaler.center_[0], 1 / scaler.scale_[0]), rtol=1e-14)


def test_memory_is_that_of_the_inputs_and_a_few_columns():
    X = np.random.default_rng(0).random((50_000, 20))
    X[::7, 3] = np.nan
    learned(X[:100])
    tracemalloc.start()
    found = learned(X)
    inputs(found, X, "float32")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < X.nbytes
