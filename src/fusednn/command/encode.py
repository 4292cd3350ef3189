"""Columns of text into arrays that a network can learn from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .errors import UserError
from .table import Column, Table

MOST_CLASSES = 30
MOST_CATEGORIES = 50
ALL_DIFFERENT = 0.5


class Encoded(NamedTuple):
    """
    A table as arrays.

    Parameters
    ----------
    numbers : ndarray of float64 of shape (n_samples, n_numeric)
        NaN where missing.
    flags : ndarray of shape (n_samples, n_flags)
        Categories, one-hot.
    y : ndarray of shape (n_samples,)
        Labels, or float64.
    classify : bool
    notes : list of str
        What was done, for the user.
    """

    numbers: np.ndarray
    flags: np.ndarray
    y: np.ndarray
    classify: bool
    notes: list[str]


def encode(table: Table, target: int, dtype: str) -> Encoded:
    """
    Take a table apart into inputs and target.

    Columns of numbers stay as they are, others become one-hot: their commonest categories one
    input each. A target of words or of a few different whole numbers is a class, any other a
    quantity.

    Parameters
    ----------
    table : Table
    target : int
        Index of its column.
    dtype : str
        Element type of `flags`.

    Returns
    -------
    Encoded

    Raises
    ------
    UserError
        If there is nothing to learn.
    """
    notes: list[str] = []
    known = ~table.columns[target].missing()
    if not known.all():
        notes.append(f"left out {np.count_nonzero(~known):,} rows with no target")
    columns = [Column(name, codes[known], values) for name, codes, values in table.columns]
    y, classify = _target(columns.pop(target))
    numbers, flags, dropped, missing, words = [], [], [], 0, 0
    for column in columns:
        missing += int(column.missing().sum())
        values = column.numbers()
        hot = _one_hot(column, dtype) if values is None else None
        if values is not None and np.isfinite(values).any():
            numbers.append(values)
        elif hot is not None:
            words += 1
            flags.append(hot)
        else:
            dropped.append(column.name)
    if words:
        inputs = sum(part.shape[1] for part in flags)
        which = "a column" if words == 1 else f"{words} columns"
        notes.append(f"{which} of words became {inputs} one-hot inputs")
    if missing:
        notes.append(f"{missing:,} missing values: medians, or a category of their own")
    if dropped:
        notes.append(f"left out {', '.join(dropped)} (empty, or nearly all different words)")
    if not numbers and not flags:
        raise UserError(
            "no column but the target can be learned from (all are empty, or nearly all"
            " different words): give a file that has such columns"
        )
    none = np.empty((len(y), 0))
    return Encoded(
        np.column_stack(numbers) if numbers else none,
        np.hstack(flags) if flags else none.astype(dtype),
        y,
        classify,
        notes,
    )


def _target(column: Column) -> tuple[np.ndarray, bool]:
    """Labels or quantities, and whether they are labels."""
    values = column.numbers()
    distinct = len(np.unique(column.codes if values is None else values))
    if distinct < 2:
        has = "one value only" if distinct else "no values"
        raise UserError(f"column {column.name!r} has {has}: choose what to predict with --target")
    if values is not None:
        whole = (values == np.round(values)).all() and np.abs(values).max() < 2**53
        if whole and distinct <= MOST_CLASSES:
            return values.astype(np.int64), True
        return values, False
    if distinct > max(ALL_DIFFERENT * len(column.codes), 2):
        raise UserError(
            f"column {column.name!r} has {distinct:,} different words in {len(column.codes):,}"
            " rows, which are no classes: choose what to predict with --target"
        )
    return np.array(column.values)[column.codes], True


def _one_hot(column: Column, dtype: str) -> np.ndarray | None:
    """Flags of the commonest categories, or None if nearly all rows differ."""
    counts = np.bincount(column.codes, minlength=len(column.values))
    present = np.count_nonzero(counts)
    if present > max(ALL_DIFFERENT * len(column.codes), 2):
        return None
    kept = np.argsort(-counts, kind="stable")[: min(present, MOST_CATEGORIES)]
    place = np.full(len(counts), -1)
    place[kept] = np.arange(len(kept))
    where = place[column.codes]
    flags = np.zeros((len(where), len(kept)), dtype)
    rows = np.flatnonzero(where >= 0)
    flags[rows, where[rows]] = 1
    return flags
