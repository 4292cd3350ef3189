"""How columns of text become a network's inputs: learned from one table, applied to any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .columns import Column
from .dates import Form, Unsure, form_of
from .errors import TableError, shown
from .inputs import Dates, Input, Numbers, Words
from .quantities import begin_with_digits, has_numbers, held_numbers, refuse_odd, unit_of
from .table import UNNAMED, Table, told
from .target import ALL_DIFFERENT

MOST_CATEGORIES = 50
INDEX_NAMES = UNNAMED, "__index_level_"
"""How the names begin that pandas gives to an index without one."""


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
        """Of the network's inputs."""
        return [name for part in self.inputs for name in part.inputs]

    @property
    def flags(self) -> np.ndarray:
        """Which of the network's inputs are 1 or 0 for a category."""
        return np.array([fill is None for part in self.inputs for fill in part.fills])

    @classmethod
    def learned(
        cls,
        table: Table,
        target: int,
        train: np.ndarray,
        drop: Sequence[int] = (),
        categorical: Sequence[int] = (),
    ) -> Learned:
        """
        The encoding of a table.

        Columns of numbers stay as they are, with the median in place of missing values, and so do
        the parts of dates. Others have an input for each of their commonest categories, a missing
        value being one.

        Parameters
        ----------
        table : Table
        target : int
            Number of its column.
        train : ndarray of int
            Rows from which medians and categories are learned.
        drop : sequence of int
            Numbers of columns to leave out.
        categorical : sequence of int
            Numbers of columns whose numbers or dates are categories.

        Returns
        -------
        Learned

        Raises
        ------
        TableError
            If no column is left, or one would be numbers or dates but for a few cells.
        """
        inputs: list[Input] = []
        useless, indexes, odd, missing = [], [], [], 0
        digits, unsure, resembling = [], [], []
        for number, column in enumerate(table.columns):
            if number == target or number in drop:
                continue
            absent = column.missing()
            missing += int(absent.sum())
            chosen = number in categorical
            values = None if chosen or column.is_text else column.numbers()
            found: Input | None = None
            if values is not None:
                found = _numbers(column.name, values[train], unit_of(column, table))
            elif not absent.all():
                form = None if chosen else form_of(column, table)
                if form is None and not (chosen or column.is_text):
                    refuse_odd(column, table, "odd")
                if isinstance(form, Form):
                    found = Dates.learned(column.name, form, form.of(column, table)[train])
                else:
                    found = _words(column.name, column.take(train))
                if isinstance(form, Unsure):
                    unsure.append(column.name)
                elif form is None and not chosen:
                    if column.is_text and column.distinct.are_numbers():
                        digits.append(column.name)
                    elif not column.is_text and has_numbers(column):
                        odd.append(number)
                    elif not column.is_text and begin_with_digits(column):
                        resembling.append(number)
            if found is None:
                useless.append(column.name)
            elif values is not None and _is_index(column.name, values):
                indexes.append(column.name)
            else:
                inputs.append(found)
        if not inputs:
            raise TableError(
                "no column but the target can be learned from (all are empty, or nearly all"
                " different words): give a file that has such columns"
            )
        names = tuple(table.names)
        encoding = cls(names, table.header, names[target], tuple(inputs))
        return Learned(
            encoding,
            missing,
            tuple(useless),
            tuple(indexes),
            tuple(odd),
            tuple(digits),
            tuple(unsure),
            tuple(resembling),
        )

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


class Learned(NamedTuple):
    """
    An encoding, and what was found while it was learned.

    Parameters
    ----------
    encoding : Encoding
    missing : int
        Missing values in all columns but the target and those to leave out.
    useless : tuple of str
        Columns that are empty or nearly all different words, which are left out.
    indexes : tuple of str
        Columns that pandas wrote as an index without a name, which are left out.
    odd : tuple of int
        Numbers of columns of words half of which might be numbers.
    digits : tuple of str
        Columns of numbers that their file says are texts, so words.
    unsure : tuple of str
        Columns of dates that are taken as words, for the order of day and month is not sure.
    resembling : tuple of int
        Numbers of columns of words most of which begin as numbers and dates do.
    """

    encoding: Encoding
    missing: int
    useless: tuple[str, ...]
    indexes: tuple[str, ...]
    odd: tuple[int, ...]
    digits: tuple[str, ...]
    unsure: tuple[str, ...]
    resembling: tuple[int, ...]


def _numbers(name: str, values: np.ndarray, unit: str) -> Numbers | None:
    known = values[np.isfinite(values)]
    return Numbers(name, float(np.median(known)), unit) if known.size else None


def _words(name: str, column: Column) -> Words | None:
    """The commonest categories, or None if nearly all rows differ."""
    counts: Counter[str | None] = Counter()
    texts = column.distinct
    times = np.bincount(column.codes, minlength=len(texts))
    for text, missing, count in zip(texts.strings, texts.missing, times, strict=True):
        if count:
            counts[None if missing else text] += int(count)
    if len(counts) > max(ALL_DIFFERENT * len(column), 2):
        return None
    return Words(name, tuple(word for word, _ in counts.most_common(MOST_CATEGORIES)))


def _is_index(name: str, values: np.ndarray) -> bool:
    """Whether pandas wrote its index there."""
    whole = np.isfinite(values).all() and (values == np.round(values)).all()
    return name.startswith(INDEX_NAMES) and whole and len(np.unique(values)) == len(values)


def _write_flags(flags: np.ndarray, part: Words, column: Column) -> int:
    """Sets the flags of the rows' categories; returns how many rows have none of them."""
    known = {word: place for place, word in enumerate(part.categories)}
    texts = zip(column.distinct.strings, column.distinct.missing, strict=True)
    found = [known.get(None if missing else text, -1) for text, missing in texts]
    where = np.array(found, np.intp)[column.codes]
    rows = np.flatnonzero(where >= 0)
    flags[rows, where[rows]] = 1
    return len(where) - len(rows)
