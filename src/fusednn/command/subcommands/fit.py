"""`fusednn fit`: trains a network on a table, and keeps it with what was done to the table."""

from __future__ import annotations

import argparse
import time

from fusednn.command.arguments import (
    TASKS,
    above_zero,
    file,
    jobs,
    positive,
    rows_from,
    seed,
    share,
    sizes,
)
from fusednn.command.data.preparing import known, learn, read
from fusednn.command.models import open_model
from fusednn.command.terminal.errors import UserError
from fusednn.command.terminal.output import check_output, replacing
from fusednn.command.training.report import describe, tell_score
from fusednn.command.training.settings import usual_batch, usual_layers
from fusednn.command.training.train import limits, load_estimator, new_estimator, train
from fusednn.tables.numbers import OTHER
from fusednn.tables.tabular import Tabular

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
    table = read(options.table, _header(options, old))
    model = None if old is None else load_estimator(options.old, old.target.classify)
    dtype = options.dtype or "float32" if model is None else str(model.coefs_[0].dtype)
    work = learn(options, table, dtype) if old is None else known(options, table, old, dtype)
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
    """Parameters that change when a model is trained further."""
    given = {"learning_rate_init": options.learning_rate, "n_jobs": options.jobs}
    return {
        **{name: value for name, value in given.items() if value is not None},
        "batch_size": min(options.batch or usual_batch(rows), rows),
        "random_state": options.seed,
        **limits(options.epochs, options.max_time),
    }
