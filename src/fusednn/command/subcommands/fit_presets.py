"""Fits the estimators of raw tables for `fusednn fit`, and tells what they reached."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from typing import Final, Literal, get_args

import numpy as np

from fusednn.command.data.raw_tables import RawWork, learn_raw
from fusednn.command.terminal.errors import UserError, in_words
from fusednn.command.terminal.output import replacing
from fusednn.command.terminal.watch import interruptible
from fusednn.command.training.devices import refusals
from fusednn.command.training.report import describe_rows
from fusednn.tables.errors import TableError
from fusednn.tables.table import Table

Preset = Literal["default", "fast", "realmlp"]
PRESETS: tuple[Preset, ...] = get_args(Preset)
PLAIN: Final = "plain"
ONLY_PLAIN = (
    *("layers", "activation", "dtype", "epochs", "batch", "learning_rate"),
    "old",
)
"""Options that only the plain network has; if one is given, it is the preset."""


def preset_of(options: argparse.Namespace) -> Preset | Literal["plain"]:
    """
    The preset, by the option of this name and those that only the plain network has.

    Raises
    ------
    UserError
        If they contradict each other.
    """
    given = [name for name in ONLY_PLAIN if getattr(options, name) is not None]
    if options.preset in PRESETS and given:
        name = "continue" if given[0] == "old" else given[0].replace("_", "-")
        raise UserError(
            f"--{name} is for --preset plain alone: omit it, or --preset {options.preset}"
        )
    return options.preset or (PLAIN if given else "default")


def fit_preset(options: argparse.Namespace, table: Table, preset: Preset) -> None:
    """Fits a preset to a table, scores it and saves it."""
    from fusednn import TabularClassifier, TabularRegressor

    work = learn_raw(options, table)
    kind = TabularClassifier if work.tabular.target.classify else TabularRegressor
    model = kind(
        preset,
        categorical_features=work.categorical or None,
        time_limit=options.max_time,
        random_state=options.seed,
        n_jobs=options.jobs,
        verbose=True,
        device=options.device or "cpu",
    )
    _describe(options, work, preset)
    start = time.perf_counter()
    try:
        told = contextlib.redirect_stdout(sys.stderr)
        with interruptible(), told, refusals(model.device):
            model.fit(*work.samples, **_held_out(work))
    except MemoryError:
        raise UserError("not enough memory to train: give fewer rows") from None
    except UserError as error:
        raise UserError(_in_options(options, error)) from None
    _print_score(model, work, time.perf_counter() - start)
    with replacing(options.output) as place:
        model.save(place, notes=work.tabular.to_notes())
    print(f"wrote {options.output}", flush=True)


def _in_options(options: argparse.Namespace, told: UserError) -> str:
    """The message of an error of a fit, with the command's options as remedies."""
    from fusednn.estimators.tabular.budget import TooShort
    from fusednn.estimators.tabular.reading import IN_VALIDATION

    error = told.__cause__  # of `interruptible`
    if isinstance(error, TooShort):
        return str(TooShort(error.limit, error.needed, "--max-time "))
    cause = None if error is None else error.__context__
    if not isinstance(cause, TableError):
        return str(told)
    own = options.validation_table
    where = f"{own.name}: " if own is not None and str(told).startswith(IN_VALIDATION) else ""
    return where + in_words(cause)


def _held_out(work: RawWork) -> dict:
    if work.held_out is None:
        return {}
    return dict(zip(("X_val", "y_val"), work.held_out, strict=True))


def _describe(options: argparse.Namespace, work: RawWork, preset: str) -> None:
    held_out = 0 if work.held_out is None else len(work.held_out.y)
    describe_rows(options.table, len(work.samples.y), held_out, work.notes, work.tabular.target)
    threads = "n_jobs automatic" if options.jobs is None else f"n_jobs {options.jobs}"
    columns = len(work.samples.table.columns)
    print(f"preset {preset}, {columns} column{'s' * (columns > 1)}, {threads}", flush=True)


def _print_score(model, work: RawWork, seconds: float) -> None:
    """Prints the score on held-out rows, or by networks that have not seen the row."""
    classify = work.tabular.target.classify
    rows = work.held_out or work.samples
    if work.held_out is not None:
        with interruptible():
            found, where = model.predict(rows.table), "held-out"
        known = np.ones(len(rows.y), bool)
    else:
        found, where = model.oof_, "out-of-fold"
        known = ~np.isnan(found.reshape(len(found), -1)[:, 0])
        if classify:
            found = model.classes_[found.argmax(axis=1)]
    y, found = rows.y[known], found[known]
    name = "accuracy" if classify else "R^2"
    score = float(np.mean(found == y)) if classify else _explained(y, found)
    beside = ""
    if classify:
        most = np.unique(y, return_counts=True)[1].max() / len(y)
        beside = f" (always the commonest label: {most:.4f})"
    count = len(model.members_)
    print(
        f"{count} network{'s' * (count > 1)} in {seconds:.1f} s; {where} {name}"
        f" {score:.4f}{beside}",
        flush=True,
    )


def _explained(y: np.ndarray, found: np.ndarray) -> float:
    from sklearn.metrics import r2_score

    return float(r2_score(y, found))
