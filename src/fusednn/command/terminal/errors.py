"""Errors of the commands: one line on standard error that says what to do."""

import sys

from fusednn.tables.errors import Remedy, TableError

REMEDIES: dict[Remedy, str] = {
    "again": "run `fusednn fit` again",
    "categorical": "give --categorical with its name",
    "classification": "omit --task, or give --task classification",
    "decimal": "give --decimal . or --decimal , to `fusednn fit` and `fusednn predict`",
    "dtype": "run `fusednn fit` with --dtype float64",
    "fitted": "give a model that `fusednn fit` has written",
    "header": "if it names the columns, run `fusednn fit` with --header yes",
    "label": "if it means a missing value, leave it empty or run `fusednn fit` with --missing"
    " VALUE; if the column holds classes, give --task classification",
    "missing": "if it means a missing value, leave it empty or run `fusednn fit` with --missing"
    " VALUE",
    "odd": "if it means a missing value, leave it empty or run `fusednn fit` with --missing VALUE;"
    " if the column holds words, give --categorical COLUMN",
    "regression": "give --task regression, or store them as numbers",
    "sign": "write all numbers with one decimal sign, or give --decimal; if the column holds"
    " words, give --categorical with its name, or --task classification if it is the target",
    "target": "choose another column to predict with --target",
}
"""How the command's options fix each kind of table error."""


class UserError(Exception):
    """An error that the user can fix; the message is one line that says how.

    `main` prints it without a traceback and returns `exit_code`.
    """

    exit_code = 2


class CheckFailed(UserError):
    """A check failed."""

    exit_code = 1


class Interrupted(UserError):
    """Ctrl-C ended a command, which has kept its work."""

    exit_code = 130


def in_words(error: TableError) -> str:
    """The message of a table error, followed by the option that fixes it."""
    return str(error) if error.remedy is None else f"{error}: {REMEDIES[error.remedy]}"


def complain(message: object) -> None:
    """
    Print one line on standard error.

    Parameters
    ----------
    message : object
        Its text is printed, or the name of its type if the text is empty.
    """
    text = " ".join(str(message).split()) or type(message).__name__
    print(f"fusednn: {text}", file=sys.stderr, flush=True)
