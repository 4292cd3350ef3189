"""A table in memory: named columns, and the line of each row in its file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from .columns import Column
from .errors import TableError, cut, shown
from .numbers import Notation

MOST_LISTED = 8
UNNAMED = "Unnamed: "
"""Prefix of the name of a column that the header leaves empty, the same as in pandas."""


class Table(NamedTuple):
    """
    Columns of equal length.

    Parameters
    ----------
    columns : sequence of Column
    header : bool
        Whether the file names the columns; otherwise they are called "0", "1" and so on.
    numbers : ndarray of int of shape (n_rows,)
        Each row's number in its file, counted from 0.
    line_of : callable, default=None
        Returns the line of the file in which a row ends, by the row's number. None for a file
        without lines.
    first : sequence of str
        The file's first row, unchanged: names, perhaps with duplicates, or data.
    encoding : str
        The file's encoding if it was guessed, else empty.
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
        """The number of rows."""
        return len(self.numbers)

    def take(self, rows: np.ndarray) -> Table:
        """A table of the chosen rows: indices, or a mask."""
        columns = [column.take(rows) for column in self.columns]
        return self._replace(columns=columns, numbers=self.numbers[rows])

    def trimmed(self) -> Table:
        """The same rows; columns keep only the distinct texts that occur in them."""
        return self._replace(columns=[column.trimmed() for column in self.columns])

    def read_as(self, notation: Notation) -> Table:
        """The same table, with its texts read in another notation."""
        return self._replace(columns=[column.read_as(notation) for column in self.columns])

    def renamed(self) -> list[tuple[str, str]]:
        """Pairs of a duplicate name in the file and the column's name in this table."""
        if not self.header:
            return []
        pairs = zip(self.first, self.names, strict=False)
        return [(given, name) for given, name in pairs if given and given != name]

    def place(self, row: int) -> str:
        """A row's line or number in its file, for messages."""
        number = int(self.numbers[row])
        return f"row {number + 1}" if self.line_of is None else f"line {self.line_of(number)}"

    def find(self, target: str | None) -> int:
        """
        The index of a column given by name or number. None: the last column.

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
                f"there is no column {shown(target)}: the first row was read as data", "header"
            )
        named = (
            f"its columns are {listed(self.names)}, or"
            if self.header
            else "it has no header; columns are"
        )
        raise TableError(f"there is no column {shown(target)}: {named} 0 to {width - 1}")


def unique_names(header: Sequence[str]) -> list[str]:
    """Makes the names of columns unique, the same as pandas does: the second "a" is "a.1"."""
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


def listed(names: Sequence[str], between: str = ", ") -> str:
    """Joins at most `MOST_LISTED` names, for messages."""
    return between.join([*map(cut, names[:MOST_LISTED]), *["..."] * (len(names) > MOST_LISTED)])
