"""Numbers as people write them, odd cells and infinity, from a file to predictions."""

import gzip

import numpy as np
import pandas as pd
import pytest
from cases.shop_tables import predicted, refused, run

import fusednn
from fusednn.tables.reading import csv_arrow, table_reader

NBSP, MINUS = "\u00a0", "\u2212"


@pytest.fixture(params=["pyarrow", "csv"])
def reader(request, monkeypatch):
    """Each of the two reads all text."""
    if request.param == "csv":
        monkeypatch.setattr(csv_arrow, "pyarrow_or_none", lambda: None)


def plain():
    """Two columns, a class and a quantity that follow from them."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(200, 2)).round(4), columns=["a", "b"])
    table = table[(table["a"] + table["b"]).abs() > 0.3]  # so that all can be told right
    table = table.reset_index(drop=True)
    table["c"] = np.where(table["a"] + table["b"] > 0, "yes", "no")
    table["q"] = (1500 * table["a"] - 2000 * table["b"]).round(2)
    return table


def learn(path, target, model, *options):
    drop = "q" if target == "c" else "c"
    arguments = "--target", target, "-o", model, "--epochs", 100, "--jobs", 1, "--drop", drop
    return run("fit", path, *arguments, "--validation", 0, "--layers", "32", *options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Models of the plain table and of the one with decimal commas."""
    folder = tmp_path_factory.mktemp("notations")
    table = plain()
    table.to_csv(folder / "plain.csv", index=False)
    table.to_csv(folder / "comma.csv", index=False, sep=";", decimal=",")
    table.to_csv(folder / "quoted.csv", index=False, decimal=",")
    zipped = gzip.compress((folder / "comma.csv").read_bytes())
    (folder / "comma.csv.gz").write_bytes(zipped)
    commas = [table[n].astype(str).str.replace(".", ",") for n in ("a", "b", "q")]
    pd.concat([*commas, table["c"]], axis=1).to_parquet(folder / "comma.parquet")
    for name in ("plain", "comma"):
        for target in "cq":
            assert learn(folder / f"{name}.csv", target, folder / f"{name}.{target}") == 0
    return folder


FORMS = "plain.csv", "comma.csv", "comma.csv.gz", "quoted.csv", "comma.parquet"


@pytest.mark.parametrize("target", ["c", "q"])
def test_decimal_commas_are_decimals(folder, capsys, target, reader):
    expected, _ = predicted(capsys, folder / f"plain.{target}", folder / "plain.csv")
    if target == "c":
        assert (expected["c"] == plain()["c"].to_numpy()).mean() == 1.0
    else:
        error = expected["q"].astype(float) - plain()["q"].to_numpy()
        assert error.std() < 0.1 * plain()["q"].std()
    for model in ("plain", "comma"):
        for form in FORMS:
            found, error = predicted(capsys, folder / f"{model}.{target}", folder / form)
            pd.testing.assert_frame_equal(found, expected, obj=f"{form} by {model}")
            assert error == ""


@pytest.mark.parametrize("target", ["c", "q"])
def test_a_fit_goes_on_in_any_notation(folder, tmp_path, target):
    files = []
    for form, other in (("plain.csv", "comma.csv"), ("comma.csv", "plain.csv")):
        more = "--validation-table", folder / other, "--epochs", 3, "--jobs", 1
        for model in ("plain", "comma"):
            old = folder / f"{model}.{target}"
            assert run("fit", folder / form, "--continue", old, "-o", tmp_path / "m", *more) == 0
            files.append(fusednn.load(tmp_path / "m"))
    X = plain()[["a", "b"]].to_numpy(np.float32)
    for model in files[1:]:
        np.testing.assert_array_equal(model.predict(X), files[0].predict(X))


def test_the_demo_reads_them(folder, capsys):
    out = []
    for form in ("plain.csv", "comma.csv"):
        arguments = "--data", folder / form, "--target", "c", "--epochs", 1, "--no-sklearn"
        assert run("demo", *arguments) == 0
        out.append(capsys.readouterr().out)
    assert "  read as numbers: 0,6404 in a is 0.6404; 0,1049 in b is 0.1049; 750,8 in q" in out[1]
    scores = [text.split("test accuracy ")[1].split(";")[0] for text in out]
    assert scores[0] == scores[1]


