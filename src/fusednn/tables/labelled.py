"""Splits a table into rows with a target, and the target's values."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .columns import Column
from .errors import TableError, shown
from .numbers import BLANK
from .table import Table, listed
from .target import REGRESSION, Target


class Labelled(NamedTuple):
    """
    The rows of a table that have a target.

    Parameters
    ----------
    table : Table
    place : int
        Index of the target's column.
    target : Target
    y : ndarray of shape (n_rows,)
        Labels, or float64.
    without : int
        The number of rows that were left out because they have no target.
    """

    table: Table
    place: int
    target: Target
    y: np.ndarray
    without: int


def labelled_table(
    table: Table,
    target: str | Target | None,
    task: str | None = None,
    dtype: str | np.dtype = "float64",
) -> Labelled:
    """
    Find a table's target, and leave out the rows without one.

    Parameters
    ----------
    table : Table
    target : str, Target or None
        Name or number of the column. None: the last column. A `Target` of another table: this
        table's target is read in the same way.
    task : {"classification", "regression"}, default=None
        None: guessed from the column.
    dtype : str or dtype, default="float64"
        A quantity must fit this type.

    Returns
    -------
    Labelled

    Raises
    ------
    TableError
        If there is no such column, or it cannot be learned.
    """
    if not table.rows:
        raise TableError(f"the table has no rows{' below its header' * table.header}")
    if isinstance(target, Target):
        if target.name not in table.names:
            raise TableError(
                f"there is no column {shown(target.name)}, the target: columns are"
                f" {listed(table.names)}"
            )
        index = table.names.index(target.name)
    else:
        index = table.find(target)
    column = table.columns[index]
    known = ~_missing(column, target if isinstance(target, Target) else None, task)
    without = int(np.count_nonzero(~known))
    if without:
        table = table.take(known).trimmed()  # texts of other rows must not count as odd cells
        column = table.columns[index]
    if not isinstance(target, Target):
        target = Target.learned(column, table, task)
    return Labelled(table, index, target, target.values(column, table, dtype), without)


def _missing(column: Column, target: Target | None, task: str | None) -> np.ndarray:
    """Mask of the rows without a target. Among labels, words such as none may be classes."""
    if target is not None and target.labels is not None:
        return column.missing() & ~column.among(target.labels)
    quantity = target is not None or task == REGRESSION
    if quantity or (column.numbers() is not None and not column.is_text):
        return column.missing()
    stated = column.distinct.notation.stated
    return column.among({v for v in column.values if v in BLANK or v.lower() in stated})
