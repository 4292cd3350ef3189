"""`fusednn fit` and what it leads to, against pandas and the estimators in Python."""

import os
import re
import signal
import subprocess
import time

import numpy as np
import pandas as pd
import pytest
from cases.shop_tables import ROWS, fit, fit_both, inputs, predicted, refused, run, shop
from test_command import COMMAND, SECONDS, posix

import fusednn
from fusednn import MLPClassifier, MLPRegressor


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Models of a price and of a sale, and the tables that they were trained on."""
    return fit_both(tmp_path_factory.mktemp("models"))


def test_classes_are_those_of_the_estimator(folder, tmp_path, capsys):
    new = shop(300, seed=1)
    new.to_csv(tmp_path / "new.csv", index=False)
    found, error = predicted(capsys, folder / "sold.st", tmp_path / "new.csv", "--proba")
    assert error == ""
    X = inputs(new, shop(ROWS))
    model = MLPClassifier.load(folder / "sold.st")
    labels = ["may be, later", "no", "yes"]
    assert list(found) == ["sold", *(f"sold={label}" for label in labels)]
    np.testing.assert_array_equal(found["sold"], model.predict(X))
    shares = found.iloc[:, 1:].to_numpy(np.float32)
    np.testing.assert_allclose(shares, model.predict_proba(X), atol=1e-6)
    assert len(set(found["sold"])) == 3
    # to the last bit, as numbers were written in full
    exact = fusednn.load(folder / "sold.st").predict_proba(X)
    np.testing.assert_array_equal(shares, exact)


def test_quantities_are_in_the_units_of_the_table(folder, tmp_path, capsys):
    new = shop(300, seed=1)
    new.drop(columns=["price", "sold"]).to_csv(tmp_path / "new.csv", index=False)
    found, _ = predicted(capsys, folder / "price.st", tmp_path / "new.csv")
    assert list(found) == ["price"]
    X = inputs(new, shop(ROWS))
    prices = MLPRegressor.load(folder / "price.st").predict(X)
    np.testing.assert_allclose(found["price"].astype(float), prices, rtol=1e-5)
    residual = found["price"].astype(float) - new["price"]
    assert residual.std() < 0.4 * new["price"].std()


def test_fit_tells_what_it_did_and_reached(tmp_path, capsys):
    fit(shop(ROWS), "sold", tmp_path / "m.st", "--drop", "price", "--layers", "16,8")
    out, error = capsys.readouterr()
    missing = shop(ROWS)[["size", "colour"]].isna().to_numpy().sum()
    for line in (
        "m.csv: 400 rows to train on, 400 held out",
        "  target: column 'sold'",
        "  a column of words became 4 one-hot inputs",
        f"  {missing} missing values: medians, or a category of their own",
        "  classification of sold: 3 labels (may be, later, no, yes)",
        "network 6-16-8-3 (275 parameters), relu, Adam, batches of 32, float32, n_jobs 1",
        f"wrote {tmp_path / 'm.st'}",
    ):
        assert line in out.splitlines()
    told = re.search(r"6 epochs in \d+\.\d s; held-out accuracy (\S+) \(.*: (\S+)\)", out)
    model, table = MLPClassifier.load(tmp_path / "m.st"), shop(ROWS)
    score = model.score(inputs(table, table), table["sold"])
    assert float(told[1]) == pytest.approx(score, abs=1e-4)
    most = table["sold"].value_counts(normalize=True).iloc[0]
    assert float(told[2]) == pytest.approx(most, abs=1e-4)
    assert re.fullmatch(r"(training \[[#.]{30}\] \d/6  loss [^\n]+\n)+", error)


def test_options_reach_the_network(tmp_path):
    options = "--layers", "7,5", "--activation", "tanh", "--dtype", "float64", "--seed", 3
    more = "--batch", 50, "--learning-rate", 0.01, "--drop", "sold", "2"
    fit(shop(ROWS), "price", tmp_path / "m.st", *options, *more)
    model = MLPRegressor.load(tmp_path / "m.st")
    assert [part.shape for part in model.coefs_] == [(5, 7), (7, 5), (5, 1)]
    assert model.coefs_[0].dtype == np.float64
    assert (model.activation, model.random_state, model.batch_size) == ("tanh", 3, 50)
    assert (model.learning_rate_init, model.n_iter_) == (0.01, 6)
    assert "weight" not in {
        part["name"] for part in fusednn.load(tmp_path / "m.st").notes["table"]["inputs"]
    }


def test_rows_are_held_out_and_stop_the_training(tmp_path, capsys):
    noise = pd.DataFrame(np.random.RandomState(0).normal(size=(300, 3)), columns=list("xyz"))
    noise.to_csv(tmp_path / "t.csv", index=False)
    model, options = tmp_path / "m.st", ("--jobs", 1, "--seed", 1, "--preset", "plain")
    assert run("fit", tmp_path / "t.csv", "--target", "z", "-o", model, *options) == 0
    out = capsys.readouterr().out
    assert "t.csv: 270 rows to train on, 30 held out" in out
    assert MLPRegressor.load(model).n_iter_ < 60
    share = "--validation", 0.25, "--max-time", 0.3
    assert run("fit", tmp_path / "t.csv", "--target", "z", "-o", model, *options, *share) == 0
    assert "t.csv: 225 rows to train on, 75 held out" in capsys.readouterr().out
    none = "--validation", 0, "--epochs", 2
    assert run("fit", tmp_path / "t.csv", "--target", "z", "-o", model, *options, *none) == 0
    assert "; training R^2 " in capsys.readouterr().out


def test_training_goes_on(folder, tmp_path, capsys):
    path, old, new = folder / "price.csv", folder / "price.st", tmp_path / "new.st"
    options = "--validation-table", path, "--epochs", 30, "--jobs", 1
    assert run("fit", path, "--continue", old, "-o", new, *options) == 0
    X, y = inputs(shop(ROWS), shop(ROWS)), shop(ROWS)["price"]
    before, after = (MLPRegressor.load(model).score(X, y) for model in (old, new))
    assert after > before
    assert fusednn.load(old).notes == fusednn.load(new).notes
    model = MLPRegressor.load(old)
    assert model.t_ == 6 * ROWS  # the old file is as it was
    # another table, whose losses are higher, is trained on as long as its own losses fall
    shop(ROWS, seed=5).assign(price=lambda t: t["price"][::-1].values).to_csv(tmp_path / "o.csv")
    more = "--validation", 0, "--epochs", 40, "--jobs", 1
    assert run("fit", tmp_path / "o.csv", "--continue", new, "-o", new, *more) == 0
    assert MLPRegressor.load(new).n_iter_ == 40
    assert "--layers cannot be given with --continue" in refused(
        capsys, "fit", path, "--continue", old, "-o", new, "--layers", 3
    )


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["01", "02"], [1, 2]),
        (["1.0", "0.0"], [0, 1]),
        (["-1", "1"], [-1, 1]),
        (["True", "False"], ["False", "True"]),
        (["ja, gern", '"nein"'], ['"nein"', "ja, gern"]),
    ],
)
def test_labels_come_back_as_they_were_written(tmp_path, capsys, labels, classes):
    table = pd.DataFrame({"x": np.arange(60.0), "y": [labels[i // 30] for i in range(60)]})
    fit(table, "y", tmp_path / "m.st", "--epochs", 40)
    assert fusednn.load(tmp_path / "m.st").classes_.tolist() == classes
    found, _ = predicted(capsys, tmp_path / "m.st", tmp_path / "m.csv")
    assert (found["y"] == table["y"]).mean() > 0.9


def test_labels_with_zeros_before_them_are_others(tmp_path, capsys):
    labels = ["1", "01", "001"]
    table = pd.DataFrame({"x": np.arange(90.0), "y": [labels[i // 30] for i in range(90)]})
    path = fit(table, "y", tmp_path / "m.st", "--epochs", 60)
    table.to_parquet(tmp_path / "m.parquet")
    assert fusednn.load(tmp_path / "m.st").classes_.tolist() == sorted(labels)
    found, _ = predicted(capsys, tmp_path / "m.st", path)
    assert (found["y"] == table["y"]).mean() > 0.8
    options = "--target", "y", "-o", tmp_path / "n.st", "--epochs", 1
    assert run("fit", tmp_path / "m.parquet", *options) == 0
    assert fusednn.load(tmp_path / "n.st").classes_.tolist() == sorted(labels)
    again = "--continue", tmp_path / "m.st", "-o", tmp_path / "n.st", "--epochs", 1
    assert run("fit", tmp_path / "m.parquet", *again) == 0
    # whole numbers are no identifiers, and 01 is none of them
    table["y"] = [(1, 2)[i // 45] for i in range(90)]
    fit(table, "y", tmp_path / "m.st", "--epochs", 1)
    table["y"] = ["1.0"] * 40 + ["2"] * 40 + ["01"] * 10
    table.to_csv(tmp_path / "m.csv", index=False)
    line = refused(capsys, "fit", tmp_path / "m.csv", *again)
    assert "line 82: y is '01', which is none of the labels of the training table (1, 2)" in line


def test_words_for_nothing_and_infinity_are_labels(tmp_path, capsys):
    labels = ["none", "mild", "inf", "NA", "", "?"]
    table = pd.DataFrame({"x": np.arange(60.0), "y": [labels[i // 10] for i in range(60)]})
    path = fit(table, "y", tmp_path / "m.st", "--epochs", 1)
    out = capsys.readouterr().out
    assert "40 rows to train on, 40 held out" in out
    assert "left out 20 rows with no target" in out
    assert fusednn.load(tmp_path / "m.st").classes_.tolist() == ["NA", "inf", "mild", "none"]
    again = "--continue", tmp_path / "m.st", "-o", tmp_path / "n.st", "--epochs", 1
    assert run("fit", path, *again, "--validation", 0) == 0
    assert "40 rows to train on" in capsys.readouterr().out
    # among numbers they are missing
    table["y"] = [["0.5", "none", "#N/A", "NA", "1", "3"][i // 10] for i in range(60)]
    fit(table, "y", tmp_path / "m.st", "--epochs", 1)
    assert "left out 30 rows with no target" in capsys.readouterr().out


def test_a_label_of_one_row(tmp_path, capsys):
    table = pd.DataFrame({"x": np.arange(40.0), "y": ["a"] * 20 + ["b"] * 19 + ["c"]})
    table.to_csv(tmp_path / "t.csv", index=False)
    for seed in range(5):
        options = "--target", "y", "-o", tmp_path / "m.st", "--epochs", 2, "--seed", seed
        assert run("fit", tmp_path / "t.csv", *options, "--jobs", 1) == 0
        found, _ = predicted(capsys, tmp_path / "m.st", tmp_path / "t.csv", "--proba")
        assert list(found) == ["y", "y=a", "y=b", "y=c"]


def test_task_decides_what_a_number_is(tmp_path):
    table = pd.DataFrame({"x": np.arange(60.0), "y": np.arange(60) // 12})
    fit(table, "y", tmp_path / "class.st")
    fit(table, "y", tmp_path / "number.st", "--task", "regression")
    fit(table / 4, "y", tmp_path / "quarters.st", "--task", "classification")
    assert fusednn.load(tmp_path / "class.st").classes_.tolist() == [0, 1, 2, 3, 4]
    assert not hasattr(fusednn.load(tmp_path / "number.st"), "classes_")
    assert fusednn.load(tmp_path / "quarters.st").classes_.tolist() == [
        *("0.0", "0.25", "0.5", "0.75", "1.0")
    ]


def test_warns_of_numbers_that_float32_cannot_tell(tmp_path, capsys):
    table = pd.DataFrame({"t": 1.7e9 + np.arange(60.0), "c": 0.1, "y": np.arange(60) % 7 + 0.5})
    fit(table, "y", tmp_path / "m.st")
    error = capsys.readouterr().err
    assert "fusednn: warning: t: far from 0 for the spread, so float32 keeps few digits" in error
    fit(table, "y", tmp_path / "m.st", "--dtype", "float64")
    assert "warning" not in capsys.readouterr().err


@posix
def test_ctrl_c_leaves_no_model(tmp_path):
    random = np.random.RandomState(0)
    pd.DataFrame(random.normal(size=(20_000, 10)).round(3)).to_csv(tmp_path / "t.csv")
    command = [*COMMAND, "fit", "t.csv", "--target", "5", "-o", "m.st", "--epochs", "100000"]
    options = ["--layers", "256,256", "--validation", "0"]
    process = subprocess.Popen(
        command + options, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        for line in process.stdout:
            if line.startswith("network "):
                break
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    assert (process.returncode, errors.splitlines()[-1]) == (130, "fusednn: interrupted")
    assert os.listdir(tmp_path) == ["t.csv"]