def test_a_table_without_header(folder, tmp_path, capsys):
    plain().to_csv(tmp_path / "t.csv", index=False, header=False, sep=";", decimal=",")
    options = "--target", 2, "-o", tmp_path / "m", "--epochs", 1, "--jobs", 1
    assert run("fit", tmp_path / "t.csv", *options) == 0
    out = capsys.readouterr().out
    assert "  read as numbers: 1,304 in 0 is 1.304; 0,9471 in 1 is 0.9471; " in out
    assert [part["name"] for part in fusednn.load(tmp_path / "m").notes["table"]["inputs"]] == [
        *("0", "1", "3")
    ]


def test_any_row_may_be_in_another_notation(folder, tmp_path, capsys, monkeypatch):
    """Blocks after the first are read as that is, or refused."""
    monkeypatch.setattr(table_reader, "BLOCK_ROWS", 5)
    expected, _ = predicted(capsys, folder / "plain.c", folder / "plain.csv")
    found, _ = predicted(capsys, folder / "plain.c", folder / "comma.csv")
    pd.testing.assert_frame_equal(found, expected)
    for first, then in (("1.5", "2,5"), ("1,5", "2.5"), ("1", "2,5")):
        rows = [f"{first};1"] * 30 + [f"{then};1"]
        (tmp_path / "new.csv").write_text("\n".join(["a;b", *rows]))
        assert run("predict", folder / "plain.c", tmp_path / "new.csv") == 2
        last = capsys.readouterr().err.splitlines()[-1]
        assert last == f"fusednn: line 32: a is '{then}', where a number is expected"


def test_a_stated_point_makes_commas_no_numbers(folder, tmp_path, capsys):
    options = "--decimal", ".", "--epochs", 1
    table = pd.DataFrame({"a": ["1,5", "2,5"] * 20, "b": np.arange(40.0), "c": ["u", "v"] * 20})
    table.assign(q=0.5).to_csv(tmp_path / "t.csv", index=False)
    arguments = "fit", tmp_path / "t.csv", "--target", "c", "-o", tmp_path / "m", *options
    assert "line 2: a is '1,5', where the decimal sign is ." in refused(capsys, *arguments)
    assert learn(tmp_path / "t.csv", "c", tmp_path / "m", *options, "--categorical", "a") == 0
    parts = fusednn.load(tmp_path / "m").notes["table"]["inputs"]
    assert parts[0]["categories"] == ["1,5", "2,5"]


def money(rows=60):
    """Texts of numbers, and the numbers."""
    i = np.arange(rows)
    texts = {
        "price": [f"${1000 + k:,}.50" for k in i],
        "share": [f"{k % 90} %" for k in i],
        "less": [f"{MINUS}{k}" for k in i],
        "books": [f"({k + 1})" for k in i],
        "space": [f"{k + 1}{NBSP}{k:03d}" for k in i],
        "swiss": [f"{k + 1}'{k:03d}" for k in i],
        "y": [f"€ {k * 7 % 11},{k % 100:03d}.5".replace(" 0,", " ") for k in i],
    }
    numbers = {
        "price": i + 1000.5, "share": i % 90, "less": -i, "books": -(i + 1),
        "space": (i + 1) * 1000 + i, "swiss": (i + 1) * 1000 + i,
        "y": (i * 7 % 11) * 1000 + i % 100 + 0.5,
    }  # fmt: skip
    return pd.DataFrame(texts), pd.DataFrame(numbers)


def test_signs_and_marks_are_numbers(tmp_path, capsys, reader):
    found = []
    for name, table in zip(("texts", "numbers"), money(), strict=True):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
        options = "--target", "y", "-o", tmp_path / name, "--epochs", 2, "--jobs", 1
        assert run("fit", tmp_path / f"{name}.csv", *options, "--validation", 0) == 0
        found.append(predicted(capsys, tmp_path / name, tmp_path / f"{name}.csv")[0])
    pd.testing.assert_frame_equal(*found)
    error = refused(capsys, "predict", tmp_path / "texts", tmp_path / "numbers.csv")
    assert "line 2: share is '0', where % is expected" in error
    error = refused(capsys, "predict", tmp_path / "numbers", tmp_path / "texts.csv")
    assert "line 2: price is '$1,000.50', where no unit is expected" in error


