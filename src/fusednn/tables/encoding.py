"""How a table becomes a network's inputs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .columns import Column
from .errors import TableError, shown
from .inputs import Dates, Input, Numbers, Words
from .quantities import held_numbers
from .table import Table, told


class Encoding(NamedTuple):
    """
    What is done to a table.

    Parameters
    ----------
    columns : tuple of str
        Names of the columns of the table that it was learned from, the target too.
    header : bool
        Whether that table had names; otherwise its columns were told by their places.
    target : str
    inputs : tuple of Numbers, Words or Dates
        In the order of the network's inputs.
    """

    columns: tuple[str, ...]
    header: bool
    target: str
    inputs: tuple[Input, ...]

    @property
    def names(self) -> list[str]:
        """Names of the network's inputs."""
        return [name for part in self.inputs for name in part.inputs]

    @property
    def flags(self) -> np.ndarray:
        """Which of the network's inputs are 1 or 0 for a category."""
        return np.array([fill is None for part in self.inputs for fill in part.fills])

    def fits(self, names: list[str]) -> bool:
        """Whether a table with columns of these names may be such a table."""
        if self.header:
            return {part.name for part in self.inputs} <= set(names)
        return len(names) in (len(self.columns), len(self.columns) - 1)

    def named(self, table: Table, path: Path) -> Table:
        """
        A table with the names of the one that was learned from, where that had no header.

        Parameters
        ----------
        table : Table
        path : Path
            Its file, for messages.

        Raises
        ------
        TableError
            If it has not as many columns, or lacks one that is an input, or has several of it or
            of the target.
        """
        names = list(self.columns)
        if self.header:
            lacking = [part.name for part in self.inputs if part.name not in table.names]
            if lacking:
                what = "column" if len(lacking) == 1 else "columns"
                raise TableError(
                    f"{path} has no {what} {told(lacking)}: its columns are {told(table.names)}"
                )
            used = {self.target, *(part.name for part in self.inputs)}
            for given, name in table.renamed():
                if given in used and name not in names:
                    count = table.first.count(given)
                    raise TableError(
                        f"{path} has {count} columns named {shown(given)}, where one is expected:"
                        " rename all but one"
                    )
            return table
        if len(table.columns) == len(names) - 1:
            names.remove(self.target)
        if len(table.columns) != len(names):
            raise TableError(
                f"{path} has {len(table.columns)} columns; {len(self.columns)} are needed, as in"
                f" the training table, or {len(self.columns) - 1} without the target"
            )
        columns = [c.renamed(name) for c, name in zip(table.columns, names, strict=True)]
        return table._replace(columns=columns)

    def encode(
        self,
        table: Table,
        dtype: str,
        unknown: Counter[str] | None = None,
        holds: str | None = None,
    ) -> np.ndarray:
        """
        The network's inputs.

        Parameters
        ----------
        table : Table
            With all columns that are inputs, in any order, and others.
        dtype : str
        unknown : Counter, optional
            Counts, by column, values that are no category; these have all inputs 0.
        holds : str, default=None
            Another type that is to hold the numbers.

        Returns
        -------
        ndarray of shape (n_rows, n_inputs)

        Raises
        ------
        TableError
            If there is a word where numbers or dates are expected, a number that the type cannot
            hold, or one of another unit.
        """
        X = np.zeros((table.rows, len(self.names)), dtype)
        places = {name: number for number, name in reversed(list(enumerate(table.names)))}
        at = 0
        for part in self.inputs:
            column = table.columns[places[part.name]]
            if isinstance(part, Numbers):
                numbers = held_numbers(column, table, holds or dtype, part.unit)
                numbers[np.isnan(numbers)] = part.fill
                X[:, at] = numbers
            elif isinstance(part, Dates):
                X[:, at : at + len(part.medians)] = part.numbers(column, table)
            else:
                strange = _write_flags(X[:, at : at + len(part.categories)], part, column)
                if unknown is not None and strange:
                    unknown[part.name] += strange
            at += len(part.inputs)
        return X


def _write_flags(flags: np.ndarray, part: Words, column: Column) -> int:
    """Sets the flags of the rows' categories; returns how many rows have none of them."""
    known = {word: place for place, word in enumerate(part.categories)}
    texts = zip(column.distinct.strings, column.distinct.missing, strict=True)
    found = [known.get(None if missing else text, -1) for text, missing in texts]
    where = np.array(found, np.intp)[column.codes]
    rows = np.flatnonzero(where >= 0)
    flags[rows, where[rows]] = 1
    return len(where) - len(rows)
