"""A table in memory: columns with names, and where its rows stand in a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from .columns import Column
from .errors import TableError, cut, shown
from .numbers import Notation

NAMES_TOLD = 8
UNNAMED = "Unnamed: "
"""Begins the name of a column that the header leaves empty, as pandas has it."""


class Table(NamedTuple):
    """
    Columns of equal length.

    Parameters
    ----------
    columns : sequence of Column
    header : bool
        Whether the file names them; otherwise they are called "0", "1" and so on.
    numbers : ndarray of int of shape (n_rows,)
        Each row's number in its file, from 0 on.
    line_of : callable, default=None
        The line of the file in which a row of some number ends; None where rows have no lines.
    first : sequence of str
        The file's first row as it is there: names, of which some may be the same, or data.
    encoding : str
        In which the file's characters were read if that is a guess, else empty.
    """

    columns: Sequence[Column]
    header: bool
    numbers: np.ndarray
    line_of: Callable[[int], int] | None = None
    first: Sequence[str] = ()
    encoding: str = ""

    @property
    def names(self) -> list[str]:
        """The columns' names."""
        return [column.name for column in self.columns]

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.numbers)

    def take(self, rows: np.ndarray) -> Table:
        """The table of these rows, by their numbers or as a mask."""
        columns = [column.take(rows) for column in self.columns]
        return self._replace(columns=columns, numbers=self.numbers[rows])

    def trimmed(self) -> Table:
        """The same rows, each column with no texts but theirs."""
        return self._replace(columns=[column.trimmed() for column in self.columns])

    def read_as(self, notation: Notation) -> Table:
        """The table with its texts understood in another notation."""
        return self._replace(columns=[column.read_as(notation) for column in self.columns])

    def renamed(self) -> list[tuple[str, str]]:
        """Names in the file that a column before had, and what these columns are called here."""
        if not self.header:
            return []
        pairs = zip(self.first, self.names, strict=False)
        return [(given, name) for given, name in pairs if given and given != name]

    def place(self, row: int) -> str:
        """Where a row stands in its file, for people."""
        number = int(self.numbers[row])
        return f"row {number + 1}" if self.line_of is None else f"line {self.line_of(number)}"

    def find(self, target: str | None) -> int:
        """
        The index of a column given by name or number; the last one for None.

        Raises
        ------
        TableError
            If there is no such column, or there are several.
        """
        width = len(self.columns)
        if target is None:
            return width - 1
        if self.header and self.first.count(target) > 1:
            raise TableError(
                f"{self.first.count(target)} columns are named {shown(target)}: rename all but"
                " one, or give its number"
            )
        if target in self.names:
            return self.names.index(target)
        try:
            index = int(target)
        except ValueError:
            index = width
        if -width <= index < width:
            return index % width
        if target in self.first:
            if self.rows <= 1:
                raise TableError("the table has no rows below its header")
            raise TableError(
                f"there is no column {shown(target)}: the first row was taken for data", "header"
            )
        named = (
            f"its columns are {told(self.names)}, or"
            if self.header
            else "it has no header; columns are"
        )
        raise TableError(f"there is no column {shown(target)}: {named} 0 to {width - 1}")


def unique_names(header: Sequence[str]) -> list[str]:
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


def told(names: Sequence[str], between: str = ", ") -> str:
    """The first of many names, for people."""
    return between.join([*map(cut, names[:NAMES_TOLD]), *["..."] * (len(names) > NAMES_TOLD)])
