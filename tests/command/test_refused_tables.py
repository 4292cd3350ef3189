"""What `fusednn fit`, `predict` and `export` refuse: in one line, and without a trace."""

import gzip
import sys
import zipfile
from typing import get_args

import pandas as pd
import pytest
from cases.shop_tables import fit_both, refused, run, shop

import fusednn
from fusednn import MLPRegressor
from fusednn.command.terminal.errors import REMEDIES, in_words
from fusednn.tables.errors import Remedy, TableError
from fusednn.tables.reading import table_reader

LONG = "a" * 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Models of a price and of a sale, and the tables that they were trained on."""
    return fit_both(tmp_path_factory.mktemp("models"))


@pytest.fixture
def files(folder, tmp_path, monkeypatch):
    """A working directory of files that something is wrong with."""
    monkeypatch.chdir(tmp_path)
    table = shop(40)
    table.to_csv("good.csv", index=False)
    table.drop(columns="size").to_csv("lacking.csv", index=False)
    table.assign(size=["12 kg" if i == 5 else 1 for i in range(40)]).to_csv("word.csv")
    table.assign(size=[1e39 if i == 5 else 1 for i in range(40)]).to_csv("huge.csv")
    table.assign(sold=["new" if i == 5 else "no" for i in range(40)]).to_csv("label.csv")
    table.assign(price=[1.7e308, -1.7e308] * 20).to_csv("far.csv", index=False)
    table.assign(price=[1e30, -1e30] * 20).to_csv("wide.csv", index=False)
    table.head(10).to_csv("ten.csv", index=False)
    table.head(9).to_csv("few.csv", index=False)
    table[table["sold"] != "may be, later"].to_csv("two.csv")
    (tmp_path / "ragged.csv").write_text("size,colour,weight\n1,red,2\n1,red\n")
    (tmp_path / "word.parquet").write_bytes(b"PAR1 nothing")
    (tmp_path / "text.parquet").write_text("size,colour,weight\n1,red,2\n")
    lines = table[table["sold"] != "may be, later"].to_csv(index=False).split("\n")
    lines[6] = ',"'.join(lines[6].rsplit(",", 1))
    text = "\n".join(lines)
    (tmp_path / "open.csv").write_text(text)
    (tmp_path / "open.csv.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "empty.csv").touch()
    with zipfile.ZipFile(tmp_path / "zip.xlsx", "w") as archive:
        for name in ("[Content_Types].xml", "xl/workbook.xml"):
            archive.writestr(name, "<xml/>")
    table.assign(list=[[1]] * 40).to_parquet("list.parquet")
    MLPRegressor().partial_fit([[0.0], [1.0]] * 5, [0.0, 1.0] * 5).save("py.st")
    for name in ("price", "sold"):
        (tmp_path / f"{name}.st").write_bytes((folder / f"{name}.st").read_bytes())
    (tmp_path / "cut.st").write_bytes((folder / "sold.st").read_bytes()[:-5])
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("fit good.csv -o m.st", "--target is missing"),
        (
            "fit good.csv --target cost -o m.st",
            "its columns are size, colour, weight, price, sold",
        ),
        ("fit no.csv --target sold -o m.st", "no.csv cannot be read: No such file"),
        ("fit . --target sold -o m.st", ". cannot be read: Is a directory"),
        ("fit few.csv --target sold -o m.st", "few.csv has 9 rows; at least 10 are needed"),
        ("fit good.csv --target sold --task regression -o m.st", "so it is not a quantity"),
        ("fit good.csv --target price --task classification -o m.st", "too many for classes"),
        ("fit good.csv --target sold --drop cost -o m.st", "there is no column 'cost'"),
        ("fit good.csv --target sold --drop sold -o m.st", "--drop names the target"),
        ("fit good.csv --target sold -o no/m.st", "there is no folder"),
        ("fit good.csv --target sold -o .", ". is a folder"),
        ("fit good.csv --target sold -o good.csv", "good.csv is an input"),
        ("fit good.csv --target sold", "the following arguments are required: -o"),
        ("fit good.csv --target sold -o m.st --validation 1", "1 is not a share"),
        (
            "fit ten.csv --target price -o m.st --validation 0.95",
            "holding out 10 of 10 rows leaves none to train on",
        ),
        ("fit good.csv --target sold -o m.st --max-time 0", "0 is not above 0"),
        ("fit good.csv --target sold -o m.st --activation x", "invalid choice: 'x'"),
        ("fit empty.csv --target sold -o m.st", "empty.csv is empty"),
        ("fit open.csv --target sold -o m.st", "the quote that opens in line 7 is never closed"),
        ("fit open.csv.gz --target sold -o m.st", "opens in line 7 is never closed"),
        (
            "fit good.csv --target sold -o m.st --validation-table open.csv",
            "opens in line 7 is never closed",
        ),
        ("fit open.csv --continue sold.st -o m.st", "opens in line 7 is never closed"),
        ("predict sold.st open.csv -o out.csv", "opens in line 7 is never closed"),
        ("predict sold.st open.csv.gz", "opens in line 7 is never closed"),
        ("demo --data open.csv --target sold", "opens in line 7 is never closed"),
        ("fit zip.xlsx --target sold -o m.st", "give a CSV or Parquet file"),
        ("fit list.parquet --target sold -o m.st", "column 'list' holds list"),
        (
            "fit huge.csv --target price -o m.st --preset plain",
            "line 7: size is 1e+39, too large for float32",
        ),
        (
            "fit far.csv --target price -o m.st --dtype float64",
            "column 'price' has numbers too large to learn from",
        ),
        (
            "fit far.csv --continue price.st -o m.st",
            "line 2: price is 1.7e+308, too large for float32: run `fusednn fit` with --dtype",
        ),
        (
            "fit wide.csv --continue price.st -o m.st",
            "column 'price' has numbers too large for a target whose deviation is",
        ),
        (f"fit {LONG} --target sold -o m.st", f"{LONG}: File name too long"),
        (f"predict sold.st {LONG}", f"{LONG}: File name too long"),
        (f"fit good.csv --target sold -o {LONG}", "cannot be written: File name too long"),
        (
            "fit good.csv --target sold -o m.st --validation-table label.csv",
            "line 7: sold is 'new', which is none of the labels of the training table",
        ),
        ("fit lacking.csv --continue sold.st -o m.st", "lacking.csv has no column size"),
        ("fit good.csv --continue cut.st -o m.st", "cut.st cannot be loaded"),
        ("fit two.csv --continue sold.st -o m.st", "no training row with the label may be, later"),
        ("predict sold.st lacking.csv", "has no column size: its columns are colour, weight"),
        ("predict sold.st no.csv", "no.csv cannot be read: No such file"),
        ("predict no.st good.csv", "no.st cannot be read: No such file"),
        ("predict good.csv good.csv", "good.csv cannot be loaded"),
        ("predict cut.st good.csv", "cut.st cannot be loaded"),
        ("predict py.st good.csv", "give a model that `fusednn fit` has written"),
        ("predict sold.st word.csv", "line 7: size is '12 kg', where a number is expected"),
        ("predict sold.st huge.csv", "line 7: size is 1e+39, too large for float32"),
        ("predict sold.st ragged.csv", "ragged.csv, line 3: 2 values where the first row has 3"),
        ("predict sold.st word.parquet", "word.parquet cannot be read as Parquet"),
        ("predict sold.st text.parquet", "text.parquet is not a Parquet file"),
        ("predict sold.st good.csv --id name", "there is no column 'name'"),
        ("predict price.st good.csv --proba", "omit --proba"),
        ("predict sold.st good.csv -o no/out.csv", "there is no folder"),
        ("predict sold.st good.csv -o sold.st", "sold.st is an input"),
        ("predict sold.st good.csv -o ./good.csv", "good.csv is an input"),
        ("export py.st --to c -o m.c", "give a model that `fusednn fit` has written"),
        ("export sold.st --to c -o sold.st", "sold.st is an input"),
        ("export sold.st --to rust -o m.c", "invalid choice: 'rust'"),
        ("export sold.st --to c -o m.c --name 2x", "--name: name must be an identifier"),
    ],
)
def test_refusals_are_one_line_and_leave_no_file(files, capsys, arguments, expected):
    before = {path: path.read_bytes() for path in files.iterdir()}
    assert expected in refused(capsys, *arguments.split())
    assert {path: path.read_bytes() for path in files.iterdir()} == before


def test_an_old_file_stays_until_the_new_one_is_whole(files, capsys, monkeypatch):
    monkeypatch.setattr(table_reader, "BLOCK_ROWS", 4)
    (files / "out.csv").write_text("old")
    assert "line 7" in refused(capsys, "predict", "sold.st", "word.csv", "-o", "out.csv")
    assert "line 7" in refused(capsys, "predict", "sold.st", "open.csv", "-o", "out.csv")
    assert (files / "out.csv").read_text() == "old"
    assert run("predict", "sold.st", "good.csv", "-o", "out.csv") == 0
    assert len(pd.read_csv("out.csv")) == 40
    assert not [path for path in files.iterdir() if path.name.endswith(".tmp")]


def test_parquet_without_pyarrow(files, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "pip install 'pyarrow>=16'" in refused(capsys, "predict", "sold.st", "list.parquet")
    assert "pip install 'pyarrow>=16'" in refused(
        capsys, "predict", "sold.st", "good.csv", "-o", "o.pq"
    )


def test_text_without_pyarrow(files, capsys, monkeypatch):
    for name in ("with.csv", "without.csv"):
        assert run("predict", "sold.st", "good.csv", "-o", name, "--proba") == 0
        monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert (files / "with.csv").read_bytes() == (files / "without.csv").read_bytes()
    assert "line 3: 2 values" in refused(capsys, "predict", "sold.st", "ragged.csv")


def test_every_remedy_is_an_option_of_the_command():
    assert set(get_args(Remedy)) == set(REMEDIES)
    for remedy, words in REMEDIES.items():
        assert in_words(TableError("so", remedy)) == f"so: {words}"
    assert in_words(TableError("so")) == "so"


def test_notes_that_someone_changed(files, capsys):
    predictor = fusednn.load("sold.st")
    notes = predictor.notes
    for key, value, expected in (
        ("inputs", [{"name": "size", "fill": 1.0}], "do not match its network"),
        ("inputs", [{"name": "else", "fill": 1.0}] * 6, "damaged notes"),
        ("labels", ["no", "yes"], "do not match its network"),
        ("labels", 5, "damaged notes"),
        ("scale", [0, -1], "damaged notes"),
        ("version", 3, "a later fusednn"),
        ("columns", None, "damaged notes"),
    ):
        predictor.save("new.st", notes={"table": {**notes["table"], key: value}})
        assert expected in refused(capsys, "predict", "new.st", "good.csv")
