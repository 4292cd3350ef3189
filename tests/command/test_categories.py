"""`fusednn fit` on identifiers and dates, and `predict` on them, against pandas."""

import numpy as np
import pandas as pd
import pytest
from cases.shop_tables import predicted, refused, run

import fusednn
from fusednn.tables.reading import table_reader

ROWS = 120


def orders(rows=ROWS, seed=0):
    """Codes with zeros before them, prices, times, and what follows from all of them."""
    rng = np.random.default_rng(seed)
    zips = rng.choice(["01067", "1067", "10115", "80331"], rows)
    price = rng.choice(["1.5", "2.50", "3.25", "4"], rows)
    when = pd.Timestamp("2024-02-27 08:00") + pd.to_timedelta(rng.integers(0, 9000, rows), "min")
    y = (zips == "01067") * 2.0 + when.day_of_week + price.astype(float)
    return pd.DataFrame({"zip": zips, "price": price, "when": when.astype(str), "y": y})


def numbers(table, training):
    """The inputs of dates, by pandas."""
    when, first = pd.to_datetime(table["when"]), pd.to_datetime(training["when"]).min().normalize()
    hour = (when - when.dt.normalize()) / pd.Timedelta("1h")
    days = (when - first) / pd.Timedelta("1D")
    parts = [when.dt.month, when.dt.day, when.dt.day_of_week, hour, days]
    return np.column_stack(parts)


