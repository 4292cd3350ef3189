"""First rows of tables: names that are there twice, and names that were taken for data."""

import pandas as pd
import pytest
from cases.shop_tables import predicted, refused, run

from fusednn.tables.reading import csv_arrow

BELOW = "".join(f"{i},{i % 7},{i % 2}\n" for i in range(30))
QUICK = "--epochs", "1", "--jobs", "1", "--layers", "4", "--validation", "0"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model of columns a, b and y."""
    folder = tmp_path_factory.mktemp("headers")
    (folder / "good.csv").write_text("a,b,y\n" + BELOW)
    assert run("fit", folder / "good.csv", "--target", "y", "-o", folder / "m.st", *QUICK) == 0
    return folder


@pytest.fixture
def tables(folder, tmp_path, monkeypatch):
    """A working directory with tables under other headers."""
    monkeypatch.chdir(tmp_path)
    headers = {"target": "a,y,y", "input": "a,a,y", "more": "a,b,y,a", "targets": "a,b,y,y",
               "free": "a,b,y,c,c"}  # fmt: skip
    for name, header in headers.items():
        below = BELOW.replace("\n", ",5" * (header.count(",") - 2) + "\n")
        (tmp_path / f"{name}.csv").write_text(f"{header}\n{below}")
    (tmp_path / "only.csv").write_text("a,b,y\n")
    (tmp_path / "again.csv").write_text(("a,b,y\n" + BELOW) * 2)
    (tmp_path / "years.csv").write_text("2019,2022,2030\n" + BELOW)
    (tmp_path / "m.st").write_bytes((folder / "m.st").read_bytes())
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("fit target.csv --target y -o n.st", "2 columns are named 'y': rename all but one, or"),
        ("fit input.csv --target y --drop a -o n.st", "2 columns are named 'a'"),
        ("predict m.st more.csv", "more.csv has 2 columns named 'a', where one is expected"),
        ("fit more.csv --continue m.st -o n.st", "more.csv has 2 columns named 'a'"),
        ("fit targets.csv --continue m.st -o n.st", "targets.csv has 2 columns named 'y'"),
        (
            "fit good.csv --target y -o n.st --validation-table more.csv",
            "more.csv has 2 columns named 'a'",
        ),
        ("fit only.csv --target y -o n.st", "the table has no rows below its header"),
        ("fit only.csv --target y --header yes -o n.st", "no rows below its header"),
        (
            "fit again.csv --target y -o n.st",
            "there is no column 'y': the first row was read as data: if it names the columns,"
            " run `fusednn fit` with --header yes",
        ),
        ("fit years.csv --target 2022 -o n.st", "was read as data: if it names the columns"),
        ("fit again.csv --target 2 --drop b -o n.st", "'b': the first row was read as data"),
    ],
)
def test_refusals(tables, folder, capsys, arguments, expected):
    (tables / "good.csv").write_bytes((folder / "good.csv").read_bytes())
    assert expected in refused(capsys, *arguments.split())


def test_other_names_that_are_there_twice(tables, capsys):
    assert run("fit", "input.csv", "--target", "y", "-o", "n.st", *QUICK) == 0
    assert "  renamed columns whose names are there twice: a to a.1\n" in capsys.readouterr().out
    found, _ = predicted(capsys, "n.st", "input.csv")  # the same two columns as in training
    assert list(found) == ["y"]
    found, _ = predicted(capsys, "m.st", "free.csv")  # no input is among them
    assert len(found) == 30
    assert run("fit", "target.csv", "--target", "2", "-o", "n.st", *QUICK) == 0
    assert "column 'y.1'" in capsys.readouterr().out
    frame = pd.DataFrame({"a": range(30), "y": [i % 2 for i in range(30)]})
    frame.to_parquet("plain.parquet")
    assert run("fit", "plain.parquet", "--target", "y", "-o", "n.st", *QUICK) == 0
    assert "renamed" not in capsys.readouterr().out


def test_a_western_encoding_is_told_by_fit(tables, capsys):
    text = "a,w,y\n" + "".join(f"{i},{'größe' if i % 3 else 'x'},{i % 2}\n" for i in range(30))
    (tables / "w.csv").write_bytes(text.encode("cp1252"))
    (tables / "u.csv").write_text(text, encoding="utf-8")
    assert run("fit", "w.csv", "--target", "y", "-o", "n.st", *QUICK[:-2],
               "--validation-table", "w.csv") == 0  # fmt: skip
    out = capsys.readouterr().out
    assert "\n  read in cp1252, a Western encoding" in out
    assert "\n  w.csv: read in cp1252" in out
    assert run("fit", "u.csv", "--target", "y", "-o", "u.st", *QUICK) == 0
    assert "read in" not in capsys.readouterr().out
    (western, _), (other, warning) = (predicted(capsys, "n.st", f"{t}.csv") for t in "wu")
    assert western.equals(other)
    assert warning == ""
    (tables / "mix.csv").write_bytes(text.encode() + "3,é,1\n".encode("latin-1"))
    assert "mix.csv, line 32 is not UTF-8" in refused(capsys, "predict", "n.st", "mix.csv")


def test_a_link_to_itself_is_no_place_to_write_to(tables, capsys):
    (tables / "loop").symlink_to("loop")
    for arguments in (
        "fit again.csv --target y -o loop",
        "predict m.st again.csv -o loop",
        "predict m.st again.csv -o loop/out.csv",
        "export m.st --to c -o loop",
    ):
        assert "loop" in (message := refused(capsys, *arguments.split()))
        assert "cannot be written: Too many levels of symbolic links" in message


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("first", ["sep={}", "SEP={}", '"sep={}"'])
def test_a_first_line_that_states_the_delimiter(tables, folder, capsys, monkeypatch, delimiter,
                                                first):  # fmt: skip
    plain = (folder / "good.csv").read_text().replace(",", delimiter)
    stated = f"{first.format(delimiter)}\r\n{plain}"
    (tables / "s.csv").write_bytes(stated.encode())
    expected, _ = predicted(capsys, "m.st", folder / "good.csv")
    for _ in range(2):
        assert predicted(capsys, "m.st", "s.csv")[0].equals(expected)
        learn = "fit", "s.csv", "--target", "y", "-o", "n.st", *QUICK
        assert run(*learn) == 0
        (tables / "odd.csv").write_text(f"{stated}1{delimiter}x{delimiter}0\n", newline="")
        message = refused(capsys, "fit", "odd.csv", *learn[2:])
        assert "line 33: b is 'x' among numbers" in message
        monkeypatch.setattr(csv_arrow, "pyarrow_or_none", lambda: None)


def test_a_title_is_asked_for(tables, capsys):
    for title, count in (("Sales report", "1 value"), ("Sales,2024", "2 values")):
        (tables / "t.csv").write_text(f"{title}\na,b,y\n{BELOW}")
        for arguments in ("fit t.csv --target y -o n.st", "predict m.st t.csv"):
            message = refused(capsys, *arguments.split())
            assert "t.csv, line 2: 3 values where the first row has" in message
            assert message.endswith(f": the first line has {count}: is it a title?")
    (tables / "t.csv").write_text(f"a,b,y\n{BELOW}1,2,3,4\n")
    message = refused(capsys, "fit", "t.csv", "--target", "y", "-o", "n.st")
    assert message.endswith(
        "line 32: 4 values where the first row has 3; every row needs the same number"
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["fit", "", "--target", "y", "-o", "n.st"], "argument TABLE: the name of the file is"),
        (["fit", "again.csv", "--target", "y", "-o", ""], "argument -o/--output: the name of the"),
        (["predict", "m.st", ""], "argument TABLE: the name of the file is empty"),
        (["predict", "", "again.csv"], "argument MODEL: the name of the file is empty"),
        (["export", "m.st", "--to", "c", "-o", ""], "-o/--output: the name of the file is empty"),
        (["fit", "row.csv", "--target", "y", "-o", "n.st"], "row.csv has 1 row; at least 10 are"),
        (
            ["fit", "own.csv", "--target", "y", "-o", "n.st", "--layers", "9999,99999999999"],
            "not enough memory to train: give fewer or smaller --layers, or fewer rows",
        ),
    ],
)
def test_names_rows_and_layers(tables, folder, capsys, arguments, expected):
    (tables / "row.csv").write_text("a,b,y\n1,2,3\n")
    (tables / "own.csv").write_bytes((folder / "good.csv").read_bytes())
    assert expected in refused(capsys, *arguments)


def test_how_numbers_are_read_is_told_of_those_that_are_there(tables, capsys):
    rows = [f"{'0,5' if i % 5 == 0 else f'{i},25'};{i % 2}" for i in range(30)]
    (tables / "t.csv").write_text("\n".join(["a;y", *rows, ""]))
    learn = "fit", "t.csv", "--target", "y", "-o", "n.st", *QUICK
    assert run(*learn, "--missing", "0,5") == 0
    assert "  read as numbers: 1,25 in a is 1.25\n" in capsys.readouterr().out


def test_names_of_several_lines(tables, capsys):
    """As spreadsheets write them: notes and errors stay lines of their own."""
    header = '"a\nb","a\nb","y\u2028z"\n'
    (tables / "t.csv").write_text(header + BELOW, encoding="utf-8")
    assert run("fit", "t.csv", "--target", 2, "-o", "n.st", *QUICK) == 0
    printed = capsys.readouterr().out
    assert "  renamed columns whose names are there twice: a\\nb to a\\nb.1\n" in printed
    assert "\n  classification of y\\u2028z: 2 labels (0, 1)\n" in printed
    (tables / "t.csv").write_text(header + BELOW.replace("2,2,0", "x,2,0"), encoding="utf-8")
    expected = r"line 6: a\nb is 'x', where a number is expected"
    assert expected in refused(capsys, "predict", "n.st", "t.csv")
