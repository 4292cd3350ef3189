"""`fusednn predict` on tables of other forms, larger ones, and ones without what is needed."""

import gzip
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cases.shop_tables import ROWS, fit, fit_both, inputs, predicted, run, shop
from test_command import COMMAND, SECONDS, posix

import fusednn
from fusednn import MLPRegressor
from fusednn.tables.reading import table_reader


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Models of a price and of a sale, and the tables that they were trained on."""
    return fit_both(tmp_path_factory.mktemp("models"))


def forms_of(table, folder):
    """The same rows in files that differ."""
    table.to_csv(folder / "index.csv")
    table.iloc[:, ::-1].to_csv(folder / "reordered.tsv", index=False, sep="\t")
    table.assign(more=7, words=[f"w{i}" for i in range(len(table))]).to_csv(
        folder / "more.csv", index=False, sep=";", quoting=1
    )
    text = table.drop(columns=["sold", "price"]).to_csv(index=False, na_rep=" NA ")
    (folder / "zipped.csv.gz").write_bytes(gzip.compress(("\ufeff" + text).encode()))
    (folder / "blank.csv").write_text(text.replace("\n", "\r\n\r\n").replace(",", ", "))
    table.to_parquet(folder / "plain.parquet")
    table.set_index("weight").astype({"colour": "category"}).to_parquet(folder / "other.pq")
    return sorted(path for path in folder.iterdir() if path.is_file())


def test_other_forms_of_a_table_give_the_same(folder, tmp_path, capsys):
    (tmp_path / "forms").mkdir()
    new = shop(50, seed=2)
    new.to_csv(tmp_path / "new.csv", index=False)
    expected, _ = predicted(capsys, folder / "sold.st", tmp_path / "new.csv", "--proba")
    forms = forms_of(new, tmp_path / "forms")
    assert len(forms) == 7
    for path in forms:
        found, error = predicted(capsys, folder / "sold.st", path, "--proba")
        pd.testing.assert_frame_equal(found, expected, obj=path.name)
        assert error == ""


def test_fit_on_parquet_is_fit_on_csv(folder, tmp_path):
    table = shop(ROWS)
    table["count"] = pd.array([None if i % 7 == 0 else i % 5 for i in range(ROWS)], "Int64")
    table.to_csv(tmp_path / "t.csv", index=False)
    table.to_parquet(tmp_path / "t.parquet")
    for name in ("t.csv", "t.parquet"):
        options = "--target", "sold", "--epochs", 3, "--jobs", 1, "-o", tmp_path / f"{name}.st"
        assert run("fit", tmp_path / name, *options) == 0
    one, other = (fusednn.load(tmp_path / f"{name}.st") for name in ("t.csv", "t.parquet"))
    assert one.notes == other.notes
    X = np.random.RandomState(0).normal(size=(20, one.n_features_in_)).astype(np.float32)
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))


def test_parquet_out(folder, tmp_path):
    new = folder / "sold.csv"
    for name in ("out.csv", "out.parquet"):
        assert run("predict", folder / "sold.st", new, "--proba", "-o", tmp_path / name) == 0
    found = pd.read_parquet(tmp_path / "out.parquet")
    expected = pd.read_csv(tmp_path / "out.csv")
    assert found.iloc[:, 1].dtype == np.float32
    pd.testing.assert_frame_equal(
        found.astype({"sold": str}),
        expected.astype({name: np.float32 for name in expected.columns[1:]} | {"sold": str}),
    )


def test_values_that_training_did_not_see(folder, tmp_path, capsys):
    table = shop(20, seed=3)
    table["colour"] = ["violet"] * 3 + ["red"] * 17
    table["size"] = ["#N/A", "nan", "?"] + ["12.5"] * 17
    table.to_csv(tmp_path / "new.csv", index=False)
    found, error = predicted(capsys, folder / "price.st", tmp_path / "new.csv")
    assert error == (
        "fusednn: warning: colour: 3 rows have a value that is none of the model's categories\n"
    )
    table["size"] = [np.nan] * 3 + [12.5] * 17
    X = inputs(table, shop(ROWS))
    assert not X[:3, 1:5].any()
    np.testing.assert_allclose(
        found["price"].astype(float),
        MLPRegressor.load(folder / "price.st").predict(X),
        rtol=1e-5,
    )


def test_blocks_are_as_one(folder, tmp_path, capsys, monkeypatch):
    new = shop(200, seed=4)
    new.to_csv(tmp_path / "new.csv")
    new.to_parquet(tmp_path / "new.parquet")
    arguments = "--proba", "--id", "size", "0"
    whole, _ = predicted(capsys, folder / "sold.st", tmp_path / "new.csv", *arguments)
    monkeypatch.setattr(table_reader, "BLOCK_ROWS", 7)
    for name in ("new.csv", "new.parquet"):
        ids = arguments if name == "new.csv" else arguments[:3]
        parts, error = predicted(capsys, folder / "sold.st", tmp_path / name, *ids)
        pd.testing.assert_frame_equal(parts, whole[parts.columns])
        assert re.search(r"^predicting \[#{30}\] 100/100  200 rows", error, re.MULTILINE)
    assert list(whole)[:3] == ["size", "Unnamed: 0", "sold"]
    np.testing.assert_array_equal(whole["Unnamed: 0"], [str(i) for i in range(200)])
    out = tmp_path / "out.parquet"
    assert run("predict", folder / "sold.st", tmp_path / "new.csv", *arguments, "-o", out) == 0
    assert pd.read_parquet(out)["sold"].tolist() == whole["sold"].tolist()


def test_tables_without_header(tmp_path, capsys):
    random = np.random.RandomState(0)
    X = random.normal(size=(100, 3))
    table = np.column_stack([X[:, 0], X.sum(axis=1), X[:, 1:]])
    np.savetxt(tmp_path / "t.txt", table)
    np.savetxt(tmp_path / "x.csv", X, delimiter=";")
    options = "--target", 1, "--epochs", 20, "--jobs", 1
    assert run("fit", tmp_path / "t.txt", "-o", tmp_path / "m.st", *options) == 0
    whole, _ = predicted(capsys, tmp_path / "m.st", tmp_path / "t.txt")
    found, _ = predicted(capsys, tmp_path / "m.st", tmp_path / "x.csv")
    pd.testing.assert_frame_equal(found, whole)
    assert list(found) == ["prediction"]
    assert np.corrcoef(found["prediction"].astype(float), table[:, 1])[0, 1] > 0.5


def test_header_option(tmp_path, capsys):
    text = "a,b\n" + "".join(f"{'pq'[i % 2]},{'xy'[i % 2]}\n" for i in range(40))
    (tmp_path / "t.csv").write_text(text)
    options = "--target", "1", "-o", tmp_path / "m.st", "--epochs", 1
    assert run("fit", tmp_path / "t.csv", *options, "--header", "no") == 0
    assert "label" in capsys.readouterr().out
    assert fusednn.load(tmp_path / "m.st").classes_.tolist() == ["b", "x", "y"]


def test_the_first_row_of_words_is_a_row(tmp_path, capsys):
    """Where the model's table had no header there is none, whatever the first row looks like."""
    rows = [f"{'pq'[i % 2]},{'vw'[i // 2 % 2]},{'xy'[i % 2]}" for i in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "new.csv").write_text("q,v,x\n" + "p,w,y\n" * 19)
    options = "--target", 2, "--header", "no", "--epochs", 1, "--jobs", 1
    new, model = tmp_path / "new.csv", tmp_path / "m.st"
    more = "--validation-table", new
    assert run("fit", tmp_path / "t.csv", "-o", model, *options, *more) == 0
    assert "40 rows to train on, 20 held out" in capsys.readouterr().out
    found, error = predicted(capsys, model, new)
    assert (len(found), error) == (20, "")
    assert run("fit", new, "--continue", model, "-o", model, "--epochs", 1, *more) == 0
    assert "20 rows to train on, 20 held out" in capsys.readouterr().out


