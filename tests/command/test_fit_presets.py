"""`fusednn fit` with presets, and `predict` and `export` of what it writes, beside Python."""

import os
import re
import signal
import subprocess
import time

import numpy as np
import pandas as pd
import pytest
from cases.shop_tables import ROWS, predicted, refused, run, shop
from running.c_programs import needs_compiler
from sklearn.metrics import r2_score
from test_command import COMMAND, SECONDS, posix

import fusednn
from fusednn import MLPClassifier, TabularClassifier, TabularRegressor
from fusednn.tables.tabular import Tabular

FAST = "--preset", "fast", "--jobs", 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Models of a price and of a sale, and the table that they were trained on."""
    folder = tmp_path_factory.mktemp("models")
    shop(ROWS).to_csv(folder / "shop.csv", index=False)
    for target, other in (("price", "sold"), ("sold", "price")):
        options = "--target", target, "--drop", other, "-o", folder / f"{target}.st"
        assert run("fit", folder / "shop.csv", *options, *FAST) == 0
    return folder


def frame_of(table):
    """A frame as the command reads the file: no value is None."""
    return table[["size", "colour", "weight"]]


def test_the_default_is_the_estimators_default(tmp_path, capsys):
    table = shop(120)
    table.to_csv(tmp_path / "t.csv", index=False)
    options = "--target", "sold", "--drop", "price", "--jobs", 1, "--seed", 5
    assert run("fit", tmp_path / "t.csv", *options, "-o", tmp_path / "m.st") == 0
    out, error = capsys.readouterr()
    assert "preset default, 3 columns, n_jobs 1" in out.splitlines()
    assert re.search(r"\d+ networks in \d+\.\d s; out-of-fold accuracy 0\.\d{4} \(.*: 0", out)
    assert error.startswith("training [")
    model = TabularClassifier.load(tmp_path / "m.st")
    assert model.preset == "default"
    again = TabularClassifier(random_state=5, n_jobs=1).fit(frame_of(table), table["sold"])
    found = model.predict_proba(frame_of(table))
    np.testing.assert_allclose(found, again.predict_proba(frame_of(table)), atol=1e-6)


def test_predictions_are_the_estimators(folder, tmp_path, capsys):
    new = shop(90, seed=1)
    new.loc[0, "colour"] = "purple"
    new.to_csv(tmp_path / "new.csv", index=False)
    found, error = predicted(capsys, folder / "sold.st", tmp_path / "new.csv", "--proba")
    assert error == (
        "fusednn: warning: colour: 1 row has a value that is none of the model's categories\n"
    )
    model = TabularClassifier.load(folder / "sold.st")
    labels = ["may be, later", "no", "yes"]
    assert list(found) == ["sold", *(f"sold={label}" for label in labels)]
    np.testing.assert_array_equal(found["sold"], model.predict(frame_of(new)))
    shares = found.iloc[:, 1:].to_numpy(float)
    np.testing.assert_array_equal(shares, model.predict_proba(frame_of(new)))
    prices, _ = predicted(capsys, folder / "price.st", tmp_path / "new.csv", "--id", "weight")
    assert list(prices) == ["weight", "price"]
    wanted = TabularRegressor.load(folder / "price.st").predict(frame_of(new))
    np.testing.assert_array_equal(prices["price"].astype(float), wanted)
    assert r2_score(new["price"], wanted) > 0.7


def test_python_answers_the_frame(folder):
    """The file's notes are of no use to Python, and do no harm."""
    predictor = fusednn.load(folder / "price.st")
    assert Tabular.from_notes(predictor.notes, "m").target.name == "price"
    row = {"size": 100.0, "colour": "red", "weight": 0.5}
    assert 200 < predictor.predict(row)[0] < 320


def test_the_score_is_of_rows_that_networks_have_not_seen(folder, capsys):
    options = "--target", "price", "--drop", "sold", "-o", folder / "again.st", *FAST
    assert run("fit", folder / "shop.csv", *options) == 0
    out = capsys.readouterr().out
    assert "shop.csv: 400 rows to train on, 0 held out" in out
    told = re.search(r"1 network in \S+ s; out-of-fold R\^2 (\S+)\n", out)
    model = TabularRegressor.load(folder / "again.st")
    known = ~np.isnan(model.oof_)
    assert 60 <= known.sum() <= 100
    score = r2_score(shop(ROWS)["price"][known], model.oof_[known])
    assert float(told[1]) == pytest.approx(score, abs=1e-4)
    found = fusednn.load(folder / "price.st").predict(frame_of(shop(ROWS)))
    np.testing.assert_array_equal(model.predict(frame_of(shop(ROWS))), found)  # the same seed


