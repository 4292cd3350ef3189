"""The preparation of a file and of a frame are one: either is applied to the other."""

import numpy as np
import pandas as pd
import pytest

from fusednn.tables.errors import TableError
from fusednn.tables.frames.in_memory import table_of
from fusednn.tables.preparing.learning import learned_preparation
from fusednn.tables.reading.table_reader import read_table

N = 60
RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "size": np.where(RNG.random(N) < 0.2, np.nan, RNG.normal(size=N)),
        "count": RNG.integers(0, 9, N),
        "word": RNG.choice(np.array(["red", "green", None], object), N),
        "town": [f"t{i}" for i in RNG.integers(0, 12, N)],
        "member": RNG.random(N) < 0.5,
        "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(RNG.integers(0, 400, N), unit="D"),
    }
)


def file_of(frame, path, suffix):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    return read_table(path)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_file_and_a_frame_give_the_same_inputs(tmp_path, suffix):
    file = file_of(FRAME, tmp_path / "t", suffix)
    of_file, of_frame = learned_preparation(file), learned_preparation(table_of(FRAME))
    assert of_file.names == of_frame.names
    wanted = of_frame.inputs(table_of(FRAME))
    assert len(np.unique(wanted.codes)) == 12
    for found in (of_file, of_frame):
        for table in (file, table_of(FRAME)):
            given = found.inputs(table)
            np.testing.assert_array_equal(given.values, wanted.values)
            np.testing.assert_array_equal(given.codes, wanted.codes)


WRITTEN = {
    "number": (RNG.choice([1, 2, 7], N), lambda c: [f"{x}.0" for x in c]),
    "large": (RNG.choice([2**60 + 1, 2**60 + 2], N), lambda c: [f"+{x}" for x in c]),
    "zip": (RNG.choice([1234, 5678], N), lambda c: [f"{x:05}" for x in c]),
    "boolean": (RNG.random(N) < 0.5, lambda c: [str(x).lower() for x in c]),
    "R": (RNG.random(N) < 0.5, lambda c: [str(x).upper() for x in c]),
    "database": (RNG.random(N) < 0.5, lambda c: [int(x) for x in c]),
    "day": (pd.Series(pd.Timestamp("2024-01-01")
                      + pd.to_timedelta(RNG.integers(0, 3, N), unit="D")),
            lambda c: [str(x.date()) for x in c]),
    "zoned": (pd.Series(pd.Timestamp("2024-01-01", tz="UTC")
                        + pd.to_timedelta(RNG.integers(0, 3, N), unit="D")),
              lambda c: [f"{x.date()} 02:00+02:00" for x in c]),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
def test_categories_that_a_file_spells_otherwise(tmp_path, name):
    """As pandas does beside missing values, and polars and R."""
    values, spelled = WRITTEN[name]
    frame = pd.DataFrame({"a": values, "z": 0})
    file = file_of(frame.assign(a=spelled(frame["a"])), tmp_path / "t.csv", "csv")
    of_frame = learned_preparation(table_of(frame), categorical=[0])
    wanted = of_frame.inputs(table_of(frame)).values
    assert len(np.unique(wanted, axis=0)) == frame["a"].nunique()
    np.testing.assert_array_equal(of_frame.inputs(file).values, wanted)
    of_file = learned_preparation(file, categorical=[0])
    np.testing.assert_array_equal(of_file.inputs(file).values, wanted)
    np.testing.assert_array_equal(of_file.inputs(table_of(frame)).values, wanted)


def test_categories_of_files_that_differ_stay_apart(tmp_path):
    frame = pd.DataFrame({"a": ["01", "1", "1.0"] * 9, "z": 0})
    file = file_of(frame, tmp_path / "t.csv", "csv")
    found = learned_preparation(file, categorical=[0])
    np.testing.assert_array_equal(found.inputs(file).values[:3], np.eye(3))
    later = found.inputs(table_of([{"a": 1, "z": 0}, {"a": 2, "z": 0}])).values
    np.testing.assert_array_equal(later, [[0, 1, 0], [0, 0, 0]])


@pytest.mark.parametrize("named", ["Unnamed: 0", ""])
def test_an_index_without_a_name_is_no_input(tmp_path, named):
    """It often tells the order of the classes."""
    (tmp_path / "t.csv").write_text(FRAME.to_csv().replace(",", f"{named},", 1))
    file = read_table(tmp_path / "t.csv")
    assert file.names[0] == "Unnamed: 0"
    found = learned_preparation(file)
    assert found.names == learned_preparation(file_of(FRAME, tmp_path / "u.csv", "csv")).names
    assert found.inputs(file).values.shape == (N, len(found.names))
    again = learned_preparation(table_of(FRAME.assign(**{"Unnamed: 0": np.arange(N) // 2})))
    assert "Unnamed: 0" in again.names


def test_numbers_of_files_keep_their_units(tmp_path):
    plain = pd.DataFrame({"price": np.arange(N) / 2, "z": np.arange(N) % 7})
    dollars = plain.assign(price=[f"${price}" for price in plain["price"]])
    file = file_of(dollars, tmp_path / "t.csv", "csv")
    found = learned_preparation(file)
    wanted = learned_preparation(table_of(plain)).inputs(table_of(plain))
    np.testing.assert_array_equal(found.inputs(file).values, wanted.values)
    euros = file_of(plain.assign(price="€3"), tmp_path / "u.csv", "csv")
    with pytest.raises(TableError, match=r"line 2: price is '€3', where \$ is expected"):
        found.inputs(euros)


def test_a_word_among_the_numbers_of_a_later_file(tmp_path):
    found = learned_preparation(table_of(FRAME))
    later = FRAME.astype({"count": object})
    later.loc[4, "count"] = "many"
    with pytest.raises(TableError, match="line 6: count is 'many', where a number is expected"):
        found.inputs(file_of(later, tmp_path / "t.csv", "csv"))


def test_dates_of_a_file_in_another_order(tmp_path):
    german = FRAME.assign(day=FRAME["day"].dt.strftime("%d.%m.%Y"))
    file = file_of(german, tmp_path / "t.csv", "csv")
    found = learned_preparation(file)
    wanted = learned_preparation(table_of(FRAME)).inputs(table_of(FRAME))
    np.testing.assert_array_equal(found.inputs(file).values, wanted.values)
    np.testing.assert_array_equal(found.inputs(table_of(FRAME)).values, wanted.values)
