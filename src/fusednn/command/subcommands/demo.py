"""`fusednn demo`: trains a network and compares time and score with scikit-learn's."""

from __future__ import annotations

import argparse
import os
import time

import numpy as np

from fusednn.command.arguments import jobs, positive, rows_from, seed, sizes
from fusednn.command.data.datasets import Dataset, load, load_digits
from fusednn.command.terminal.errors import UserError
from fusednn.command.terminal.watch import EpochBar, interruptible
from fusednn.command.training.settings import Settings, network_in_words, usual_batch, usual_layers
from fusednn.tables.errors import one_line
from fusednn.training.progress_bar import ProgressBar

from .compare import Run, SklearnTimer, table

SAMPLES_TO_SEE = 600_000
EPOCHS = (12, 60)
BUSY = 0.6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    add = parser.add_argument
    add(
        "--data",
        type=rows_from,
        metavar="PATH",
        help="a folder of idx files (MNIST, Fashion-MNIST), or a CSV or Parquet file; - is"
        " standard input; default: scikit-learn's digits",
    )
    add(
        "--target",
        metavar="COLUMN",
        help="name or number of the column to predict; default: the last",
    )
    add("--epochs", type=positive, metavar="N", help="the most passes over the data")
    add("--hidden", type=sizes, metavar="N,N", help="units of the hidden layers, such as 256,128")
    add("--batch", type=positive, metavar="N", help="samples of a mini-batch")
    add("--jobs", type=jobs, metavar="N", help="threads; -1 for all CPUs; default: automatic")
    add("--dtype", choices=["float32", "float64"], default="float32")
    add("--seed", type=seed, default=0, metavar="N", help="default: 0")
    add("--no-sklearn", action="store_true", help="do not train scikit-learn's network")


def run(options: argparse.Namespace) -> None:
    """Trains, scores and compares."""
    if options.data is None:
        if options.target is not None:
            raise UserError("--target needs --data")
        data = load_digits(options.dtype, options.seed)
    else:
        print(f"reading {options.data}", flush=True)
        data = load(options.data, options.target, options.dtype, options.seed)
    settings = _settings(options, data)
    _describe(data, settings, options)
    _warn_of_load()
    own = _train(data, settings, options)
    print(
        f"test {data.score_name} {own.score:.4f}; {own.seconds:.2f} s,"
        f" {own.samples_per_second:,.0f} samples per second",
        flush=True,
    )
    if options.no_sklearn:
        return
    peer = SklearnTimer(data, settings, options.jobs).run(own.epochs)
    print(table(data.score_name, own, peer))


def _settings(options: argparse.Namespace, data: Dataset) -> Settings:
    rows = len(data.y_train)
    return Settings(
        options.hidden or usual_layers(rows),
        min(options.batch or usual_batch(rows), rows),
        options.epochs or int(np.clip(SAMPLES_TO_SEE // rows, *EPOCHS)),
        options.seed,
    )


def _describe(data: Dataset, settings: Settings, options: argparse.Namespace) -> None:
    classes = f", {len(np.unique(data.y_train))} classes" if data.classify else ""
    print(
        f"{data.name}: {len(data.y_train):,} training and {len(data.y_test):,} test {data.what}"
        f"{classes}"
    )
    for note in data.notes:
        print(f"  {one_line(note)}")
    outputs = len(np.unique(data.y_train)) if data.classify else 1
    sizes = [data.X_train.shape[1], *settings.hidden, 1 if outputs == 2 else outputs]
    network = network_in_words(sizes, "ReLU", settings.batch, options.dtype, options.jobs)
    print(network, flush=True)


def _warn_of_load() -> None:
    """Warns if other processes keep the CPUs busy."""
    cpus = os.cpu_count() or 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > BUSY * cpus:
        print(f"  this machine is busy (load {load:.1f} on {cpus} CPUs): its times say little")


def _train(data: Dataset, settings: Settings, options: argparse.Namespace) -> Run:
    from fusednn import MLPClassifier, MLPRegressor

    kind = MLPClassifier if data.classify else MLPRegressor
    model = kind(**settings.parameters(), dtype=options.dtype, n_jobs=options.jobs)
    _warm_up(model, data, settings)
    bar = ProgressBar("training", settings.epochs)
    model._watcher = EpochBar(bar)
    start = time.perf_counter()
    try:
        with interruptible():
            model.fit(data.X_train, data.y_train)
        seconds = time.perf_counter() - start
    finally:
        bar.finish()
    if model.n_iter_ < settings.epochs:
        print(f"stopped after {model.n_iter_} epochs: the loss no longer improved")
    return Run("fusednn", model.n_iter_, seconds, len(data.y_train), _score(model, data))


def _score(model, data: Dataset) -> float:
    with interruptible():
        return float(model.score(data.X_test, data.y_test))


def _warm_up(model, data: Dataset, settings: Settings) -> None:
    """Fits one pass over a batch of rows, so that the measured fit includes no compiling."""
    from sklearn.base import clone

    from fusednn.kernels._cache import statistics

    labels = np.unique(data.y_train) if data.classify else data.y_train[:2]
    rows = max(settings.batch, 2 * len(labels))
    X = np.resize(data.X_train, (rows, data.X_train.shape[1]))
    before = statistics()
    start = time.perf_counter()
    with interruptible():
        small = clone(model).set_params(max_iter=1)
        small.fit(X, np.resize(labels, rows)).predict(X)
    seconds = time.perf_counter() - start
    done = {name: count - before[name] for name, count in statistics().items()}
    if not done["misses"]:
        print(f"loaded compiled kernels in {seconds:.1f} s", flush=True)
    else:
        kept = "cached for the next run" if done["saved"] else "which could not be kept"
        print(f"compiled kernels in {seconds:.1f} s ({kept})", flush=True)
