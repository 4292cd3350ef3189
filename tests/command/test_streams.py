"""Standard input and output of the commands: tables come and go, and readers go away."""

import os
import shlex
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from cases.shop_tables import ROWS, fit_both, predicted, refused, run, shop
from test_command import COMMAND, SECONDS, posix

import fusednn


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Models of a price and of a sale, and the tables that they were trained on."""
    return fit_both(tmp_path_factory.mktemp("models"))


def test_a_table_from_standard_input_to_standard_output(folder):
    arguments = "--proba", "--id", "size"
    path = folder / "sold.csv"
    out = folder / "out.csv"
    assert run("predict", folder / "sold.st", path, *arguments, "-o", out) == 0
    done = subprocess.run(
        [*COMMAND, "predict", folder / "sold.st", "-", "-o", "-", *arguments],
        input=path.read_bytes(),
        capture_output=True,
        timeout=SECONDS,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == out.read_bytes()
    assert done.stdout.count(b"\n") == ROWS + 1


def test_fit_on_standard_input_is_fit_on_a_file(folder, tmp_path, monkeypatch, capsys):
    options = "--target", "sold", "--epochs", 2, "--jobs", 1, "-o"
    assert run("fit", folder / "sold.csv", *options, tmp_path / "a.st") == 0
    with (folder / "sold.csv").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert run("fit", "-", *options, tmp_path / "b.st") == 0
    assert "standard input: 360 rows to train on, 40 held out" in capsys.readouterr().out
    one, other = fusednn.load(tmp_path / "a.st"), fusednn.load(tmp_path / "b.st")
    assert one.notes == other.notes
    X = np.random.default_rng(0).normal(size=(20, one.n_features_in_)).astype(np.float32)
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))


def test_standard_streams_where_they_cannot_be(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    for arguments, expected in (
        ("fit - --target sold -o m.st --validation-table -", "can be read only once"),
        ("fit sold.csv --target sold -o -", "only predict can write to standard output"),
        ("export sold.st --to c -o -", "only predict can write to standard output"),
    ):
        assert expected in refused(capsys, *arguments.split())


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz"])
def test_compressed_predictions(folder, tmp_path, suffix):
    for name in ("out.csv", f"out.csv{suffix}"):
        assert run("predict", folder / "sold.st", folder / "sold.csv", "-o", tmp_path / name) == 0
    expected = pd.read_csv(tmp_path / "out.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / f"out.csv{suffix}"), expected)
    assert (tmp_path / f"out.csv{suffix}").read_bytes()[:4] != b"sold"


def test_names_of_predictions(folder, tmp_path, capsys):
    line = refused(
        capsys, "predict", folder / "sold.st", folder / "sold.csv", "-o", tmp_path / "out.zip"
    )
    assert "end it in .csv, .csv.gz, .csv.bz2, .csv.xz or .parquet" in line


def closed(arguments, both):
    """Exit code and standard error of a command whose output nobody reads."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        stdout=write,
        stderr=write if both else subprocess.PIPE,
        timeout=SECONDS,
    )
    os.close(write)
    return done.returncode, done.stderr


@posix
@pytest.mark.parametrize(
    ("arguments", "both"),
    [("predict sold.st sold.csv", False), ("fit sold.csv --target sold -o m.st", True)],
)
def test_every_reader_may_go(folder, monkeypatch, arguments, both):
    monkeypatch.chdir(folder)
    assert closed(arguments.split(), both) == (141, None if both else b"")
    assert not (folder / "m.st").exists()


@posix
@pytest.mark.long
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize(
    "arguments", ["export sold.st --to c -o m.c", "versions", "fit --help", "--version", ""]
)
def test_the_readers_of_other_commands(folder, monkeypatch, arguments, both):
    monkeypatch.chdir(folder)
    code, errors = closed(arguments.split(), both)
    if not arguments and not both:
        assert (code, errors.count(b"\n")) == (2, 1)
    else:  # argparse lets go what it cannot print
        assert code == 141 or (code == 0 and "--" in arguments)
        assert not errors


@posix
def test_streams_that_are_closed_from_the_beginning(folder):
    arguments = shlex.join(
        [*COMMAND, "predict", *(str(folder / f"sold.{end}") for end in ("st", "csv"))]
    )
    done = subprocess.run(["sh", "-c", f"{arguments} >&-"], capture_output=True, timeout=SECONDS)
    expected = b"fusednn: standard output is closed: redirect it, for example to a file\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", expected)
    done = subprocess.run(
        ["sh", "-c", f"{arguments.replace('sold.csv', 'no.csv')} 2>&-"],
        capture_output=True,
        timeout=SECONDS,
    )
    assert (done.returncode, done.stdout) == (2, b"")


# -- categories that OLD does not have ---------------------------------------------------


def test_values_that_the_model_has_no_category_for(folder, tmp_path, capsys):
    table = shop(60, seed=3)
    table.loc[:9, "colour"] = "violet"
    table.to_csv(tmp_path / "new.csv", index=False)
    table.assign(colour="pink").to_parquet(tmp_path / "other.parquet")
    options = "--continue", folder / "price.st", "-o", tmp_path / "m.st", "--epochs", 1
    told = "a value that is none of the model's categories"
    capsys.readouterr()
    more = "--validation-table", tmp_path / "other.parquet"
    assert run("fit", tmp_path / "new.csv", *options, *more) == 0
    lines = capsys.readouterr().err.splitlines()[:2]
    assert lines == [
        f"fusednn: warning: {tmp_path / 'new.csv'}: colour: 10 rows have {told}",
        f"fusednn: warning: {tmp_path / 'other.parquet'}: colour: 60 rows have {told}",
    ]
    # rows held out of the file are its rows too
    assert run("fit", tmp_path / "new.csv", *options, "--validation", 0.5) == 0
    found = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert found == lines[:1]
    assert predicted(capsys, folder / "price.st", tmp_path / "new.csv")[1].count(told) == 1
    new = "--target", "price", "-o", tmp_path / "m.st", "--epochs", 1
    assert run("fit", folder / "price.csv", *new, *more) == 0
    assert f"colour: 60 rows have {told}" in capsys.readouterr().err


def test_labels_that_the_model_does_not_have(folder, tmp_path, capsys):
    table = shop(60, seed=3)
    table.loc[5, "sold"] = "lent"
    table.to_csv(tmp_path / "new.csv", index=False)
    options = "--continue", folder / "sold.st", "-o", tmp_path / "m.st"
    line = refused(capsys, "fit", tmp_path / "new.csv", *options)
    assert "line 7: sold is 'lent', which is none of the labels of the training table" in line