def test_one_unit_for_a_column(tmp_path, capsys):
    path, arguments = tmp_path / "t.csv", ("--target", "y", "-o", tmp_path / "m")
    for name, cell in (("price", "€5"), ("share", "5"), ("share", "$5"), ("y", "$5")):
        table = money()[0]
        table.loc[7, name] = cell
        table.to_csv(path, index=False)
        error = refused(capsys, "fit", path, *arguments)
        unit = {"price": "$", "share": "%", "y": "€"}[name]
        assert f"line 9: {name} is '{cell}', where {unit} is expected" in error
    table = money()[0]
    table.loc[7, "price"] = "1,007.50"  # a currency may be left out
    table.to_csv(path, index=False)
    assert run("fit", path, *arguments, "--epochs", 1, "--jobs", 1) == 0


def test_doubtful_commas_are_the_users_to_decide(tmp_path, capsys):
    path, model = tmp_path / "t.csv", tmp_path / "m"
    path.write_text("a;y\n" + "".join(f"{1 + i % 9},{100 + i};{i % 2}\n" for i in range(40)))
    arguments = "fit", path, "--target", "y", "-o", model, "--epochs", 1, "--jobs", 1
    error = refused(capsys, *arguments)
    assert "line 2: a is '1,100', and no number shows" in error
    assert "--decimal . or --decimal ," in error
    for decimal, factor in ((",", 1), (".", 1000)):
        assert run(*arguments, "--decimal", decimal, "--validation", 0) == 0
        values = [(1 + i % 9 + (100 + i) / 1000) * factor for i in range(40)]
        [part] = fusednn.load(model).notes["table"]["inputs"]
        assert part["fill"] == pytest.approx(np.median(values), rel=1e-12)
        assert run("predict", model, path) == 0
    path.write_text("a;y\n" + "1.5;1\n0,5;0\n" * 20)
    error = refused(capsys, *arguments)
    assert "line 2: a is '1.5', with a decimal point, and line 3: a is '0,5', with" in error


def test_another_notation_is_never_read_wrong(folder, tmp_path, capsys):
    """1,234 is refused by a model of plain numbers, and 1.234 by one of decimal commas."""
    path = tmp_path / "new.csv"
    for model, text in (("plain", "1,234"), ("comma", "1.234")):
        path.write_text(f"a;b\n1;2\n{text};3\n")
        error = refused(capsys, "predict", folder / f"{model}.c", path)
        assert f"line 3: a is '{text}', and no number shows" in error
        assert run("predict", folder / f"{model}.c", path, "--decimal", ",") == 0


# -- odd cells ---------------------------------------------------------------------------


def test_a_label_is_a_whole_number_beside_rows_without(tmp_path, capsys):
    labels = [*"01" * 20, "?", "#N/A"]
    pd.DataFrame({"x": np.arange(42.0), "y": labels}).to_csv(tmp_path / "t.csv", index=False)
    options = "--target", "y", "-o", tmp_path / "m", "--epochs", 1, "--jobs", 1
    assert run("fit", tmp_path / "t.csv", *options) == 0
    assert "left out 2 rows with no target" in capsys.readouterr().out
    assert fusednn.load(tmp_path / "m").classes_.tolist() == [0, 1]


@pytest.mark.parametrize("cell", ["#N/A", "<NA>", "NaT", r"\N", "#DIV/0!", "#REF!", "-nan"])
def test_markers_are_missing_values(tmp_path, capsys, cell, reader):
    table = plain().astype({"a": object, "q": object})
    table.iloc[5, 0] = table.iloc[9, 3] = cell
    table.to_csv(tmp_path / "t.csv", index=False)
    assert learn(tmp_path / "t.csv", "q", tmp_path / "m", "--epochs", 1) == 0
    out = capsys.readouterr().out
    assert "left out 1 row with no target" in out
    assert "1 missing values" in out
    found, _ = predicted(capsys, tmp_path / "m", tmp_path / "t.csv")
    assert len(found) == len(table)


