"""Encodes a table as a network's inputs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .columns import Column
from .errors import TableError, shown
from .inputs import Dates, Input, Numbers, Words
from .quantities import held_numbers
from .table import Table, listed


class Encoding(NamedTuple):
    """
    The encoding of a table's columns.

    Parameters
    ----------
    columns : tuple of str
        Names of the training table's columns, including the target.
    header : bool
        Whether that table had a header; otherwise columns are identified by position.
    target : str
        Name of the target's column.
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
        """Mask of the network's inputs that are 1 or 0 for a category."""
        return np.array([fill is None for part in self.inputs for fill in part.fills])

    def fits(self, names: list[str]) -> bool:
        """Whether a table with columns of these names can be encoded."""
        if self.header:
            return {part.name for part in self.inputs} <= set(names)
        return len(names) in (len(self.columns), len(self.columns) - 1)

    def named(self, table: Table, path: Path) -> Table:
        """
        Check a table's columns; without a header, give them the training table's names.

        Parameters
        ----------
        table : Table
        path : Path
            The table's file, for messages.

        Raises
        ------
        TableError
            If an input's column is missing, a name of an input or of the target occurs several
            times, or a table without a header has another number of columns.
        """
        names = list(self.columns)
        if self.header:
            lacking = [part.name for part in self.inputs if part.name not in table.names]
            if lacking:
                what = "column" if len(lacking) == 1 else "columns"
                raise TableError(
                    f"{path} has no {what} {listed(lacking)}: its columns are"
                    f" {listed(table.names)}"
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
        Encode rows as the network's inputs.

        Parameters
        ----------
        table : Table
            Contains the columns of all inputs, in any order; other columns are ignored.
        dtype : str
        unknown : Counter, optional
            Adds the number of rows with an unknown category for each column. All inputs of such
            a category are 0.
        holds : str, default=None
            Numbers must fit this type. None: `dtype`.

        Returns
        -------
        ndarray of shape (n_rows, n_inputs)

        Raises
        ------
        TableError
            If a number or a date is expected and there is a word, a number has another unit, or
            the type cannot hold a number.
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
    """Sets the flags of the rows' categories; returns the number of rows of unknown category."""
    known = {word: place for place, word in enumerate(part.categories)}
    texts = zip(column.distinct.strings, column.distinct.missing, strict=True)
    found = [known.get(None if missing else text, -1) for text, missing in texts]
    where = np.array(found, np.intp)[column.codes]
    rows = np.flatnonzero(where >= 0)
    flags[rows, where[rows]] = 1
    return len(where) - len(rows)
