"""Columns of dates, against what pandas makes of them."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fusednn.tables.dates import PARTS, Form
from fusednn.tables.errors import TableError
from fusednn.tables.inputs import Dates, Words
from fusednn.tables.labelled import labelled_table
from fusednn.tables.learning import learned_encoding
from fusednn.tables.reading import csv_arrow
from fusednn.tables.reading.table_reader import blocks_of, read_table
from fusednn.tables.tabular import Tabular

MOMENTS = pd.date_range("1899-12-30 23:15:30", periods=120, freq="171D7h").to_series()
DAYS = MOMENTS.dt.normalize()


@pytest.fixture(params=["pyarrow", "csv"])
def reader(request, monkeypatch):
    """Each of the two reads all text."""
    if request.param == "csv":
        monkeypatch.setattr(csv_arrow, "pyarrow_or_none", lambda: None)
    return request.param


def learned(path, categorical=()):
    labelled = labelled_table(read_table(path), "y")
    rows = np.arange(len(labelled.y))
    found = learned_encoding(labelled.table, labelled.place, rows, (), categorical)
    return found, labelled


def write(folder, texts, name="t.csv"):
    frame = pd.DataFrame({"when": texts, "y": np.arange(len(texts)) / 3})
    frame.to_csv(folder / name, index=False)
    return folder / name


def expected(moments):
    """All parts, by pandas; the median where there is none."""
    parts = pd.DataFrame(
        {
            "year": moments.dt.year,
            "month": moments.dt.month,
            "day": moments.dt.day,
            "weekday": moments.dt.day_of_week,
            "hour": (moments - moments.dt.normalize()) / pd.Timedelta("1h"),
            "elapsed": (moments - moments.min().normalize()) / pd.Timedelta("1D"),
        }
    )
    return parts.fillna(parts.median()).to_numpy()


FORMS = {
    "%Y-%m-%d %H:%M:%S": "year-month-day",
    "%Y-%m-%dT%H:%M:%S.%f": "year-month-day",
    "%d.%m.%Y %H:%M:%S": "day.month.year",
    "%d/%m/%Y %H:%M:%S": "day/month/year",
    "%m/%d/%Y %H:%M:%S": "month/day/year",
}


@pytest.mark.parametrize("form", FORMS)
def test_moments_become_numbers(tmp_path, reader, form):
    texts = MOMENTS.dt.strftime(form).tolist()
    texts[7] = texts[11] = ""
    path = write(tmp_path, texts)
    found, labelled = learned(path)
    [part] = found.encoding.inputs
    assert part.form == Form(FORMS[form], False)
    assert [name for name, _ in part.medians] == list(PARTS)
    moments = MOMENTS.copy()
    moments.iloc[[7, 11]] = pd.NaT
    X = found.encoding.encode(labelled.table, "float64")
    np.testing.assert_allclose(X, expected(moments), rtol=1e-12)
    assert found.missing == 2
    assert part.start == "1899-12-30"
    assert found.encoding.names[3:] == [
        "when: weekday from 0, Monday",
        "when: hour",
        "when: days since 1899-12-30",
    ]
    assert not found.encoding.flags.any()


def test_parts_that_do_not_vary_are_left_out(tmp_path, reader):
    days = pd.date_range("2024-01-30", periods=20).to_series()
    found, labelled = learned(write(tmp_path, days.dt.strftime("%Y-%m-%d").tolist()))
    [part] = found.encoding.inputs
    names = [name for name, _ in part.medians]
    assert names == ["month", "day", "weekday", "elapsed"]
    X = found.encoding.encode(labelled.table, "float64")
    np.testing.assert_array_equal(X, expected(days)[:, [1, 2, 3, 5]])
    with pytest.raises(TableError, match="no column but the target"):
        learned(write(tmp_path, ["2024-01-30"] * 20))


def test_offsets_are_turned_into_utc(tmp_path, reader):
    zones = ["Z", "+02:00", "-0930", " UTC", "+00:00"]
    texts = [f"{m:%Y-%m-%dT%H:%M:%S}{zones[i % 5]}" for i, m in enumerate(MOMENTS)]
    found, labelled = learned(write(tmp_path, texts))
    X = found.encoding.encode(labelled.table, "float64")
    moments = pd.to_datetime(pd.Series(texts).str.replace(" UTC", "Z"), utc=True, format="ISO8601")
    np.testing.assert_allclose(X, expected(moments.dt.tz_localize(None)), rtol=1e-12)
    texts[9] = "2024-05-31T12:30:00"
    with pytest.raises(TableError, match="line 11: when is '2024-05-31T12:30:00', which has no"):
        learned(write(tmp_path, texts))


@pytest.mark.parametrize(
    "kind",
    [
        pa.date32(),
        pa.date64(),
        pa.timestamp("s"),
        pa.timestamp("ms"),
        pa.timestamp("us"),
        pa.timestamp("ns"),
        pa.timestamp("ns", "UTC"),
        pa.timestamp("us", "Europe/Vienna"),
        pa.string(),
    ],
    ids=str,
)
def test_dates_of_parquet(tmp_path, kind):
    moments = DAYS if pa.types.is_date(kind) else MOMENTS
    if kind == pa.timestamp("ns"):
        moments = moments + pd.Timedelta("5ns")
    if kind == pa.string():
        column = pa.array(moments.astype(str).tolist())
    else:
        column = pa.array(moments.dt.tz_localize(getattr(kind, "tz", None) and "UTC")).cast(kind)
    table = pa.table({"when": column, "y": np.arange(len(moments)) / 3})
    pq.write_table(table, tmp_path / "t.parquet")
    found, labelled = learned(tmp_path / "t.parquet")
    X = found.encoding.encode(labelled.table, "float64")
    keep = [0, 1, 2, 3, 5] if pa.types.is_date(kind) else slice(None)
    np.testing.assert_allclose(X, expected(moments)[:, keep], rtol=1e-9, atol=1e-9)
    assert found.digits == ()


@pytest.mark.parametrize("kind", [pa.timestamp("us"), pa.string()], ids=str)
def test_dates_of_any_order_and_those_of_parquet(tmp_path, kind):
    """What was learned from texts takes columns that hold dates, and ISO 8601."""
    path = write(tmp_path, MOMENTS.dt.strftime("%d.%m.%Y %H:%M:%S").tolist())
    encoding = learned(path)[0].encoding
    when = pa.array(MOMENTS.dt.floor("s")).cast(pa.timestamp("us")).cast(kind)
    pq.write_table(pa.table({"when": when}), tmp_path / "t.parquet")
    texts, [typed] = read_table(path), blocks_of(tmp_path / "t.parquet")
    found = [encoding.encode(table, "float64") for table in (texts, typed)]
    np.testing.assert_array_equal(*found)


def test_what_is_no_column_of_dates(tmp_path, reader):
    words = [
        "2024-05",
        "12:30",
        "20240531x",
        "2024-05-31 12",
        "1.2.24",
        "2024/05/31",
        "May 5 2024",
    ]
    for word in words:
        found, _ = learned(write(tmp_path, [word, "x"] * 20))
        assert isinstance(found.encoding.inputs[0], Words)
    path = write(tmp_path, MOMENTS.dt.strftime("%Y-%m-%d").tolist()[:10] * 6)
    [part] = learned(path, categorical=[0])[0].encoding.inputs
    assert isinstance(part, Words)
    assert len(part.categories) == 10


@pytest.mark.parametrize("texts", [["01/02/2024", "02/03/2024"], ["13/05/2024", "05/13/2024"]])
def test_an_order_that_is_not_sure(tmp_path, reader, texts):
    found, _ = learned(write(tmp_path, texts * 20))
    assert found.unsure == ("when",)
    assert found.encoding.inputs == (Words("when", tuple(texts)),)


@pytest.mark.parametrize(
    "odd", ["2023-02-29", "0000-01-01", "soon", "2024-05-31 25:00", "31.05.2024"]
)
def test_a_text_among_dates(tmp_path, reader, odd):
    texts = MOMENTS.dt.strftime("%Y-%m-%d").tolist()
    good = write(tmp_path, texts, "good.csv")
    encoding = learned(good)[0].encoding
    texts[5] = odd
    path = write(tmp_path, texts)
    with pytest.raises(
        TableError, match=f"line 7: when is '{odd}', which is not a date"
    ) as raised:
        learned(path)
    assert raised.value.remedy == "categorical"
    with pytest.raises(TableError, match=f"line 7: when is '{odd}', where a date is expected, as"):
        encoding.encode(read_table(path), "float32")


def test_notes_of_dates_come_back(tmp_path):
    found, labelled = learned(write(tmp_path, MOMENTS.dt.strftime("%d.%m.%Y %H:%M").tolist()))
    tabular = Tabular(found.encoding, labelled.target, (0.0, 1.0))
    notes = json.loads(json.dumps(tabular.to_notes(), allow_nan=False))
    assert Tabular.from_notes(notes, tmp_path) == tabular
    assert isinstance(tabular.encoding.inputs[0], Dates)
    [part] = notes["table"]["inputs"]
    for key, value in (
        ("dates", "year"),
        ("dates", None),
        ("start", "20240531"),
        ("start", "2024-13-01"),
        ("start", 5),
        ("medians", {}),
        ("medians", {"second": 1.0}),
        ("medians", {"year": float("nan")}),
        ("medians", ["year"]),
        ("medians", {"year": "2000"}),
    ):
        changed = {"table": {**notes["table"], "inputs": [{**part, key: value}]}}
        with pytest.raises(TableError, match="has damaged notes on its table"):
            Tabular.from_notes(changed, tmp_path)


def test_notes_of_the_first_version_are_read(tmp_path):
    found, labelled = learned(write(tmp_path, ["x", "z"] * 20))
    tabular = Tabular(found.encoding, labelled.target, (0.0, 1.0))
    notes = tabular.to_notes()
    notes["table"]["version"] = 1
    assert Tabular.from_notes(notes, tmp_path) == tabular


@pytest.mark.parametrize("key", ["columns", "labels", "missing", "stated", "inputs", "scale"])
def test_letters_are_no_list(tmp_path, key):
    found, labelled = learned(write(tmp_path, ["x", "z"] * 20))
    notes = Tabular(found.encoding, labelled.target, (0.0, 1.0)).to_notes()
    notes["table"][key] = "ab"
    with pytest.raises(TableError, match="has damaged notes on its table"):
        Tabular.from_notes(notes, tmp_path)
