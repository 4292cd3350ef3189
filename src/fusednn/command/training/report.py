"""Output of `fusednn fit`: the data and the network, warnings, and the score."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import numpy as np

from fusednn.command.terminal.errors import complain
from fusednn.command.terminal.watch import interruptible
from fusednn.tables.errors import one_line
from fusednn.tables.inputs import Numbers
from fusednn.tables.table import Table
from fusednn.tables.tabular import Tabular
from fusednn.tables.target import Target

from .settings import network_in_words
from .train import Work

FAR = 1e4
"""A mean this many standard deviations from 0 leaves float32 few digits."""


def describe(path: Path, work: Work, model) -> None:
    """Prints the rows, the notes on the table, the task and the network."""
    held_out = 0 if work.held_out is None else len(work.held_out.y)
    target = work.tabular.target
    describe_rows(path, len(work.samples.y), held_out, work.notes, target)
    outputs = 1 if target.labels is None or len(target.labels) == 2 else len(target.labels)
    layers = [work.samples.X.shape[1], *model.hidden_layer_sizes, outputs]
    print(network_in_words(layers, model.activation, model.batch_size, model.dtype, model.n_jobs))
    sys.stdout.flush()


def describe_rows(path: Path, rows: int, held_out: int, notes: list[str], target: Target) -> None:
    """Prints the number of rows, the notes on the table, and the task."""
    print(f"{path.name}: {rows:,} rows to train on, {held_out:,} held out")
    for note in notes:
        print(f"  {one_line(note)}")
    name = one_line(target.name)
    if target.labels is None:
        print(f"  regression of {name}")
    else:
        labels = f"{len(target.labels)} labels ({one_line(target.listed_labels())})"
        print(f"  classification of {name}: {labels}")


def warn_of_far(tabular: Tabular, table: Table) -> None:
    """Warns of columns whose values float32 cannot tell apart well."""
    used = {part.name for part in tabular.encoding.inputs if isinstance(part, Numbers)}
    if not tabular.target.classify:
        used.add(tabular.target.name)
    far = []
    for column in table.columns:
        values = column.numbers() if column.name in used else None
        known = np.empty(0) if values is None else values[~np.isnan(values)]
        if known.size and known.max() > known.min():
            with np.errstate(all="ignore"):
                mean, deviation = np.abs(known.mean()), known.std()
            far += [column.name] * bool(mean > FAR * deviation)
    if far:
        complain(
            f"warning: {', '.join(far)}: far from 0 for the spread, so float32 keeps few digits;"
            " --dtype float64 keeps more"
        )


def warn_of_unknown(unknown: Counter[str], path: Path | None = None) -> None:
    """Warns of unknown categories, with the number of rows for each column of a file."""
    where = "" if path is None else f"{path}: "
    for name, count in unknown.items():
        rows = "1 row has" if count == 1 else f"{count:,} rows have"
        complain(f"warning: {where}{name}: {rows} a value that is none of the model's categories")


def print_score(model, work: Work, seconds: float) -> None:
    """Prints the score on the held-out rows, or on the training rows if none are held out."""
    done = f"{model.n_iter_} epochs in {seconds:.1f} s"
    chosen = work.held_out or work.samples
    with interruptible():
        score = float(model.score(chosen.X, chosen.y))
    name = "accuracy" if work.tabular.target.classify else "R^2"
    where = "held-out" if work.held_out is not None else "training"
    beside = ""
    if work.tabular.target.classify:
        most = np.unique(chosen.y, return_counts=True)[1].max() / len(chosen.y)
        beside = f" (always the commonest label: {most:.4f})"
    print(f"{done}; {where} {name} {score:.4f}{beside}", flush=True)
