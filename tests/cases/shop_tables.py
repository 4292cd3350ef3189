"""Tables for the tests of fit, predict and export, and what pandas makes of them."""

import io

import numpy as np
import pandas as pd

from fusednn.command.main import main

ROWS = 400
COLOURS = ["red", "green", "blue", None]


def shop(rows, seed=0):
    """Sizes and colours, some of them missing, a price that follows from them, and a sale."""
    random = np.random.RandomState(seed)
    size = random.gamma(2, 50, rows).round(3)
    colour = random.choice(COLOURS, rows, p=[0.4, 0.3, 0.2, 0.1])
    weight = random.normal(size=rows)
    price = 100 + 30 * np.log(size) + 20 * (colour == "red") + 5 * weight
    sold = np.where(price > 240, "yes", np.where(price > 215, "may be, later", "no"))
    size[random.rand(rows) < 0.05] = np.nan
    return pd.DataFrame(
        {
            "size": size,
            "colour": pd.Series(colour, dtype=object),
            "weight": weight,
            "price": price,
            "sold": sold,
        }
    )


def inputs(table, training):
    """The network's inputs for a table, by pandas, with another's medians and categories."""
    parts = []
    for name in ("size", "colour", "weight"):
        if name == "colour":
            known = training[name].fillna("?").value_counts().index
            words = pd.get_dummies(table[name].fillna("?"))
            parts.append(words.reindex(columns=known, fill_value=False).to_numpy(float))
        else:
            parts.append(table[[name]].fillna(training[name].median()).to_numpy(float))
    return np.hstack(parts).astype(np.float32)


def run(*arguments):
    """The exit code of the command, in this process."""
    return main([str(argument) for argument in arguments])


def fit(table, target, model, *options):
    """Trains without a split, so that all rows of the table are training rows."""
    path = model.with_suffix(".csv")
    table.to_csv(path, index=False)
    arguments = "--validation-table", path, "--epochs", 6, "--jobs", 1, *options
    assert run("fit", path, "--target", target, "-o", model, *arguments) == 0
    return path


def fit_both(folder):
    """Models of a price and of a sale."""
    fit(shop(ROWS), "price", folder / "price.st", "--drop", "sold")
    fit(shop(ROWS), "sold", folder / "sold.st", "--drop", "price", "--dtype", "float32")
    return folder


def predicted(capsys, *arguments):
    """Standard output of `fusednn predict` as a table of texts, and standard error."""
    capsys.readouterr()
    assert run("predict", *arguments) == 0
    out, error = capsys.readouterr()
    return pd.read_csv(io.StringIO(out), dtype=str, keep_default_na=False), error


def refused(capsys, *arguments):
    capsys.readouterr()
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    line = [line for line in error.splitlines() if not line.startswith("training [")]
    assert len(line) == 1
    assert line[0].startswith("fusednn: ")
    return line[0]
