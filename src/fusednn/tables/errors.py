"""The error that unusable tables raise."""

from __future__ import annotations

from typing import Literal

Remedy = Literal[
    "again",  # fit the model again
    "categorical",  # declare a column as categories
    "classification",  # make the task classification
    "decimal",  # state the decimal sign
    "dtype",  # use a wider type
    "fitted",  # give a model that was fitted to a table
    "header",  # state that the first row is a header
    "label",  # if the text means a missing value, declare it; if it is a label, classify
    "missing",  # if the text means a missing value, declare it
    "odd",  # if the text means a missing value, declare it; if not, declare the column as words
    "regression",  # make the task regression
    "sign",  # write a column with the table's decimal sign, or declare it as categories
    "target",  # choose another target
]
"""What the user can do about an error."""

MOST_SHOWN = 60


def cut(text: str) -> str:
    """Shortens a text of a file for messages."""
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."


def shown(text: str) -> str:
    """Shortens and quotes a text of a file for messages."""
    return repr(cut(text))


def one_line(text: str) -> str:
    """Escapes, as Python does, what would break a line or cannot be seen in it."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


class TableError(ValueError):
    """
    A table cannot be read, or cannot be learned from.

    Parameters
    ----------
    message : str
        One line; what breaks it, as in the name of a column, is escaped.
    remedy : Remedy, default=None
        What the user can do. A program that has an option for it adds the option's name.
    """

    def __init__(self, message: str, remedy: Remedy | None = None):
        super().__init__(one_line(message))
        self.remedy = remedy


IN_PYTHON: dict[Remedy, str] = {
    "again": "fit the model again",
    "categorical": "name the column in categorical_features",
    "fitted": "load a model that was fitted to a table",
    "label": "if it is a label, fit a classifier",
    "missing": "if it means a missing value, give NaN or None",
    "odd": "if it means a missing value, give None; if the column holds words, name it in"
    " categorical_features",
    "sign": "convert the column to numbers, or name it in categorical_features",
}
"""How Python code fixes errors of tables in memory; a command names its options."""


def in_python(error: TableError) -> str:
    """The message of a table error, followed by what to do about it in Python."""
    remedy = None if error.remedy is None else IN_PYTHON.get(error.remedy)
    return str(error) if remedy is None else f"{error}: {remedy}"