def flags(column, training):
    known = training.value_counts().index  # ties in the order of the table
    return np.column_stack([column == word for word in known])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model of orders, whose ZIP codes are categories."""
    folder = tmp_path_factory.mktemp("orders")
    orders().to_csv(folder / "t.csv", index=False)
    options = "--target", "y", "--categorical", "zip", "--validation", 0, "--epochs", 5
    more = "--jobs", 1, "-o", folder / "m.st"
    assert run("fit", folder / "t.csv", *options, *more) == 0
    return folder


def by_network(folder, table):
    training = orders()
    codes = flags(table["zip"], training["zip"])
    price = table["price"].astype(float).to_numpy()[:, None]
    X = np.hstack([codes, price, numbers(table, training)]).astype(np.float32)
    return fusednn.load(folder / "m.st").predict(X)


def test_codes_and_dates_are_what_pandas_makes_of_them(folder, tmp_path, capsys, monkeypatch):
    new = orders(60, seed=1)
    new.to_csv(tmp_path / "new.csv", index=False)
    new.assign(when=pd.to_datetime(new["when"])).to_parquet(tmp_path / "new.parquet")
    expected = by_network(folder, new)
    for most in (20_000, 7):
        monkeypatch.setattr(table_reader, "BLOCK_ROWS", most)
        for name in ("new.csv", "new.parquet"):  # whose prices are texts that must be numbers
            found, error = predicted(capsys, folder / "m.st", tmp_path / name)
            np.testing.assert_allclose(found["y"].astype(float), expected, rtol=1e-5)
            assert "warning" not in error


def test_training_goes_on_with_codes_and_dates(folder, tmp_path, capsys):
    new = orders(60, seed=2)
    new.loc[:3, "zip"] = "67"
    new.to_csv(tmp_path / "new.csv", index=False)
    options = "--continue", folder / "m.st", "-o", tmp_path / "n.st", "--epochs", 1
    capsys.readouterr()
    held_out = "--validation-table", folder / "t.csv"
    assert run("fit", tmp_path / "new.csv", *options, *held_out) == 0
    warnings = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    [line] = warnings
    assert line.endswith("zip: 4 rows have a value that is none of the model's categories")
    one, other = fusednn.load(folder / "m.st"), fusednn.load(tmp_path / "n.st")
    assert one.notes == other.notes
    assert "--categorical cannot be given with --continue" in refused(
        capsys, "fit", tmp_path / "new.csv", *options, "--categorical", "zip"
    )
    new.loc[5, "when"] = "2024-02-28T08:00Z"
    new.to_csv(tmp_path / "new.csv", index=False)
    for arguments in (("fit", tmp_path / "new.csv", *options), ("predict", folder / "m.st")):
        path = () if arguments[0] == "fit" else (tmp_path / "new.csv",)
        line = refused(capsys, *arguments, *path)
        assert "line 7: when is '2024-02-28T08:00Z', where a date is expected" in line


def test_export_says_what_a_date_becomes(folder, tmp_path, capsys):
    assert run("export", folder / "m.st", "--to", "c", "-o", tmp_path / "m.c") == 0
    out = capsys.readouterr().out
    medians = np.median(numbers(orders(), orders()), axis=0)
    what = "month", "day", "weekday from 0, Monday", "hour", "days since 2024-02-27"
    for number, (name, median) in enumerate(zip(what, medians, strict=True), 5):
        assert f'{number:>6}  "when: {name}"  (missing values: {float(median)!r})' in out


def test_fit_tells_of_dates_and_digits(tmp_path, capsys):
    table = orders()
    table["size"] = [f"{i}.5" for i in range(ROWS)]
    table["day"] = ["01/02/2024", "02/03/2024"] * (ROWS // 2)
    table.to_parquet(tmp_path / "t.parquet")
    options = "--target", "y", "--epochs", 1, "--jobs", 1, "-o", tmp_path / "m.st"
    assert run("fit", tmp_path / "t.parquet", *options) == 0
    out = capsys.readouterr().out
    for line in (
        *(
            f"  {name} has numbers that its file says are texts, so categories: store them as"
            " numbers if they are quantities"
            for name in ("zip", "price", "size")
        ),
        "  day is taken as words, for which number is the month is not sure: write dates as"
        " 2024-05-31",
        "  a column of dates became 5 inputs of numbers",
        "  3 columns of words became 10 one-hot inputs",
        "  left out size (empty, or nearly all different words)",
    ):
        assert line in out.splitlines()
    parts = fusednn.load(tmp_path / "m.st").notes["table"]["inputs"]
    categories = {part["name"]: set(part["categories"]) for part in parts if "categories" in part}
    assert categories == {name: set(table[name]) for name in ("zip", "price", "day")}


def test_numbers_of_parquet_as_categories(tmp_path, capsys):
    table = pd.DataFrame({"zip": [1067, 10115, None] * 20, "x": np.arange(60.0)})
    table["y"] = table["zip"].fillna(0) / 7
    table.to_parquet(tmp_path / "t.parquet")
    options = "--target", "y", "--categorical", "0", "--epochs", 1, "-o", tmp_path / "m.st"
    assert run("fit", tmp_path / "t.parquet", *options) == 0
    [part, _] = fusednn.load(tmp_path / "m.st").notes["table"]["inputs"]
    assert set(part["categories"]) == {"1067", "10115", None}
    for name in ("zip", "y"):
        line = refused(
            capsys, "fit", tmp_path / "t.parquet", "--target", name, "-o", tmp_path / "m.st",
            "--categorical", name,
        )  # fmt: skip
        assert "--categorical names the target: give --task classification instead" in line


def test_a_target_of_digits_that_are_texts(tmp_path, capsys):
    table = pd.DataFrame({"x": np.arange(60.0), "y": [f"{i}.5" for i in range(60)]})
    table.to_parquet(tmp_path / "t.parquet")
    options = "--target", "y", "--epochs", 1, "-o", tmp_path / "m.st"
    line = refused(capsys, "fit", tmp_path / "t.parquet", *options)
    assert "60 different numbers, stored as texts: too many for classes: give --task" in line
    assert run("fit", tmp_path / "t.parquet", *options, "--task", "regression") == 0
    assert "regression of y" in capsys.readouterr().out
    table.loc[[3, 5], "y"] = ["NA", "null"]
    table.to_parquet(tmp_path / "t.parquet")
    for given in (
        (*options, "--task", "regression"),
        (*options[2:], "--continue", tmp_path / "m.st"),
    ):
        assert run("fit", tmp_path / "t.parquet", *given) == 0
        assert "left out 2 rows with no target" in capsys.readouterr().out
    table["y"] = [str(i % 3) for i in range(60)]
    table.to_parquet(tmp_path / "t.parquet")
    assert run("fit", tmp_path / "t.parquet", *options) == 0
    assert fusednn.load(tmp_path / "m.st").classes_.tolist() == ["0", "1", "2"]


def test_the_demo_learns_from_dates(folder, capsys):
    data = "--data", folder / "t.csv", "--target", "y", "--epochs", 1, "--no-sklearn"
    assert run("demo", *data) == 0
    assert "a column of dates became 5 inputs of numbers" in capsys.readouterr().out


def test_categories_say_nothing_of_decimal_signs(tmp_path):
    """1,234 may be two numbers, but words are none."""
    table = pd.DataFrame({"size": ["1,234", "5,678"] * 30, "x": np.arange(60.0) + 0.5})
    table["y"] = np.arange(60) / 7
    table.to_csv(tmp_path / "t.csv", index=False)
    table.to_parquet(tmp_path / "t.parquet")
    options = "--target", "y", "--epochs", 1, "-o", tmp_path / "m.st"
    assert run("fit", tmp_path / "t.csv", *options, "--categorical", "size") == 0
    one = fusednn.load(tmp_path / "m.st").notes
    assert run("fit", tmp_path / "t.parquet", *options) == 0
    assert fusednn.load(tmp_path / "m.st").notes == one
    assert one["table"]["inputs"][0]["categories"] == ["1,234", "5,678"]


def test_odd_cells_of_a_categorical_column(tmp_path, capsys):
    table = pd.DataFrame({"zip": [f"{i % 8}" for i in range(59)] + ["A1"], "x": np.arange(60.0)})
    table["when"] = [f"2024-05-{i % 30 + 1:02}" for i in range(58)] + ["NaT", "NaT"]
    table["y"] = np.arange(60) / 7
    table.to_csv(tmp_path / "t.csv", index=False)
    options = "fit", tmp_path / "t.csv", "--target", "y", "--epochs", 1, "-o", tmp_path / "m.st"
    assert "line 61: zip is 'A1'" in refused(capsys, *options)
    assert run(*options, "--categorical", "zip") == 0
    out = capsys.readouterr().out
    assert "2 missing values" in out
    assert "a column of dates became 3 inputs of numbers" in out
