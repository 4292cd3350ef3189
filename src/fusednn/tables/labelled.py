"""Rows of a table with their targets."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .columns import Column
from .errors import TableError, shown
from .numbers import BLANK
from .table import Table, told
from .target import REGRESSION, Target


class Labelled(NamedTuple):
    """
    The rows of a table that have a target.

    Parameters
    ----------
    table : Table
    place : int
        Number of the target's column.
    target : Target
    y : ndarray of shape (n_rows,)
        Labels, or float64.
    without : int
        How many rows have no target, and are left out.
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
    Take a table's target apart.

    Parameters
    ----------
    table : Table
    target : str, Target or None
        Name or number of the column, the last one where None; or what another table's target is,
        if this one is to be read in the same way.
    task : {"classification", "regression"}, default=None
        Guessed where None.
    dtype : str or dtype, default="float64"
        A type that is to hold a quantity.

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
                f" {told(table.names)}"
            )
        index = table.names.index(target.name)
    else:
        index = table.find(target)
    column = table.columns[index]
    known = ~_missing(column, target if isinstance(target, Target) else None, task)
    without = int(np.count_nonzero(~known))
    if without:
        table = table.take(known).trimmed()  # a word in another row is no odd cell
        column = table.columns[index]
    if not isinstance(target, Target):
        target = Target.learned(column, table, task)
    return Labelled(table, index, target, target.values(column, table, dtype), without)


def _missing(column: Column, target: Target | None, task: str | None) -> np.ndarray:
    """Whether each row has no target; words such as none may be labels."""
    if target is not None and target.labels is not None:
        return column.missing() & ~column.among(target.labels)
    quantity = target is not None or task == REGRESSION
    if quantity or (column.numbers() is not None and not column.is_text):
        return column.missing()
    stated = column.distinct.notation.stated
    return column.among({v for v in column.values if v in BLANK or v.lower() in stated})
