"""`fusednn fit`: trains a network on a table, and keeps it with what was done to the table."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from fusednn.tables.decimals import found_notation, may_be_numbers
from fusednn.tables.encoding import Encoding
from fusednn.tables.labelled import Labelled, labelled_table
from fusednn.tables.numbers import OTHER, Notation
from fusednn.tables.reading import read_table
from fusednn.tables.table import Table
from fusednn.tables.tabular import Tabular

from .arguments import TASKS, above_zero, file, jobs, positive, rows_from, seed, share, sizes
from .errors import UserError
from .held_out import require_rows, split_rows
from .models import open_model
from .narration import notes_on_encoding, notes_on_reading, notes_on_target
from .output import check_output, replacing
from .progress import ProgressBar
from .report import describe, tell_score, warn_of_far, warn_of_unknown
from .settings import usual_batch, usual_layers
from .train import Samples, Work, limits, load_estimator, new_estimator, train

HELD_OUT = 0.1

DETAILS = """\
TABLE is a Parquet file, or a CSV file (commas, semicolons, tabs, | or blanks; in UTF-8, UTF-16,
UTF-32 or a Western encoding of bytes; plain or compressed: gz, bz2, xz, zip, zst).
Columns of numbers become inputs, missing values (empty, ?, NA, N/A, NaN, null, none, others that
pandas knows, Excel's errors such as #DIV/0!) their medians. Columns of words become an input for
each of their 50 commonest categories, a missing value being one; so do numbers that Parquet holds
as texts, and --categorical. Columns of dates (2024-05-31, 31.05.2024, and with slashes where a day
above 12 shows the order; with times, which are turned into UTC where they have an offset) become
year, month, day, weekday, hour and days since the first, those of them that vary. Columns that are
empty or nearly all different words, and an index without a name, are left out. All this is kept
in MODEL, and `fusednn predict` does it again. Rows without a target are left out; where it is
words, only empty, ? and the values of --missing are none.

Numbers may have thousands marks, the sign of one currency or of percent (12 % is 12), and
parentheses that mean minus. Decimal commas are found out where there is no doubt. A column that
is numbers but for a few cells is refused, and so are infinity and numbers that the network's type
cannot hold.

A tenth of the rows is held out: training stops when their loss has not improved for 10 epochs,
the best weights are kept, and the score printed is theirs.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    from fusednn.kernels.activations import ACTIVATIONS

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = DETAILS
    add = parser.add_argument
    add(
        "table", type=rows_from, metavar="TABLE", help="a CSV or Parquet file; - is standard input"
    )
    add("--target", metavar="COLUMN", help="name or number of the column to predict")
    add(
        "-o", "--output", type=file, metavar="MODEL", required=True,
        help="where to write the model, say m.safetensors; replaced if it is there",
    )  # fmt: skip
    add(
        "--task", choices=TASKS,
        help="default: classification for words and up to 30 different whole numbers",
    )  # fmt: skip
    add(
        "--drop", nargs="+", action="extend", default=[], metavar="COLUMN",
        help="leave out columns, by name or number",
    )  # fmt: skip
    add(
        "--categorical", nargs="+", action="extend", default=[], metavar="COLUMN",
        help="numbers or dates of these columns, by name or number, are categories, as they are"
        " written",
    )  # fmt: skip
    add(
        "--header", choices=["yes", "no"],
        help="whether the first row names the columns; default: found out",
    )  # fmt: skip
    add(
        "--decimal", choices=sorted(OTHER),
        help="which sign marks decimals, the other thousands; default: found out",
    )  # fmt: skip
    add(
        "--missing", nargs="+", action="extend", default=[], metavar="VALUE",
        help="more values that are missing, say --missing -999 inf unknown",
    )  # fmt: skip
    add(
        "--continue", type=file, dest="old", metavar="OLD",
        help="go on from this model, with its target, encoding and network",
    )  # fmt: skip
    held_out = parser.add_argument_group("held-out rows").add_mutually_exclusive_group()
    held_out.add_argument(
        "--validation", type=share, metavar="SHARE",
        help="share of the rows to hold out; 0 for none. Default: 0.1",
    )  # fmt: skip
    held_out.add_argument(
        "--validation-table", type=rows_from, metavar="FILE", help="hold out these rows instead"
    )
    add = parser.add_argument_group("network and training").add_argument
    add(
        "--layers", type=sizes, metavar="N,N",
        help="units of the hidden layers; default: 128,64, or 256,128 from 10,000 rows on",
    )  # fmt: skip
    add(
        "--activation", choices=sorted(ACTIVATIONS), metavar="NAME",
        help=f"one of {', '.join(sorted(ACTIVATIONS))}; default: relu",
    )  # fmt: skip
    add("--dtype", choices=["float32", "float64"], help="default: float32")
    add(
        "--epochs", type=positive, metavar="N",
        help="passes over the rows at most; default: 200, or what --max-time allows",
    )  # fmt: skip
    add("--max-time", type=above_zero, metavar="SECONDS", help="end training after so long")
    add(
        "--batch", type=positive, metavar="N",
        help="rows of a mini-batch; default: 32, or 200 from 10,000 rows on",
    )  # fmt: skip
    add("--learning-rate", type=above_zero, metavar="RATE", help="of Adam; default: 0.001")
    add("--jobs", type=jobs, metavar="N", help="threads; -1 for all CPUs; default: what pays")
    add("--seed", type=seed, default=0, metavar="N", help="default: 0")


def run(options: argparse.Namespace) -> None:
    """Reads, learns the encoding, trains, scores and writes."""
    if options.table is options.validation_table:  # each name is an object of its own
        raise UserError("standard input can be read only once: give a file as --validation-table")
    check_output(options.output, options.table, options.validation_table)
    if options.old is None and options.target is None:
        raise UserError("--target is missing: name the column to predict")
    old = None
    if options.old is not None:
        _refuse_with_continue(options)
        _, old = open_model(options.old)
    table = _read(options.table, _header(options, old))
    model = None if old is None else load_estimator(options.old, old.target.classify)
    dtype = options.dtype or "float32" if model is None else str(model.coefs_[0].dtype)
    work = _learn(options, table, dtype) if old is None else _known(options, table, old, dtype)
    if model is None:
        model = new_estimator(work.tabular, _parameters(options, len(work.samples.y), dtype))
    else:
        model.set_params(**_changes(options, len(work.samples.y)))
    model.set_params(early_stopping=work.held_out is not None)
    model.set_params(scoring=None if work.held_out is None else "loss")
    describe(options.table, work, model)
    start = time.perf_counter()
    try:
        train(model, work.tabular, work.samples, work.held_out)
    except MemoryError:
        raise UserError(
            "not enough memory to train: give fewer or smaller --layers, or fewer rows"
        ) from None
    seconds = time.perf_counter() - start
    tell_score(model, work, seconds)
    with replacing(options.output) as place:
        model.save(place, notes=work.tabular.to_notes())
    print(f"wrote {options.output}", flush=True)


def _refuse_with_continue(options: argparse.Namespace) -> None:
    fixed = (
        "target", "task", "drop", "categorical", "header", "missing", "layers", "activation",
        "dtype",
    )  # fmt: skip
    for name in fixed:
        if getattr(options, name):
            raise UserError(f"--{name} is what OLD says: leave it away with --continue")


def _header(options: argparse.Namespace, old: Tabular | None) -> bool | None:
    if old is not None:
        return old.encoding.header
    return None if options.header is None else options.header == "yes"


def _read(path: Path, header: bool | None) -> Table:
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
    """Between 1 and 99: the bar is full when the table has been read."""
    return min(max(int(100 * share), 1), 99)


def _learn(options: argparse.Namespace, table: Table, dtype: str) -> Work:
    """The encoding of a table, and its rows encoded."""
    table.find(options.target)  # a header alone is told so
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
        raise UserError("--categorical names the target: say --task classification for it")
    rows, held_out = _split(options, labelled)
    learned = Encoding.learned(labelled.table, labelled.place, rows, drop, categorical)
    tabular = Tabular(learned.encoding, labelled.target, _scale(labelled, rows), notation)
    if dtype == "float32":
        warn_of_far(tabular, labelled.table)
    work = _work(options, tabular, labelled, rows, held_out, dtype)
    work.notes.extend(notes_on_encoding(learned, labelled.table))
    return work


def _scale(labelled: Labelled, rows: np.ndarray) -> tuple[float, float]:
    """Mean and deviation of a quantity."""
    if labelled.target.classify:
        return 0.0, 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = float(labelled.y[rows].mean()), float(labelled.y[rows].std())
    if not np.isfinite([mean, deviation]).all():
        raise UserError(f"column {labelled.target.name!r} has numbers too large to learn from")
    return mean, deviation or 1.0


def _known(options: argparse.Namespace, table: Table, old: Tabular, dtype: str) -> Work:
    """A table's rows as another table's were encoded."""
    table = old.encoding.named(table, options.table)
    table = table.read_as(old.found_notation(table, options.decimal))
    labelled = labelled_table(table, old.target, dtype=dtype)
    rows, held_out = _split(options, labelled)
    if old.target.classify and (lacking := set(old.target.classes) - set(labelled.y[rows])):
        raise UserError(
            f"{options.table} has no row with the label {min(lacking)} to train on: --continue"
            " needs all labels"
        )
    return _work(options, old, labelled, rows, held_out, dtype)


def _split(options: argparse.Namespace, labelled: Labelled) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the rows to train on, and of those to hold out."""
    rows = len(labelled.y)
    require_rows(rows, options.table)
    part = HELD_OUT if options.validation is None else options.validation
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
    def samples(part: Labelled, chosen: np.ndarray, path: Path = options.table) -> Samples:
        unknown: Counter[str] = Counter()
        X = tabular.encoding.encode(part.table.take(chosen), dtype, unknown)
        if options.old is not None or part is not labelled:  # not rows held out of its own
            warn_of_unknown(unknown, path)
        return Samples(X, part.y[chosen])

    own = samples(labelled, rows)
    notes = [*notes_on_reading(labelled.table), *notes_on_target(labelled)]
    if options.validation_table is not None:
        path = options.validation_table
        table = tabular.encoding.named(_read(path, tabular.encoding.header), path)
        notes.extend(f"{path.name}: {note}" for note in notes_on_reading(table))
        table = table.read_as(tabular.found_notation(table))
        other = labelled_table(table, tabular.target, dtype=dtype)
        if not len(other.y):
            raise UserError(f"{path} has no rows with a target: hold out others")
        return Work(tabular, own, samples(other, np.arange(len(other.y)), path), notes)
    return Work(tabular, own, samples(labelled, held_out) if held_out.size else None, notes)


def _parameters(options: argparse.Namespace, rows: int, dtype: str) -> dict:
    return {
        "hidden_layer_sizes": options.layers or usual_layers(rows),
        "activation": options.activation or "relu",
        "dtype": dtype,
        "random_state": options.seed,
        "n_jobs": options.jobs,
        "batch_size": min(options.batch or usual_batch(rows), rows),
        "learning_rate_init": options.learning_rate or 0.001,
        **limits(options.epochs, options.max_time),
    }


def _changes(options: argparse.Namespace, rows: int) -> dict:
    """Of the parameters of a model that is trained further."""
    given = {"learning_rate_init": options.learning_rate, "n_jobs": options.jobs}
    return {
        **{name: value for name, value in given.items() if value is not None},
        "batch_size": min(options.batch or usual_batch(rows), rows),
        "random_state": options.seed,
        **limits(options.epochs, options.max_time),
    }