def test_held_out_rows_decide_and_are_scored(folder, tmp_path, capsys):
    shop(100, seed=7).to_csv(tmp_path / "held.csv", index=False)
    options = "--target", "sold", "--drop", "price", "-o", tmp_path / "m.st", *FAST
    more = "--validation-table", tmp_path / "held.csv"
    assert run("fit", folder / "shop.csv", *options, *more) == 0
    out = capsys.readouterr().out
    assert "shop.csv: 400 rows to train on, 100 held out" in out
    told = re.search(r"held-out accuracy (\S+) ", out)
    model, held = TabularClassifier.load(tmp_path / "m.st"), shop(100, seed=7)
    score = model.score(frame_of(held), held["sold"])
    assert float(told[1]) == pytest.approx(score, abs=1e-4)
    assert model.oof_ is None
    assert run("fit", folder / "shop.csv", *options, "--validation", 0.25) == 0
    assert "300 rows to train on, 100 held out" in capsys.readouterr().out


def test_columns_are_read_as_the_plain_network_reads_them(tmp_path, capsys):
    """Decimal commas, units, missing words, dates, indexes, free text, and digits of codes."""
    rng = np.random.default_rng(0)
    rows = 120
    code = rng.choice(["01", "1", "02"], rows)
    amount = rng.integers(100, 9999, rows) / 100
    frame = pd.DataFrame(
        {
            "Unnamed: 0": range(rows),
            "code": code,
            "amount": [f"{value:.2f}".replace(".", ",") + " €" for value in amount],
            "day": [f"{1 + at % 28:02}.{1 + at % 12:02}.2024" for at in range(rows)],
            "note": [f"words {number}" for number in range(rows)],
            "y": amount + 20 * (code == "01"),
        }
    )
    frame.loc[3, "amount"] = "unknown"
    frame["y"] = [f"{value:.3f}".replace(".", ",") for value in frame["y"]]
    frame.to_csv(tmp_path / "t.csv", sep=";", index=False)
    options = "--target", "y", "--categorical", "code", "--missing", "unknown", *FAST
    assert run("fit", tmp_path / "t.csv", "-o", tmp_path / "m.st", *options) == 0
    out = capsys.readouterr().out
    assert "left out note (empty, or nearly all different words)" in out
    assert "left out Unnamed: 0 (an index without a name)" in out
    assert "preset fast, 3 columns" in out
    model = TabularRegressor.load(tmp_path / "m.st")
    assert model.preparation_.columns == ["code", "amount", "day"]
    quantity = model.preparation_.features[1]
    assert quantity.unit == "€"
    assert quantity.indicator
    assert sorted(model.preparation_.features[0].categories) == ["01", "02", "1"]
    found, error = predicted(capsys, tmp_path / "m.st", tmp_path / "t.csv")
    assert error == ""
    truth = frame["y"].str.replace(",", ".").astype(float)
    assert r2_score(truth, found["y"].astype(float)) > 0.8


def test_tables_without_names(tmp_path, capsys):
    table = shop(200)[["size", "colour", "weight", "price"]]
    table.to_csv(tmp_path / "t.csv", index=False, header=False)
    options = "--target", 3, "-o", tmp_path / "m.st", "--header", "no", *FAST
    assert run("fit", tmp_path / "t.csv", *options, "--drop", 0) == 0
    found, _ = predicted(capsys, tmp_path / "m.st", tmp_path / "t.csv")
    assert list(found) == ["prediction"]
    predictor = fusednn.load(tmp_path / "m.st")
    assert predictor.n_features_in_ == 2
    rows = table[["colour", "weight"]].to_numpy(object).tolist()
    np.testing.assert_array_equal(found["prediction"].astype(float), predictor.predict(rows))
    table.iloc[:, :3].to_csv(tmp_path / "n.csv", index=False, header=False)
    other, _ = predicted(capsys, tmp_path / "m.st", tmp_path / "n.csv")
    assert other.equals(found)


