"""Forecasts by a GRU over patches of a series, beside a seasonal and a linear forecast.

    FUSEDNN_DATA=folder python examples/forecasting.py [--plot forecasts.png] [--seeds 3]

ETTh1 (`folder/etth1`): from 336 hours the next 96 of all seven columns, with the usual split of
12, 4 and 4 months, standardised by the first. Airline passengers (`folder/airline-passengers`):
from 24 months the next 12, in logarithms; the last three years are the test.

Each column is a series of its own, and all of them train one network. Windows are taken relative
to their last value. A GRU reads them as patches (a day, a year) and its last state gives the
forecast. The linear forecast is scikit-learn's `Ridge` on the same windows, the seasonal one
repeats the last day or year.

The strength of `Ridge` is chosen by the validation months. Length, patches, units and dropout are
first guesses that were kept; the test errors of a few others were seen, too.
"""

from __future__ import annotations

import argparse
import gzip
import os
import sys
import time
import warnings
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge

from fusednn import NetworkRegressor
from fusednn.layers import GRU, Dense, Dropout, Reshape
from fusednn.optimizers import AdamW
from fusednn.series import windows


class Task(NamedTuple):
    """A series and its split: `parts` are the first steps that training and validation end at."""

    name: str
    series: np.ndarray  # (T, F), as the forecasts are judged
    parts: tuple[int, int]
    length: int
    horizon: int
    period: int
    units: int
    ridge: float


def _open(name: str):
    root = Path(os.environ.get("FUSEDNN_DATA", "")) / name
    if "FUSEDNN_DATA" not in os.environ or not root.is_dir():
        sys.exit(f"set FUSEDNN_DATA to the folder that holds {name}/")
    [path] = root.glob("*.csv*")
    opened = gzip.open if path.suffix == ".gz" else open
    return opened(path, "rt")


def etth1() -> Task:
    """The seven columns of ETTh1, standardised by their first 12 months of 30 days."""
    with _open("etth1") as file:
        series = np.loadtxt(file, delimiter=",", skiprows=1, usecols=range(1, 8))
    month = 30 * 24
    train = series[: 12 * month]
    series = (series[: 20 * month] - train.mean(axis=0)) / train.std(axis=0)
    return Task("ETTh1", series, (12 * month, 16 * month), 336, 96, 24, 64, 100.0)


def airline() -> Task:
    """The logarithms of the thousands of passengers of each month from 1949 to 1960."""
    with _open("airline-passengers") as file:
        series = np.log(np.loadtxt(file, delimiter=",", skiprows=1, usecols=[1]))
    return Task("airline passengers", series[:, np.newaxis], (84, 108), 24, 12, 12, 32, 0.1)


class Windows(NamedTuple):
    """Windows of every column one after the other, relative to the last value of each."""

    X: np.ndarray  # (n, length)
    y: np.ndarray  # (n, horizon)
    last: np.ndarray  # (n, 1)


def cut(task: Task, first: int, last: int) -> Windows:
    """The windows whose forecasts are within [first, last); they may look back before."""
    columns = task.series[max(0, first - task.length) : last].T
    pairs = [windows(column, task.length, task.horizon) for column in columns]
    X, y = (np.concatenate(parts).astype(np.float32) for parts in zip(*pairs, strict=True))
    last_values = X[:, -1:].copy()
    return Windows(X - last_values, y - last_values, last_values)


def split(task: Task) -> list[Windows]:
    """Windows of training, validation and test."""
    edges = [0, *task.parts, len(task.series)]
    return [cut(task, *pair) for pair in pairwise(edges)]


def network(task: Task, seed: int, epochs: int) -> NetworkRegressor:
    """A GRU over patches of a period; the best weights of the validation months are kept."""
    patches = task.length // task.period
    return NetworkRegressor(
        [Reshape(patches, task.period), Dense(task.units, "relu"), GRU(task.units), Dropout(0.3)],
        solver=AdamW(weight_decay=0.01),
        learning_rate_init=0.001,
        batch_size=min(128, len(task.series) // 8),
        max_iter=epochs,
        early_stopping=True,
        n_iter_no_change=max(5, epochs // 10),
        scoring="loss",
        random_state=seed,
    )


def seasonal(task: Task, part: Windows) -> np.ndarray:
    """The last period again and again."""
    times = -(-task.horizon // task.period)
    return np.tile(part.X[:, -task.period :], times)[:, : task.horizon]


def run(task: Task, seeds: int, epochs: int):
    """Forecasts of the test windows by name, the windows, and seconds of a fit; one per seed."""
    train, validation, test = split(task)
    ridge = Ridge(task.ridge).fit(train.X, train.y)
    found = {"seasonal": [seasonal(task, test)], "linear": [ridge.predict(test.X)], "GRU": []}
    start = time.perf_counter()
    for seed in range(seeds):
        model = network(task, seed, epochs)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(train.X, train.y, X_val=validation.X, y_val=validation.y)
        found["GRU"].append(model.predict(test.X))
    return found, test, (time.perf_counter() - start) / seeds


def table(task: Task, found, test: Windows, seconds: float) -> str:
    """MSE and MAE of each forecast, of the GRU the mean over the seeds and its spread."""
    lines = [f"{task.name}, {len(test.y)} windows of the test, a fit in {seconds:.1f} s"]
    for name, forecasts in found.items():
        off = np.array([forecast - test.y for forecast in forecasts])
        mse, mae = (off**2).mean(axis=(1, 2)), abs(off).mean(axis=(1, 2))
        spread = f"  (MSE {mse.min():.4f} to {mse.max():.4f})" if len(mse) > 1 else ""
        lines.append(f"  {name:8}  MSE {mse.mean():.4f}  MAE {mae.mean():.4f}{spread}")
    return "\n".join(lines)


def draw(outcomes, path) -> None:
    """The last window of each task: what was seen, what came, and the forecasts."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(outcomes), figsize=(9, 3.2 * len(outcomes)))
    for panel, (task, found, test) in zip(np.atleast_1d(axes), outcomes, strict=True):
        seen, ahead = test.X[-1] + test.last[-1], np.arange(task.horizon)
        shown = min(task.length, 2 * task.horizon)
        panel.plot(np.arange(-shown, 0), seen[-shown:], color="0.6")
        panel.plot(ahead, test.y[-1] + test.last[-1], color="black", label="came")
        for name, forecasts in found.items():
            panel.plot(ahead, forecasts[0][-1] + test.last[-1], label=name)
        panel.set_title(task.name)
        panel.legend(loc="upper left", fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    """Runs both tasks, prints their tables, and draws the figure if that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--plot", help="file of the figure")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=40)
    options = parser.parse_args()
    outcomes = []
    for task, epochs in ((etth1(), options.epochs), (airline(), 20 * options.epochs)):
        found, test, seconds = run(task, options.seeds, epochs)
        print(table(task, found, test, seconds))
        outcomes.append((task, found, test))
    if options.plot:
        draw(outcomes, options.plot)


if __name__ == "__main__":
    main()
