"""`fusednn predict`: a model's predictions for a table, block by block."""

from __future__ import annotations

import argparse
import csv
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fusednn.command.arguments import file, jobs, rows_from, rows_to
from fusednn.command.data.parquet_rows import ParquetRows
from fusednn.command.data.raw_tables import used_columns
from fusednn.command.models import is_raw, open_model
from fusednn.command.terminal.errors import UserError
from fusednn.command.terminal.output import check_form, check_output, replacing, text_file
from fusednn.command.training.report import warn_of_unknown
from fusednn.tables.numbers import OTHER, Notation
from fusednn.tables.reading.arrow import pyarrow
from fusednn.tables.reading.parquet import SUFFIXES
from fusednn.tables.reading.table_reader import Blocks, blocks_of
from fusednn.tables.table import Table
from fusednn.tables.tabular import Tabular
from fusednn.training.progress_bar import ProgressBar

if TYPE_CHECKING:
    from fusednn.serving.ensembles.predictor import TabularPredictor
    from fusednn.serving.predictor import Predictor

Columns = dict[str, list[str] | np.ndarray]

ENCODING, ERRORS = "utf-8", "backslashreplace"
"""Encoding of CSV output, in a file or on standard output."""

DETAILS = """\
TABLE needs the columns that the model was trained on, in any order; other columns are ignored. It
is encoded like the training table. Missing values and categories that training did not see are
allowed. Rows are read and predicted in blocks, so TABLE may be larger than memory.

The column of predictions has the target's name ("prediction" if the training table had no header).
Labels are spelled as in the training table. Numbers have as many digits as needed to read back
exactly in the network's type.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = DETAILS
    add = parser.add_argument
    add("model", type=file, metavar="MODEL", help="written by `fusednn fit`")
    add(
        "table", type=rows_from, metavar="TABLE", help="a CSV or Parquet file; - is standard input"
    )
    add(
        "-o", "--output", type=rows_to, metavar="OUT",
        help="the file to write: Parquet if it ends in .parquet or .pq, else CSV, compressed if it"
        " ends in .gz, .bz2 or .xz; an existing file is replaced; default, and -: standard output",
    )  # fmt: skip
    add(
        "--proba", action="store_true",
        help="also write each label's probability, in a column TARGET=LABEL",
    )  # fmt: skip
    add(
        "--id", nargs="+", action="extend", default=[], metavar="COLUMN",
        help="columns of TABLE, by name or number, to copy before the prediction",
    )  # fmt: skip
    add(
        "--decimal", choices=sorted(OTHER),
        help="the decimal sign of TABLE; default: as in the training table, or recognised in the"
        " first rows",
    )  # fmt: skip
    add("--jobs", type=jobs, metavar="N", help="threads; -1 for all CPUs; default: automatic")


def run(options: argparse.Namespace) -> None:
    """Reads, encodes, predicts and writes the table block by block."""
    if options.output is not None:
        check_output(options.output, options.table, options.model)
        check_form(options.output)
    predictor, tabular = open_model(options.model, options.jobs)
    if options.proba and not tabular.target.classify:
        raise UserError(f"{options.model} predicts a quantity: omit --proba")
    encoding = tabular.encoding
    blocks = blocks_of(options.table, encoding.fits, encoding.header)
    unknown: Counter[str] = Counter()
    notation: Notation | None = None
    place: AbstractContextManager[Path | None] = nullcontext()
    if options.output is not None:
        place = replacing(options.output)
    with place as path, _writer(path, options.output) as write:
        for table in _watched(blocks):
            found = encoding.named(table, options.table)
            ids = [table.columns[table.find(name)] for name in options.id]
            columns: Columns = {column.name: column.texts() for column in ids}
            if notation is None:
                notation = tabular.found_notation(found, options.decimal)
            found = found.read_as(notation)
            if is_raw(predictor):
                answers = _of_raw(predictor, used_columns(tabular, found), unknown)
            else:
                X = encoding.encode(found, str(predictor.dtype), unknown)
                answers = _of_inputs(predictor, tabular, X, options.proba)
            columns |= _named(answers, tabular, options.proba, set(columns))
            write(columns)
    warn_of_unknown(unknown)


def _watched(blocks: Blocks) -> Iterator[Table]:
    """Yields the blocks, with a progress bar if there are several."""
    bar, rows, number = ProgressBar("predicting", 100, sys.stderr), 0, 0
    try:
        for number, table in enumerate(blocks):
            yield table
            rows += table.rows
            if number:  # at most 99: a file may be read long before its last row is predicted
                bar.update(min(max(1, int(100 * blocks.share())), 99), f"{rows:,} rows")
        if number:
            bar.update(100, f"{rows:,} rows")
    finally:
        bar.finish()


class Answers(NamedTuple):
    """Values, or the places of labels and their probabilities, if these were computed."""

    found: np.ndarray
    probabilities: np.ndarray | None = None


def _of_inputs(predictor: Predictor, tabular: Tabular, X: np.ndarray, proba: bool) -> Answers:
    """Predicts encoded rows."""
    labels, given = tabular.target.labels, len(X) > 0
    if labels is None:
        values = np.empty(0, predictor.dtype)
        return Answers(predictor.predict(X, validate=False) if given else values)
    shares = np.empty((0, len(labels)), predictor.dtype)
    if not given:
        return Answers(np.empty(0, np.intp), shares)
    places = np.searchsorted(predictor.classes_, predictor.predict(X, validate=False))
    return Answers(places, predictor.predict_proba(X, validate=False) if proba else None)


def _of_raw(predictor: TabularPredictor, table: Table, unknown: Counter[str]) -> Answers:
    """Predicts rows of a table."""
    answers = predictor.answers(table, unknown)
    if not hasattr(predictor, "classes_"):
        return Answers(answers)
    return Answers(answers.argmax(axis=1), answers)


def _named(answers: Answers, tabular: Tabular, proba: bool, taken: set[str]) -> Columns:
    """The columns to write."""
    target = tabular.target
    name = target.name if tabular.encoding.header and target.name not in taken else "prediction"
    names = [name, *(f"{name}={label}" for label in target.labels or ())]
    if twice := taken.intersection(names):
        raise UserError(f"--id names {min(twice)!r}, which is also a column of predictions")
    if target.labels is None:
        return {name: answers.found}
    columns: Columns = {name: [target.labels[number] for number in answers.found]}
    if proba and answers.probabilities is not None:
        columns |= dict(zip(names[1:], answers.probabilities.T, strict=True))
    return columns


@contextmanager
def _writer(path: Path | None, output: Path | None) -> Iterator[Any]:
    """Yields a function that writes blocks of columns, and their names before the first block."""
    if path is not None and output is not None and output.suffix.lower() in SUFFIXES:
        with ParquetRows(pyarrow(), path) as rows:
            yield rows.write
    elif path is None or output is None:
        if hasattr(sys.stdout, "reconfigure"):  # the same bytes whatever the terminal's encoding
            sys.stdout.reconfigure(encoding=ENCODING, errors=ERRORS, newline="")
        yield _csv(sys.stdout)
    else:
        with text_file(path, output.suffix, encoding=ENCODING, errors=ERRORS, newline="") as file:
            yield _csv(file)


def _csv(file):
    rows = csv.writer(file, lineterminator="\n")
    begun = False

    def write(columns: Columns) -> None:
        nonlocal begun
        if not begun:
            rows.writerow(columns)
            begun = True
        # NumPy's text of a float reads back exactly in its own type
        texts = [c if isinstance(c, list) else c.astype(str).tolist() for c in columns.values()]
        rows.writerows(zip(*texts, strict=True))

    return write