@pytest.mark.parametrize("cell", ["-", "about 3", "1,5", "x"])
def test_an_odd_cell_is_refused_with_its_line(folder, tmp_path, capsys, cell, reader):
    path, model = tmp_path / "t.csv", tmp_path / "m"
    for name in ("a", "q"):
        table = plain().astype({name: object})
        table.iloc[5, table.columns.get_loc(name)] = cell
        table.to_csv(path, index=False)
        if cell != "1,5":
            told = f"line 7: {name} is '{cell}'"
            error = refused(capsys, "fit", path, "--target", "q", "-o", model)
            assert f"{told} among numbers: if it means a missing value" in error
            assert "--missing VALUE" in error
            assert told in refused(capsys, "demo", "--data", path, "--target", "q")
            more = "-o", model, "--continue", folder / "plain.q"
            assert told in refused(capsys, "fit", path, *more)
            more = "-o", model, "--target", "q", "--validation-table", path, "--drop", "c"
            assert told in refused(capsys, "fit", folder / "plain.csv", *more)
            assert learn(path, "q", model, "--epochs", 1, "--missing", cell) == 0
        else:
            error = refused(capsys, "fit", path, "--target", "q", "-o", model)
            assert f"line 7: {name} is '1,5', with a decimal comma" in error
    assert not (tmp_path / "m.tmp").exists()


def test_missing_values_are_kept_in_the_model(tmp_path, capsys):
    table = plain().astype({"a": object, "q": object, "c": object})
    table.iloc[[3, 8], 0] = ["-999", "unknown"]
    table.iloc[4, 3], table.iloc[6, 2] = "-999.0", "Unknown"
    table.to_csv(tmp_path / "t.csv", index=False)
    stated = "--missing", "-999", "unknown", "--epochs", 1
    for target in "qc":
        assert learn(tmp_path / "t.csv", target, tmp_path / target, *stated) == 0
        assert "left out 1 row with no target" in capsys.readouterr().out
        median = pd.read_csv(tmp_path / "t.csv", na_values=["-999", "unknown"])
        known = median.dropna(subset=[target] if target == "q" else None)
        if target == "c":
            known = median[median["c"] != "Unknown"]
        part = fusednn.load(tmp_path / target).notes["table"]["inputs"][0]
        assert part["fill"] == known["a"].median()
        found, _ = predicted(capsys, tmp_path / target, tmp_path / "t.csv")
        other = table.astype(str).replace({"-999": "", "unknown": "", "-999.0": ""})
        other.to_csv(tmp_path / "blank.csv", index=False)
        blank, _ = predicted(capsys, tmp_path / target, tmp_path / "blank.csv")
        pd.testing.assert_frame_equal(found, blank)
        more = "-o", tmp_path / "m", "--continue", tmp_path / target
        assert run("fit", tmp_path / "t.csv", *more, "--epochs", 1, "--jobs", 1) == 0
        assert "--missing cannot be given with --continue" in refused(
            capsys, "fit", tmp_path / "t.csv", *more, "--missing", "x"
        )


@pytest.mark.parametrize("stated", ["-999", "-999.00", "\u2212999,0"])
def test_missing_numbers_beside_decimal_commas(tmp_path, capsys, stated):
    values = ["-999,00" if i % 4 == 0 else f"{i},5" for i in range(40)]
    lines = (f"{value};{i / 3:.3f}".replace(".", ",") for i, value in enumerate(values))
    (tmp_path / "t.csv").write_text("\n".join(["x;y", *lines]))
    options = "--target", "y", "--missing", stated, "--validation", 0, "--epochs", 1, "--jobs", 1
    assert run("fit", tmp_path / "t.csv", *options, "-o", tmp_path / "m.st") == 0
    out = capsys.readouterr().out
    assert "read as numbers: 1,5 in x is 1.5" in out
    assert "10 missing values" in out
    [part] = fusednn.load(tmp_path / "m.st").notes["table"]["inputs"]
    assert part["fill"] == np.median([i + 0.5 for i in range(40) if i % 4])


def test_words_of_rows_without_a_target_do_not_count(tmp_path, capsys, reader):
    """Such as those in a last row of sums."""
    path = tmp_path / "t.csv"
    plain().to_csv(path, index=False)
    options = "--epochs", 1, "--seed", 3
    assert learn(path, "q", tmp_path / "m", *options) == 0
    path.write_text(path.read_text() + "Total,,,\n")
    assert learn(path, "q", tmp_path / "other", *options) == 0
    assert "left out 1 row with no target" in capsys.readouterr().out
    one, other = (fusednn.load(tmp_path / name) for name in ("m", "other"))
    assert one.notes == other.notes
    X = plain()[["a", "b"]].to_numpy(np.float32)
    np.testing.assert_array_equal(one.predict(X), other.predict(X))


