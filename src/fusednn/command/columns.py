"""A table in memory: columns of codes and distinct texts.

A column keeps every distinct text once and a code per row, so that a table of many rows takes
little memory and each text is understood once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from .errors import UserError

BLANK = frozenset({"", "?"})
MISSING = BLANK | {"na", "n/a", "nan", "null", "none"}
NAMES_TOLD = 8
UNNAMED = "Unnamed: "
"""Begins the name of a column that the header leaves empty, as pandas has it."""


@dataclass(frozen=True, eq=False)
class Column:
    """
    One column: the text of row i is `values[codes[i]]`.

    Parameters
    ----------
    name : str
    codes : ndarray of int32 of shape (n_rows,)
    values : list of str
        Distinct and stripped.
    """

    name: str
    codes: np.ndarray
    values: list[str]
    _understood: dict[str, np.ndarray | None] = field(default_factory=dict, repr=False)
    """What has been made of the values; columns of other rows share it."""

    def missing(self) -> np.ndarray:
        """Whether each row's value is missing; among numbers infinity, which no network can use,
        counts."""
        if "missing" not in self._understood:
            numbers = self._numbers()
            self._understood["missing"] = (
                np.array([is_missing(v) for v in self.values], bool)
                if numbers is None
                else np.isnan(numbers)
            )
        missing = self._understood["missing"]
        assert missing is not None
        return missing[self.codes]

    def among(self, texts: Container[str]) -> np.ndarray:
        """Whether each row's value is one of these."""
        return np.array([v in texts for v in self.values], bool)[self.codes]

    def numbers(self) -> np.ndarray | None:
        """The values as float64, NaN where missing; None if one of them is no number."""
        numbers = self._numbers()
        return None if numbers is None else numbers[self.codes]

    def first_word(self) -> tuple[int, str] | None:
        """The row and the text of the first value that is neither a number nor missing."""
        words = [not is_missing(v) and number_of(v) is None for v in self.values]
        rows = np.flatnonzero(np.array(words, bool)[self.codes])
        return (int(rows[0]), self.values[self.codes[rows[0]]]) if rows.size else None

    def take(self, rows: np.ndarray) -> Column:
        """The column of these rows, by their numbers or as a mask."""
        return replace(self, codes=self.codes[rows])

    def _numbers(self) -> np.ndarray | None:
        """Of the distinct values."""
        if "numbers" not in self._understood:
            self._understood["numbers"] = _parsed(self.values)
        return self._understood["numbers"]


def _parsed(values: list[str]) -> np.ndarray | None:
    try:
        if "_" in "".join(values):  # which Python takes in numbers, and other programs do not
            raise ValueError
        found = np.array(list(map(float, values)), float)
    except ValueError:  # some are missing, or no numbers
        numbers = [np.nan if is_missing(value) else number_of(value) for value in values]
        if None in numbers:
            return None
        found = np.array(numbers, float)
    found[np.isinf(found)] = np.nan
    return found


class Table(NamedTuple):
    """
    Columns of equal length.

    Parameters
    ----------
    columns : list of Column
    header : bool
        Whether the file names them; otherwise they are called "0", "1" and so on.
    lines : ndarray of shape (n_rows,), or None
        The line of the file in which each row ends; None where rows have no lines.
    first_row : int
        The number of the first row in its file.
    """

    columns: list[Column]
    header: bool
    lines: np.ndarray | None = None
    first_row: int = 0

    @property
    def names(self) -> list[str]:
        """The columns' names."""
        return [column.name for column in self.columns]

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.columns[0].codes) if self.columns else 0

    def take(self, rows: np.ndarray) -> Table:
        """The table of these rows, by their numbers or as a mask."""
        lines = None if self.lines is None else self.lines[rows]
        return self._replace(columns=[column.take(rows) for column in self.columns], lines=lines)

    def place(self, row: int) -> str:
        """Where a row stands in its file, for people."""
        if self.lines is not None:
            return f"line {self.lines[row]}"
        return f"row {self.first_row + row + 1}"

    def find(self, target: str | None) -> int:
        """
        The index of a column given by name or number; the last one for None.

        Raises
        ------
        UserError
            If there is no such column.
        """
        width = len(self.columns)
        if target is None:
            return width - 1
        if target in self.names:
            return self.names.index(target)
        try:
            index = int(target)
        except ValueError:
            index = width
        if -width <= index < width:
            return index % width
        named = (
            f"its columns are {told(self.names)}, or"
            if self.header
            else ("it has no header; columns are")
        )
        raise UserError(f"there is no column {target!r}: {named} 0 to {width - 1}")


def unique_names(header: list[str]) -> list[str]:
    """Names of columns, no two the same, as pandas has them: the second "a" is "a.1"."""
    names = [cell or f"{UNNAMED}{i}" for i, cell in enumerate(header)]
    seen: Counter[str] = Counter()
    taken, found = set(names), []
    for name in names:
        new = name
        while seen[name] and (new == name or new in taken):
            new = f"{name}.{seen[name]}"
            seen[name] += 1
        seen[name] = max(seen[name], 1)
        taken.add(new)
        found.append(new)
    return found


def told(names: list[str]) -> str:
    """The first of many names, for people."""
    return ", ".join(names[:NAMES_TOLD]) + (", ..." if len(names) > NAMES_TOLD else "")


def is_missing(text: str) -> bool:
    """Whether a value says that there is none."""
    return text.lower() in MISSING


def number_of(text: str) -> float | None:
    """What a text says in numbers, or None."""
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None
