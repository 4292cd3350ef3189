"""What a command says on standard error: one line, what to do in it."""

import sys

from fusednn.tables.errors import Remedy, TableError

REMEDIES: dict[Remedy, str] = {
    "again": "make it again by `fusednn fit`",
    "categorical": "say --categorical with its name",
    "classification": "leave --task away, or say --task classification",
    "decimal": "say --decimal . or --decimal , to `fusednn fit` and `fusednn predict`",
    "dtype": "fit with --dtype float64",
    "fitted": "give a model made by `fusednn fit`",
    "header": "if it names the columns, say --header yes to `fusednn fit`",
    "label": "if it means a missing value, leave it empty or `fusednn fit` with --missing VALUE;"
    " if the column holds classes, with --task classification",
    "missing": "if it means a missing value, leave it empty or `fusednn fit` with --missing VALUE",
    "odd": "if it means a missing value, leave it empty or `fusednn fit` with --missing VALUE; if"
    " the column holds words, with --categorical COLUMN",
    "regression": "say --task regression, or store them as numbers",
    "sign": "write all numbers with one sign, or say --decimal with it; if the column holds words,"
    " say --categorical with its name, or --task classification of the target",
    "target": "choose what to predict with --target",
}
"""What mends a table's errors here."""


class UserError(Exception):
    """A mistake that the user can mend; the message is one line that says how.

    `main` prints it without a traceback and ends with `exit_code`.
    """

    exit_code = 2


class CheckFailed(UserError):
    """What was to be checked is not so."""

    exit_code = 1


def in_words(error: TableError) -> str:
    """What a table's error says, with the option that mends it."""
    return str(error) if error.remedy is None else f"{error}: {REMEDIES[error.remedy]}"


def complain(message: object) -> None:
    """
    Print one line on standard error.

    Parameters
    ----------
    message : object
        Its text, or the name of its type where that is empty.
    """
    text = " ".join(str(message).split()) or type(message).__name__
    print(f"fusednn: {text}", file=sys.stderr, flush=True)