def test_a_rare_label_among_numbers(tmp_path, capsys):
    path, model = tmp_path / "t.csv", tmp_path / "m"
    labels = [*"01" * 30, "x"]
    pd.DataFrame({"x": np.arange(61.0), "y": labels}).to_csv(path, index=False)
    arguments = "fit", path, "--target", "y", "-o", model, "--epochs", 1, "--jobs", 1
    error = refused(capsys, *arguments)
    assert "line 62: y is 'x' among numbers" in error
    assert "--task classification" in error
    assert run(*arguments, "--task", "classification") == 0
    assert fusednn.load(model).classes_.tolist() == ["0", "1", "x"]
    assert "line 62: y is 'x'" in refused(capsys, *arguments, "--task", "regression")


def test_models_of_before_keep_their_markers(folder, tmp_path, capsys):
    predictor = fusednn.load(folder / "plain.c")
    notes = {**predictor.notes["table"]}
    for key in ("decimal", "grouped", "missing", "stated", "unit"):
        del notes[key]
    notes["inputs"] = [{"name": p["name"], "fill": p["fill"]} for p in notes["inputs"]]
    predictor.save(tmp_path / "old", notes={"table": notes})
    found, _ = predicted(capsys, tmp_path / "old", folder / "plain.csv")
    expected, _ = predicted(capsys, folder / "plain.c", folder / "plain.csv")
    pd.testing.assert_frame_equal(found, expected)
    (tmp_path / "new.csv").write_text("a,b\n1,NA\n2,#N/A\n")
    assert run("predict", folder / "plain.c", tmp_path / "new.csv") == 0
    error = refused(capsys, "predict", tmp_path / "old", tmp_path / "new.csv")
    assert "line 3: b is '#N/A', where a number is expected" in error


@pytest.mark.parametrize(
    ("key", "value"), [("decimal", ";"), ("missing", [1]), ("stated", 5), ("unit", 1)]
)
def test_notes_that_someone_changed(folder, tmp_path, capsys, key, value):
    predictor = fusednn.load(folder / "plain.c")
    predictor.save(tmp_path / "m", notes={"table": {**predictor.notes["table"], key: value}})
    assert "damaged notes" in refused(capsys, "predict", tmp_path / "m", folder / "plain.csv")


# -- infinity ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "cell"),
    [
        *(("csv", cell) for cell in ("inf", "-Infinity", "1e400", "1e39")),
        *(("parquet", cell) for cell in ("-inf", "1e39")),
        ("csv.gz", "-1e400"),
    ],
)
def test_infinity_is_refused_everywhere(folder, tmp_path, capsys, form, cell):
    path, model = tmp_path / f"t.{form}", tmp_path / "m"
    for name in ("a", "q"):
        table = plain().astype({name: object if form != "parquet" else float})
        value = float(cell) if form == "parquet" else cell
        table.iloc[5, table.columns.get_loc(name)] = value
        table.to_parquet(path) if form == "parquet" else table.to_csv(path, index=False)
        where = "row 6" if form == "parquet" else "line 7"
        text = value if form == "parquet" else cell
        what = f"is {text}, which is infinite: if it means a missing value"
        if cell == "1e39":
            what = "is 1e+39, too large for float32: run `fusednn fit` with --dtype float64"
        told = f"{where}: {name} {what}"
        plain_network = ("--preset", "plain") * (cell == "1e39")  # others scale in float64
        fit = "-o", model, "--target", "q", *plain_network
        assert told in refused(capsys, "fit", path, *fit)
        assert told in refused(capsys, "fit", path, "-o", model, "--continue", folder / "plain.q")
        other = "--validation-table", path, "--drop", "c"
        assert told in refused(capsys, "fit", folder / "plain.csv", *fit, *other)
        assert told in refused(capsys, "demo", "--data", path, "--target", "q")
        if name == "a":
            assert told in refused(capsys, "predict", folder / "plain.q", path)
            assert told in refused(capsys, "predict", folder / "plain.c", path)
        if cell != "1e39":
            assert learn(path, "q", model, "--epochs", 1, "--missing", "inf") == 0
            assert run("predict", model, path) == 0
        elif name == "a":
            assert learn(path, "q", model, "--epochs", 1, "--dtype", "float64") == 0
