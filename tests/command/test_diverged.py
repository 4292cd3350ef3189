"""A fit on the command line whose weights stop being finite, before and after a good epoch."""

import numpy as np
import pandas as pd
from cases.shop_tables import run

from fusednn import MLPRegressor, load

RATES = ("7e5", "6e5", "8e5")  # of which some let float32 overflow after an epoch, not at once


def table(folder):
    X = np.random.default_rng(0).normal(size=(400, 2))
    path = folder / "a.csv"
    pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": 10 * X[:, 0]}).to_csv(path, index=False)
    return path


def test_nothing_is_written_where_no_epoch_was_good(tmp_path, capsys):
    model = tmp_path / "m.st"
    options = "--target", "y", "-o", model, "--learning-rate", "1e30"
    capsys.readouterr()
    assert run("fit", table(tmp_path), *options) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("fusednn: Solver produced non-finite parameter weights")
    assert not model.exists()


def test_the_best_epoch_is_written_and_a_warning_says_so(tmp_path, capsys):
    path, model, error = table(tmp_path), tmp_path / "m.st", ""
    for rate in RATES:
        if "stopped being finite after pass" not in error:
            capsys.readouterr()
            run("fit", path, "--target", "y", "-o", model, "--learning-rate", rate)
            error = capsys.readouterr().err
    assert "fusednn: warning: The weights stopped being finite after pass" in error
    assert np.isfinite(load(model)(np.zeros((1, 2), np.float32))).all()
    found = MLPRegressor.load(model)
    assert np.isfinite(found.validation_scores_).all()
    assert len(found.validation_scores_) == found.n_iter_


def test_the_last_epoch_is_no_news(tmp_path, capsys):
    options = "--epochs", 2, "--target", "y", "-o", tmp_path / "m.st"
    assert run("fit", table(tmp_path), *options) == 0
    assert "warning" not in capsys.readouterr().err