def test_columns_of_one_name_and_the_target_as_an_id(tmp_path, capsys):
    random = np.random.RandomState(0)
    X = random.normal(size=(60, 3)).round(3)
    rows = "".join(f"{a};{b};{b > 0};{c}\n" for a, b, c in X)
    (tmp_path / "t.csv").write_text("a, b;a, b;y;\n" + rows)
    options = "--target", "y", "--epochs", 30, "--jobs", 1, "-o", tmp_path / "m.st"
    assert run("fit", tmp_path / "t.csv", *options) == 0
    notes = fusednn.load(tmp_path / "m.st").notes["table"]
    assert [part["name"] for part in notes["inputs"]] == ["a, b", "a, b.1", "Unnamed: 3"]
    found, _ = predicted(capsys, tmp_path / "m.st", tmp_path / "t.csv", "--id", "y", "a, b.1")
    assert list(found) == ["y", "a, b.1", "prediction"]
    np.testing.assert_array_equal(found["y"], [str(b > 0) for b in X[:, 1]])
    np.testing.assert_array_equal(found["a, b.1"].astype(float), X[:, 1])
    assert (found["prediction"] == found["y"]).mean() > 0.9


def test_one_input_column_and_no_rows(tmp_path, capsys):
    table = pd.DataFrame({"city": ["new york", "rome"] * 20, "y": [1.5, 2.5] * 20})
    fit(table, "y", tmp_path / "m.st", "--epochs", 2)
    (tmp_path / "new.csv").write_text("city\nrome\nnew york\n")
    found, error = predicted(capsys, tmp_path / "m.st", tmp_path / "new.csv")
    assert (len(found), error) == (2, "")
    assert found["y"][0] != found["y"][1]
    (tmp_path / "none.csv").write_text("city\n")
    found, _ = predicted(capsys, tmp_path / "m.st", tmp_path / "none.csv")
    assert (list(found), len(found)) == (["y"], 0)