def test_whole_numbers_are_labels(tmp_path, capsys):
    table = shop(150).assign(k=lambda t: (t["price"] // 25).astype(int) * 10)
    table.to_csv(tmp_path / "t.csv", index=False)
    options = "--target", "k", "--drop", "price", "sold", "-o", tmp_path / "m.st", *FAST
    assert run("fit", tmp_path / "t.csv", *options) == 0
    found, _ = predicted(capsys, tmp_path / "m.st", tmp_path / "t.csv")
    assert set(found["k"]) <= set(table["k"].astype(str))
    predictor = fusednn.load(tmp_path / "m.st")
    assert predictor.classes_.dtype.kind == "i"
    assert found["k"].astype(int).tolist() == predictor.predict(frame_of(table)).tolist()


def test_time_ends_the_fit(tmp_path, capsys):
    shop(300).to_csv(tmp_path / "t.csv", index=False)
    options = "--target", "price", "--drop", "sold", "-o", tmp_path / "m.st", "--jobs", 1
    assert run("fit", tmp_path / "t.csv", *options, "--max-time", 2) == 0
    told = re.search(r"networks? in (\S+) s", capsys.readouterr().out)
    assert float(told[1]) < 6
    assert TabularRegressor.load(tmp_path / "m.st").time_limit == 2


@posix
def test_ctrl_c_leaves_no_model(tmp_path):
    random = np.random.RandomState(0)
    pd.DataFrame(random.normal(size=(20_000, 10)).round(3)).to_csv(tmp_path / "t.csv")
    command = [*COMMAND, "fit", "t.csv", "--target", "5", "-o", "m.st"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        for line in process.stdout:
            if line.startswith("preset "):
                break
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    assert (process.returncode, errors.splitlines()[-1]) == (130, "fusednn: interrupted")
    assert os.listdir(tmp_path) == ["t.csv"]


# -- the plain network -------------------------------------------------------------------


def test_an_option_of_the_plain_network_is_its_preset(folder, tmp_path, capsys):
    options = "--target", "sold", "--drop", "price", "-o", tmp_path / "m.st"
    for more in (("--epochs", 2), ("--preset", "plain", "--max-time", 0.2)):
        assert run("fit", folder / "shop.csv", *options, *more) == 0
        assert "network 6-128-64-3" in capsys.readouterr().out
        assert type(MLPClassifier.load(tmp_path / "m.st")) is MLPClassifier


ONLY_PLAIN = (
    *(("--layers", "8"), ("--activation", "tanh"), ("--dtype", "float64"), ("--epochs", 3)),
    *(("--batch", 16), ("--learning-rate", 0.01), ("--continue", "old.st")),
)


@pytest.mark.parametrize("option", ONLY_PLAIN)
def test_other_presets_refuse_its_options(folder, tmp_path, capsys, option):
    given = "fit", folder / "shop.csv", "--target", "sold", "-o", tmp_path / "m.st", *option
    line = refused(capsys, *given, "--preset", "default")
    assert f"{option[0]} is for --preset plain alone: omit it, or --preset default" in line


def test_other_presets_are_not_trained_further(folder, tmp_path, capsys):
    line = refused(
        capsys, "fit", folder / "shop.csv", "--continue", folder / "sold.st", "-o",
        tmp_path / "m.st",
    )  # fmt: skip
    assert "sold.st is not of --preset plain, so it is not trained further" in line
    assert not list(tmp_path.iterdir())


# -- exports -----------------------------------------------------------------------------


def test_errors_of_a_fit_name_options_of_the_command(folder, tmp_path, capsys):
    table = shop(60)
    table.loc[3, "weight"] = np.inf
    table.to_csv(tmp_path / "held.csv", index=False)
    options = "--target", "sold", "--drop", "price", "-o", tmp_path / "m.st", *FAST
    line = refused(capsys, "fit", tmp_path / "held.csv", *options)
    wanted = (
        "line 5: weight is inf, which is infinite: if it means a missing value, leave it empty or"
        " run `fusednn fit` with --missing VALUE"
    )
    assert wanted in line
    own = folder / "shop.csv", *options, "--validation-table", tmp_path / "held.csv"
    assert f"held.csv: {wanted}" in refused(capsys, "fit", *own)
    line = refused(capsys, "fit", folder / "shop.csv", *options, "--max-time", 1e-6)
    assert "--max-time 1e-06 is too short for one epoch of one network" in line
    assert not (tmp_path / "m.st").exists()


@needs_compiler
def test_exports_tell_the_columns(folder, tmp_path, capsys):
    assert run("export", folder / "sold.st", "--to", "c", "-o", tmp_path / "m.c") == 0
    out = capsys.readouterr().out
    for line in (
        "columns (3):",
        '     0  "size"  (number; missing: NaN)',
        '     1  "colour"  (text; missing: empty)',
        'labels of "sold", in this order:',
        '     2  "yes"',
    ):
        assert line in out.splitlines()
        assert f" * {line}" in (tmp_path / "m.c").read_text().splitlines()
    line = refused(capsys, "export", folder / "sold.st", "--to", "library", "-o", tmp_path / "m")
    assert "a model of raw tables: give --to c, and compile the file" in line
    assert [path.name for path in tmp_path.iterdir()] == ["m.c"]


def test_a_file_without_rows_has_no_predictions(folder, tmp_path, capsys):
    shop(3)[:0].to_csv(tmp_path / "none.csv", index=False)
    for target, more in (("price", ()), ("sold", ("--proba",))):
        assert run("predict", folder / f"{target}.st", tmp_path / "none.csv", *more) == 0
        out, error = capsys.readouterr()
        assert out.splitlines()[0].split(",")[0] == target
        assert len(out.splitlines()) == 1
        assert not error


def test_too_short_a_time_names_the_option(folder, tmp_path, capsys):
    options = "--target", "sold", "-o", tmp_path / "m.st", "--max-time", 1e-4
    assert run("fit", folder / "shop.csv", *options) == 2
    _, error = capsys.readouterr()
    assert "--max-time 0.0001 is too short for one epoch of one network" in error
    assert "time_limit" not in error
