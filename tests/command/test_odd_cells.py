"""Cells that are nearly something else: long numbers, other notations, words like numbers."""

from itertools import chain

import numpy as np
import pandas as pd
import pytest
from cases.shop_tables import predicted, refused, run

from fusednn.tables.reading import csv_arrow
from fusednn.tables.reading.table_reader import blocks_of, read_table

QUICK = "-o", "m.st", "--epochs", "1", "--jobs", "1", "--layers", "4", "--validation", "0"
LONG = [2**60, 2**60 + 1, 2**60 + 2]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name, header, rows):
    with open(name, "w") as file:
        file.write("\n".join([header, *rows]) + "\n")


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_labels_that_float64_does_not_tell_apart(here, capsys, name):
    table = pd.DataFrame({"a": np.arange(30.0), "y": [LONG[i // 10] for i in range(30)]})
    table.to_csv(name, index=False) if name == "t.csv" else table.to_parquet(name)
    learn = "fit", name, "--target", "y", *QUICK
    assert run(*(("300" if part == "1" else part) for part in learn)) == 0
    found, _ = predicted(capsys, "m.st", name)
    assert set(found["y"]) <= set(map(str, LONG))
    assert (found["y"] == table["y"].astype(str)).mean() > 0.5
    assert run(*learn, "--task", "classification") == 0
    message = refused(capsys, *learn, "--task", "regression")
    assert "as quantities they are all equal" in message


def test_quantities_of_many_digits_are_quantities(here, capsys):
    write("t.csv", "a,y", [f"{i},{2**60 + i * 2**40}" for i in range(40)])
    assert run("fit", "t.csv", "--target", "y", "--dtype", "float64", *QUICK) == 0
    assert "regression of y" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("decimal", "cell", "other"), [(",", "0.394", "1.234,5"), (".", "0,394", "1,234.5")]
)
def test_numbers_in_the_other_notation_only(here, capsys, decimal, cell, other):
    rows = [f"{i};{cell}{i % 10}{i % 7};{i % 2};{other}" for i in range(40)]
    write("t.csv", "a;b;c;d", rows)
    options = "--decimal", decimal, *QUICK
    expected = f"line 2: b is '{cell}00', where the decimal sign is {decimal}: write"
    assert expected in refused(capsys, "fit", "t.csv", "--target", "b", *options)
    assert expected in refused(capsys, "fit", "t.csv", "--target", "c", *options)
    assert run("fit", "t.csv", "--target", "c", "--categorical", "b", *options) == 0
    assert run("fit", "t.csv", "--target", "c", "--drop", "b", *options) == 0
    write("plain.csv", "a;b;c;d", [f"{i};{i};{i % 2};{other}" for i in range(40)])
    assert run("fit", "plain.csv", "--target", "c", *options) == 0
    message = refused(capsys, "predict", "m.st", "t.csv", "--decimal", decimal)
    assert f"line 2: b is '{cell}00', where a number is expected" in message


@pytest.mark.parametrize("target", ["y", "a"])
def test_long_cells_are_cut_off_in_messages(here, capsys, target):
    write("t.csv", "a,y", [f"{'x' * 5000 if i == 5 else i},{i % 2}" for i in range(40)])
    message = refused(capsys, "fit", "t.csv", "--target", target, *QUICK)
    assert "line 7: a is 'xxx" in message
    assert len(message) < 400


def test_few_and_many_texts_are_the_same(here, monkeypatch):
    """pyarrow's calls and Python's, and the csv module."""
    cells = ["1", " 1", "\u00a01 ", '"1 "', "x y", '"a, b"', '"c\nd"', "", '""', "é"]
    write("t.csv", "a,y", [f"{cells[i % len(cells)]},{i}" for i in range(50)])

    def texts():
        whole = [column.texts() for column in read_table(here / "t.csv").columns]
        blocks = [[c.texts() for c in block.columns] for block in blocks_of(here / "t.csv")]
        assert [list(chain(*parts)) for parts in zip(*blocks, strict=True)] == whole
        return whole

    few = texts()
    monkeypatch.setattr(csv_arrow, "FEW_TEXTS", 0)
    assert texts() == few
    monkeypatch.setattr(csv_arrow, "pyarrow_or_none", lambda: None)
    assert texts() == few


@pytest.mark.parametrize(
    ("cell", "taken"),
    [
        (lambda i: f"{i % 5}-", "taken as words"),
        (lambda i: f"1_00{i % 4}", "taken as words"),
        (lambda i: f"{i % 5}.5 EUR", "taken as words"),
        (lambda i: f"-{i}k", "left out"),
        (lambda i: f"1{i % 4}:30", "taken as words"),
        (lambda i: f"5/{i % 20 + 1}/24", "left out"),
        (lambda i: "2024-05-01" if i % 2 else "01.05.2024", "taken as words"),
        (lambda i: f"w{i % 3}" if i % 3 else "3k", None),
        (lambda i: f"{i % 5}", None),
    ],
)
def test_words_that_begin_as_numbers_are_told(here, capsys, cell, taken):
    write("t.csv", "a,b,y", [f"{i},{cell(i)},{i % 2}" for i in range(30)])
    told = f"  b looks like numbers or dates in a form that is not read (line 2: '{cell(0)}')"
    assert run("fit", "t.csv", "--target", "y", *QUICK) == 0
    out = capsys.readouterr().out
    assert (f"{told}; it is {taken}\n" in out) if taken else ("looks like" not in out)
    assert run("fit", "t.csv", "--target", "y", "--categorical", "b", *QUICK) == 0
    assert "looks like" not in capsys.readouterr().out
