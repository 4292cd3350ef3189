"""The target of a table: labels, or a quantity."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

from .columns import EXACT, Column
from .errors import TableError, cut, shown
from .quantities import held_numbers, refuse_odd, unit_of
from .table import Table

CLASSIFICATION, REGRESSION = "classification", "regression"
MOST_CLASSES = 30
ALL_DIFFERENT = 0.5
MOST_LABELS_LISTED = 5
DIGITS = re.compile(r"[+-]?\d{1,4000}", re.ASCII)
PADDED = re.compile(r"[+-]?0+\d.*")
"""Numbers with leading zeros, such as identifiers have."""


class Target(NamedTuple):
    """
    The column to predict.

    Parameters
    ----------
    name : str
    labels : tuple of str, or None
        Each class's text, in the order of the estimator's `classes_`. None for a quantity.
    whole : bool
        Whether the estimator's classes are integers; otherwise they are the texts.
    unit : str
        Currency or percent sign of a quantity, or "".
    """

    name: str
    labels: tuple[str, ...] | None = None
    whole: bool = False
    unit: str = ""

    @property
    def classify(self) -> bool:
        """Whether the target is a class."""
        return self.labels is not None

    @classmethod
    def learned(cls, column: Column, table: Table, task: str | None = None) -> Target:
        """
        Learn the target from a column without missing values.

        Words and up to `MOST_CLASSES` distinct whole numbers are classes. Anything else is a
        quantity.

        Parameters
        ----------
        column : Column
        table : Table
            The column's table; messages name its lines.
        task : {"classification", "regression"}, default=None
            The task, if it is known.

        Raises
        ------
        TableError
            If there is nothing to learn, the column does not suit the task, or only a few of its
            cells are not numbers.
        """
        words = column.is_text and task != REGRESSION
        if task != CLASSIFICATION and not words:
            refuse_odd(column, table, "missing" if task else "label")
        values = None if words else column.numbers()
        distinct = len(np.unique(column.codes if values is None else values))
        whole = values is not None and _are_whole(values) and _are_plain(column)
        long = values is not None and _are_long(values, column)
        known_apart, apart = distinct, long or (whole and _are_identifiers(column))
        if apart:
            distinct = max(distinct, len(np.unique(column.codes)))
        name, rows = column.name, len(column)
        if distinct < 2:
            has = "one value only" if distinct else "no values"
            raise TableError(f"column {name!r} has {has}", "target")
        different = distinct > max(ALL_DIFFERENT * rows, 2)
        few = (whole or long) and distinct <= MOST_CLASSES and not different
        if task == REGRESSION or (task is None and values is not None and not few):
            if values is None:
                raise TableError(
                    f"column {name!r} has words, so it is not a quantity", "classification"
                )
            if known_apart < 2:
                raise TableError(
                    f"column {name!r} has whole numbers of so many digits that as quantities they"
                    " are all equal",
                    "classification",
                )
            return cls(name, unit=unit_of(column, table))
        if different:
            if values is None and column.distinct.are_numbers():
                raise TableError(
                    f"column {name!r} has {distinct:,} different numbers, stored as texts: too"
                    " many for classes",
                    "regression",
                )
            kind = "words" if values is None else "numbers"
            raise TableError(
                f"column {name!r} has {distinct:,} different {kind} in {rows:,} rows, too many for"
                " classes",
                "target",
            )
        whole = whole and not apart
        return cls(name, _labels(column, values if whole else None), whole)

    @property
    def classes(self) -> np.ndarray:
        """The estimator's classes."""
        assert self.labels is not None
        if self.whole:
            return np.array([float(label) for label in self.labels]).astype(np.int64)
        return np.array(self.labels)

    def values(self, column: Column, table: Table, dtype: str | np.dtype) -> np.ndarray:
        """
        Read a column without missing values: the estimator's classes, or float64.

        Parameters
        ----------
        column : Column
        table : Table
            The column's table; messages name its lines.
        dtype : str or dtype
            A quantity must fit this type.

        Raises
        ------
        TableError
            If a label is unknown, a quantity is not a number, or the type cannot hold it.
        """
        if self.labels is None:
            return held_numbers(column, table, dtype, self.unit)
        known: dict[Any, int] = {self._key(text): i for i, text in enumerate(self.labels)}
        places = np.array([known.get(self._key(text), -1) for text in column.values], np.intp)
        places = places[column.codes]
        if (unknown := np.flatnonzero(places < 0)).size:
            word = column.values[column.codes[unknown[0]]]
            raise TableError(
                f"{table.place(int(unknown[0]))}: {self.name} is {shown(word)}, which is none of"
                f" the labels of the training table ({self.listed_labels()})"
            )
        return self.classes[places]

    def _key(self, text: str) -> Any:
        """The same value for all texts of a class: 1 and 1.0 are one class, 1 and 01 are two."""
        try:
            return float(text) if self.whole and not PADDED.fullmatch(text) else text
        except ValueError:
            return text

    def listed_labels(self) -> str:
        """The first labels, for messages."""
        labels = self.labels or ()
        return ", ".join(map(cut, labels[:MOST_LABELS_LISTED])) + (
            ", ..." if len(labels) > MOST_LABELS_LISTED else ""
        )


def _are_plain(column: Column) -> bool:
    """Whether Python's `float` reads all texts, as `classes` requires of labels."""
    try:
        return len([float(column.values[code]) for code in np.unique(column.codes)]) > 0
    except ValueError:
        return False


def _are_whole(values: np.ndarray) -> bool:
    return bool((values == np.round(values)).all() and np.abs(values).max(initial=0) < EXACT)


def _are_long(values: np.ndarray, column: Column) -> bool:
    """Whether these are whole numbers of which float64 makes some equal."""
    if np.abs(values).max(initial=0) < EXACT:
        return False
    present = [column.values[code] for code in np.unique(column.codes)]
    if not all(map(DIGITS.fullmatch, present)):
        return False
    return len(set(map(int, present))) > len(np.unique(values))


def _are_identifiers(column: Column) -> bool:
    """Whether there are texts such as 1 and 01, which are one number but two labels."""
    present = np.unique(column.codes)
    padded = np.array([PADDED.fullmatch(column.values[i]) is not None for i in present], bool)
    if not padded.any():
        return False
    numbers = column.distinct.numbers
    assert numbers is not None
    once, others = numbers[present][padded], numbers[present][~padded]
    return bool(len(np.unique(once)) < len(once) or np.isin(once, others).any())


def _labels(column: Column, numbers: np.ndarray | None) -> tuple[str, ...]:
    """The text of each class: the commonest of those that are one number, such as 1 and 1.0."""
    counts = np.bincount(column.codes, minlength=len(column.values))
    present = [i for i in np.argsort(-counts, kind="stable") if counts[i]]
    if numbers is None:
        return tuple(sorted(column.values[i] for i in present))
    by_number: dict[float, str] = {}
    for i in present:
        by_number.setdefault(float(column.values[i]), column.values[i])
    return tuple(text for _, text in sorted(by_number.items()))