@posix
@pytest.mark.long
def test_predict_with_its_reader_gone(folder, tmp_path):
    shop(30_000).to_csv(tmp_path / "big.csv")
    command = [*COMMAND, "predict", str(folder / "sold.st"), str(tmp_path / "big.csv")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"sold\n"
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait(SECONDS) == 141
    assert b"Traceback" not in errors


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_told_in_one_line(folder):
    arguments = "predict", str(folder / "sold.st"), str(folder / "sold.csv")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, timeout=SECONDS
        )
    assert (done.returncode, done.stderr) == (
        2,
        b"fusednn: standard output cannot be written: No space left on device\n",
    )


def test_standard_output_is_utf_8(tmp_path):
    table = pd.DataFrame({"größe": np.arange(40.0), "y": ["müde", "猫"] * 20})
    model, path = tmp_path / "m.st", fit(table, "y", tmp_path / "m.st", "--epochs", 1)
    assert run("predict", model, path, "--id", "größe", "-o", tmp_path / "out.csv") == 0
    done = subprocess.run(
        [*COMMAND, "predict", str(model), str(path), "--id", "größe"],
        env={**os.environ, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"},
        capture_output=True,
        timeout=SECONDS,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == (tmp_path / "out.csv").read_bytes()
    assert "größe,y" in done.stdout.decode()


@posix
@pytest.mark.long
def test_a_pipe_is_a_table(folder):
    done = subprocess.run(
        [*COMMAND, "predict", str(folder / "sold.st"), "/dev/stdin"],
        input=(folder / "sold.csv").read_bytes(),
        capture_output=True,
        timeout=SECONDS,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b"\n") == ROWS + 1
