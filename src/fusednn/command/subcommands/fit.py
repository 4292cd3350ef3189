"""`fusednn fit`: trains networks on a table, and saves them together with how it was read."""

from __future__ import annotations

import argparse
import time

from fusednn.command.arguments import (
    DEVICES,
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
from fusednn.command.models import is_raw, open_model
from fusednn.command.subcommands.fit_presets import PLAIN, PRESETS, fit_preset, preset_of
from fusednn.command.terminal.errors import UserError
from fusednn.command.terminal.output import check_output, replacing
from fusednn.command.training.devices import check_usable, refusals
from fusednn.command.training.report import describe, print_score
from fusednn.command.training.settings import usual_batch, usual_layers
from fusednn.command.training.train import limits, load_estimator, new_estimator, train
from fusednn.tables.numbers import OTHER
from fusednn.tables.tabular import Tabular

DETAILS = """\
TABLE is a Parquet file, or a CSV file (commas, semicolons, tabs, | or blanks as delimiters; in
UTF-8, UTF-16, UTF-32 or a one-byte Western encoding; plain or compressed: gz, bz2, xz, zip, zst).

By default an ensemble of networks is trained, fusednn's TabularClassifier or TabularRegressor:
--preset default. Each network is trained on three quarters of the rows; the other quarter decides
how long. Answers for rows that networks have not seen decide their weights, and are scored.
--preset fast trains one small network, --preset realmlp the network of a publication. The rows of
--validation or --validation-table decide instead, and are scored.

--preset plain trains one network of --layers on plain inputs. --layers, --activation, --dtype,
--epochs, --batch, --learning-rate and --continue are for it alone: if one is given, the preset is
plain. What follows on numbers and words is of the plain network; others scale and clip numbers,
say where one is missing, and learn vectors for the categories of a column that has many.

Numbers: each column becomes one input. Missing values (empty, ?, NA, N/A, NaN, null, none, others
that pandas knows, Excel's errors such as #DIV/0!) are replaced by the column's median. Numbers may
have thousands separators, one currency sign or a percent sign (12 % is 12), and parentheses for
minus. Decimal commas are recognised where they are unambiguous. A column with a few cells that are
not numbers is an error, and so are infinity and numbers that the network's type cannot hold.

Words: each column becomes one input for each of its 50 commonest categories; a missing value is a
category. Numbers that Parquet stores as texts count as words, and so do columns of --categorical.

Dates (2024-05-31, 31.05.2024, and with slashes if a day above 12 shows the order; times are
converted to UTC if they have an offset): each column becomes year, month, day, weekday, hour and
days since the first date, without those that do not vary.

Left out: columns that are empty or in which nearly all words differ, an index without a name, and
rows without a target. In a target of words, only empty cells, ? and the values of --missing count
as no target. MODEL stores all of this, and `fusednn predict` applies it to its table.

For the plain network a tenth of the rows is held out. Training stops when their loss has not
improved for 10 epochs, keeps the weights of the best epoch, and prints the score on these rows.
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
        help="the file to write, such as m.safetensors; an existing file is replaced",
    )  # fmt: skip
    add(
        "--task", choices=TASKS,
        help="default: classification for words and up to 30 different whole numbers",
    )  # fmt: skip
    add(
        "--preset", choices=[*PRESETS, PLAIN],
        help="what to train, see below; default: default, or plain if an option is given that only"
        " the plain network has",
    )  # fmt: skip
    add(
        "--drop", nargs="+", action="extend", default=[], metavar="COLUMN",
        help="columns to leave out, by name or number",
    )  # fmt: skip
    add(
        "--categorical", nargs="+", action="extend", default=[], metavar="COLUMN",
        help="columns, by name or number, whose numbers or dates are categories; each spelling is"
        " one category",
    )  # fmt: skip
    add(
        "--header", choices=["yes", "no"],
        help="whether the first row names the columns; default: automatic",
    )  # fmt: skip
    add(
        "--decimal", choices=sorted(OTHER),
        help="the decimal sign; the other sign separates thousands; default: automatic",
    )  # fmt: skip
    add(
        "--missing", nargs="+", action="extend", default=[], metavar="VALUE",
        help="further values that mean missing, such as --missing -999 inf unknown",
    )  # fmt: skip
    add(
        "--continue", type=file, dest="old", metavar="OLD",
        help="train this model of --preset plain further, with its target, encoding and network",
    )  # fmt: skip
    held_out = parser.add_argument_group("held-out rows").add_mutually_exclusive_group()
    held_out.add_argument(
        "--validation", type=share, metavar="SHARE",
        help="share of the rows to hold out; 0 for none. Default: 0.1 with --preset plain, else 0",
    )  # fmt: skip
    held_out.add_argument(
        "--validation-table",
        type=rows_from,
        metavar="FILE",
        help="use the rows of this file as held-out rows instead",
    )
    add = parser.add_argument_group("training").add_argument
    add("--max-time", type=above_zero, metavar="SECONDS", help="end training after this time")
    add("--jobs", type=jobs, metavar="N", help="threads; -1 for all CPUs; default: automatic")
    add("--seed", type=seed, default=0, metavar="N", help="default: 0")
    add("--device", choices=DEVICES, help="where it is trained: cuda is a GPU; default: cpu")
    add = parser.add_argument_group("the plain network").add_argument
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
        help="the most passes over the rows; default: 200, or as many as --max-time allows",
    )  # fmt: skip
    add(
        "--batch", type=positive, metavar="N",
        help="rows of a mini-batch; default: 32, or 200 from 10,000 rows on",
    )  # fmt: skip
    add("--learning-rate", type=above_zero, metavar="RATE", help="for Adam; default: 0.001")


def run(options: argparse.Namespace) -> None:
    """Reads the table, learns its encoding, trains, scores and saves the model."""
    if options.table is options.validation_table:  # only STANDARD_INPUT is one object for both
        raise UserError("standard input can be read only once: give a file as --validation-table")
    check_output(options.output, options.table, options.validation_table)
    if options.old is None and options.target is None:
        raise UserError("--target is missing: name the column to predict")
    check_usable(options.device)
    preset = preset_of(options)
    if preset != PLAIN:
        fit_preset(options, read(options.table, _header(options, None)), preset)
        return
    old = None
    if options.old is not None:
        _refuse_with_continue(options)
        predictor, old = open_model(options.old)
        if is_raw(predictor):
            raise UserError(
                f"{options.old} is not of --preset plain, so it is not trained further: fit a new"
                " one to all rows"
            )
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
        with refusals(model.device):
            train(model, work.tabular, work.samples, work.held_out)
    except MemoryError:
        raise UserError(
            "not enough memory to train: give fewer or smaller --layers, or fewer rows"
        ) from None
    seconds = time.perf_counter() - start
    print_score(model, work, seconds)
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
            raise UserError(f"--{name} cannot be given with --continue: the model decides it")


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
        "device": options.device or "cpu",
        "batch_size": min(options.batch or usual_batch(rows), rows),
        "learning_rate_init": options.learning_rate or 0.001,
        **limits(options.epochs, options.max_time),
    }


def _changes(options: argparse.Namespace, rows: int) -> dict:
    """Parameters that may change when a model is trained further."""
    given = {
        "learning_rate_init": options.learning_rate,
        "n_jobs": options.jobs,
        "device": options.device or "cpu",  # not the file's: this machine may have no GPU
    }
    return {
        **{name: value for name, value in given.items() if value is not None},
        "batch_size": min(options.batch or usual_batch(rows), rows),
        "random_state": options.seed,
        **limits(options.epochs, options.max_time),
    }
