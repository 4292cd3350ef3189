"""What tables refuse."""

from __future__ import annotations

from typing import Literal

Remedy = Literal[
    "again",  # the model is to be made again
    "categorical",  # a column is to be categories
    "classification",  # the task is to be classification
    "decimal",  # it is to be said which sign marks decimals
    "dtype",  # the numbers need a wider type
    "fitted",  # a model of tables is to be given
    "header",  # it is to be said that the first row is names
    "label",  # a text may mean a missing value, or its column be labels
    "missing",  # a text may mean a missing value
    "odd",  # a text may mean a missing value, or its column be words
    "regression",  # the task is to be regression
    "sign",  # a column is to have the table's decimal sign, or be categories
    "target",  # another column is to be the target
]

MOST_SHOWN = 60


def cut(text: str) -> str:
    """A text from a file, for people: its beginning only if it is long."""
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."


def shown(text: str) -> str:
    """The same in quotes."""
    return repr(cut(text))


class TableError(ValueError):
    """
    A table that cannot be read, or not be learned from; the message is one line.

    Parameters
    ----------
    message : str
    remedy : Remedy, default=None
        What mends it, where the caller's options do: a program that has such options says which.
    """

    def __init__(self, message: str, remedy: Remedy | None = None):
        super().__init__(message)
        self.remedy = remedy
