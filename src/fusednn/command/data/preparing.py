"""Reads and encodes tables for `fusednn fit`, and splits off the held-out rows."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fusednn.command.terminal.errors import UserError
from fusednn.command.training.report import warn_of_far, warn_of_unknown
from fusednn.command.training.train import Samples, Work
from fusednn.tables.decimals import found_notation, may_be_numbers
from fusednn.tables.labelled import Labelled, labelled_table
from fusednn.tables.learning import learned_encoding
from fusednn.tables.numbers import Notation
from fusednn.tables.reading.table_reader import read_table
from fusednn.tables.table import Table
from fusednn.tables.tabular import Tabular
from fusednn.training.progress_bar import ProgressBar

from .held_out import require_rows, split_rows
from .narration import notes_on_encoding, notes_on_reading, notes_on_target

HELD_OUT = 0.1


def read(path: Path, header: bool | None) -> Table:
    """Reads a table, with a progress bar on a terminal."""
    print(f"reading {path}", flush=True)
    bar = ProgressBar("reading", 100, sys.stderr) if sys.stderr.isatty() else None
    try:
        if bar is None:
            return read_table(path, header)
        return read_table(path, header, lambda share: bar.update(_percent(share), path.name))
    finally:
        if bar is not None:
            bar.finish()


def _percent(share: float) -> int:
    """A percentage between 1 and 99: the bar must not be full before the table is complete."""
    return min(max(int(100 * share), 1), 99)


class Chosen(NamedTuple):
    """
    A table's rows with a target, and what the options say of its columns.

    Parameters
    ----------
    labelled : Labelled
    drop, categorical : list of int
        Indices of columns.
    notation : Notation
    """

    labelled: Labelled
    drop: list[int]
    categorical: list[int]
    notation: Notation


def chosen(options: argparse.Namespace, table: Table, dtype: str) -> Chosen:
    """Finds the target of a table, and the columns that options name."""
    table.find(options.target)  # raises for a table that has only a header
    if table.rows:
        require_rows(table.rows, options.table)
    drop = [table.find(name) for name in options.drop]
    stated = Notation(stated=frozenset(value.strip().lower() for value in options.missing))
    categorical = [table.find(name) for name in options.categorical]
    used = may_be_numbers(table, {*drop, *categorical})
    notation = found_notation(table, used, stated, options.decimal)
    labelled = labelled_table(table.read_as(notation), options.target, options.task, dtype)
    if labelled.place in drop:
        raise UserError("--drop names the target: drop other columns")
    if labelled.place in categorical:
        raise UserError("--categorical names the target: give --task classification instead")
    return Chosen(labelled, drop, categorical, notation)


def learn(options: argparse.Namespace, table: Table, dtype: str) -> Work:
    """Learns the encoding of a table, and encodes its rows."""
    labelled, drop, categorical, notation = chosen(options, table, dtype)
    rows, held_out = split(options, labelled, HELD_OUT)
    learned = learned_encoding(labelled.table, labelled.place, rows, drop, categorical)
    tabular = Tabular(learned.encoding, labelled.target, _scale(labelled, rows), notation)
    if dtype == "float32":
        warn_of_far(tabular, labelled.table)
    work = _work(options, tabular, labelled, rows, held_out, dtype)
    work.notes.extend(notes_on_encoding(learned, labelled.table))
    return work


def _scale(labelled: Labelled, rows: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of a quantity; 0 and 1 for classes."""
    if labelled.target.classify:
        return 0.0, 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = float(labelled.y[rows].mean()), float(labelled.y[rows].std())
    if not np.isfinite([mean, deviation]).all():
        raise UserError(f"column {labelled.target.name!r} has numbers too large to learn from")
    return mean, deviation or 1.0


def known(options: argparse.Namespace, table: Table, old: Tabular, dtype: str) -> Work:
    """Encodes a table's rows as a model's training table was encoded."""
    labelled = labelled_as(old, table, options.table, dtype, options.decimal)
    rows, held_out = split(options, labelled, HELD_OUT)
    if old.target.classify and (lacking := set(old.target.classes) - set(labelled.y[rows])):
        raise UserError(
            f"{options.table} has no training row with the label {min(lacking)}: --continue needs"
            " rows of all labels"
        )
    return _work(options, old, labelled, rows, held_out, dtype)


def labelled_as(
    tabular: Tabular, table: Table, path: Path, dtype: str, decimal: str | None = None
) -> Labelled:
    """A table's rows with a target, read as the training table was read."""
    table = tabular.encoding.named(table, path)
    table = table.read_as(tabular.found_notation(table, decimal))
    return labelled_table(table, tabular.target, dtype=dtype)


def split(
    options: argparse.Namespace, labelled: Labelled, share: float
) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the training rows and of the held-out rows; `share` is the usual share."""
    rows = len(labelled.y)
    require_rows(rows, options.table)
    part = share if options.validation is None else options.validation
    if options.validation_table is not None or part == 0:
        return np.arange(rows), np.arange(0)
    train, held_out = split_rows(labelled.y, labelled.target.classify, part, options.seed)
    return np.sort(train), np.sort(held_out)


def _work(
    options: argparse.Namespace,
    tabular: Tabular,
    labelled: Labelled,
    rows: np.ndarray,
    held_out: np.ndarray,
    dtype: str,
) -> Work:
    def samples(part: Labelled, chosen: np.ndarray, unknown: Counter[str]) -> Samples:
        X = tabular.encoding.encode(part.table.take(chosen), dtype, unknown)
        return Samples(X, part.y[chosen])

    unknown: Counter[str] = Counter()
    path, own = options.table, samples(labelled, rows, unknown)
    held = samples(labelled, held_out, unknown) if held_out.size else None
    if options.old is not None:  # a new encoding knows all values of its training rows
        warn_of_unknown(unknown, path)
    notes = [*notes_on_reading(labelled.table), *notes_on_target(labelled)]
    if options.validation_table is not None:
        path, unknown = options.validation_table, Counter()
        table = read(path, tabular.encoding.header)
        notes.extend(f"{path.name}: {note}" for note in notes_on_reading(table))
        other = labelled_as(tabular, table, path, dtype)
        if not len(other.y):
            raise UserError(f"{path} has no rows with a target: give another --validation-table")
        held = samples(other, np.arange(len(other.y)), unknown)
        warn_of_unknown(unknown, path)
    return Work(tabular, own, held, notes)
