"""Rows of a table with their targets, and their division into training and held-out rows."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from .columns import BLANK, Column, Table, told
from .errors import UserError
from .target import Target

FEWEST_ROWS = 10
FEWEST_HELD_OUT = 2


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
    notes : list of str
        What was done, for people.
    """

    table: Table
    place: int
    target: Target
    y: np.ndarray
    notes: list[str]


def labelled_table(table: Table, target: str | Target | None, task: str | None = None) -> Labelled:
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

    Returns
    -------
    Labelled

    Raises
    ------
    UserError
        If there is no such column, or it cannot be learned.
    """
    if isinstance(target, Target) and target.name not in table.names:
        raise UserError(
            f"there is no column {target.name!r}, the target: columns are {told(table.names)}"
        )
    index = table.find(target.name if isinstance(target, Target) else target)
    column = table.columns[index]
    called = repr(column.name) if table.header else f"{column.name} (there is no header)"
    notes = [f"target: column {called}"]
    known = ~_missing(column, target if isinstance(target, Target) else None)
    if not known.all():
        notes.append(f"left out {np.count_nonzero(~known):,} rows with no target")
        table = table.take(known)
        column = table.columns[index]
    if not isinstance(target, Target):
        target = Target.learned(column, task)
    return Labelled(table, index, target, target.values(column, table), notes)


def _missing(column: Column, target: Target | None) -> np.ndarray:
    """Whether each row has no target; words such as none may be labels."""
    if target is not None and target.labels is not None:
        return column.missing() & ~column.among(target.labels)
    return column.missing() if column.numbers() is not None else column.among(BLANK)


def require_rows(rows: int, path: Path) -> None:
    """
    Refuse a table that is too short.

    Raises
    ------
    UserError
    """
    if rows < FEWEST_ROWS:
        raise UserError(f"{path} has {rows} rows; at least {FEWEST_ROWS} are needed")


def split_rows(
    y: np.ndarray, classify: bool, share: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """
    Numbers of training and held-out rows.

    The classes' shares are kept where every class has enough rows; a class that would be held out
    as a whole is trained on instead.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
    classify : bool
    share : float
        Of the rows, to be held out; two rows at least, but for such classes.
    seed : int

    Returns
    -------
    train, held_out : ndarray of int

    Raises
    ------
    UserError
        If no row is left to train on.
    """
    from sklearn.model_selection import train_test_split

    counts = np.unique(y, return_counts=True)[1]
    held_out = max(int(np.ceil(share * len(y))), FEWEST_HELD_OUT)
    if held_out >= len(y):
        raise UserError(
            f"to hold out {held_out} of {len(y)} rows leaves none to train on: give a smaller"
            " --validation"
        )
    enough = counts.min() >= 2 and len(counts) <= min(held_out, len(y) - held_out)
    train, rest = train_test_split(
        np.arange(len(y)),
        test_size=held_out,
        random_state=seed,
        stratify=y if classify and enough else None,
    )
    if classify:
        lost = np.isin(y[rest], np.setdiff1d(y[rest], y[train]))
        train, rest = np.concatenate([train, rest[lost]]), rest[~lost]
    return train, rest
