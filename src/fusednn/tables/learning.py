"""An encoding is learned from a table: what each of its columns is to a network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from .columns import Column
from .dates import Form, Unsure, form_of
from .encoding import Encoding
from .errors import TableError
from .inputs import Dates, Input, Numbers, Words
from .quantities import begin_with_digits, has_numbers, refuse_odd, unit_of
from .table import UNNAMED, Table
from .target import ALL_DIFFERENT

MOST_CATEGORIES = 50
INDEX_NAMES = UNNAMED, "__index_level_"
"""How the names begin that pandas gives to an index without one."""

Remark = Literal["useless", "indexes", "odd", "digits", "unsure", "resembling"]


class Learned(NamedTuple):
    """
    An encoding, and what was found while it was learned, by the names of columns.

    Parameters
    ----------
    encoding : Encoding
    missing : int
        Missing values in all columns but the target and those to leave out.
    useless : tuple of str
        Columns that are empty or nearly all different words, which are left out.
    indexes : tuple of str
        Columns that pandas wrote as an index without a name, which are left out.
    odd : tuple of str
        Columns of words half of which might be numbers.
    digits : tuple of str
        Columns of numbers that their file says are texts, so words.
    unsure : tuple of str
        Columns of dates that are taken as words, for the order of day and month is not sure.
    resembling : tuple of str
        Columns of words most of which begin as numbers and dates do.
    """

    encoding: Encoding
    missing: int
    useless: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()
    digits: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()
    resembling: tuple[str, ...] = ()


def learned_encoding(
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
    remarks: dict[Remark, tuple[str, ...]] = {}
    missing = 0
    for number, column in enumerate(table.columns):
        if number == target or number in drop:
            continue
        missing += int(column.missing().sum())
        found, remark = _learned(column, table, train, number in categorical)
        if found is not None and remark != "indexes":
            inputs.append(found)
        useless: Remark | None = "useless" if found is None else None
        for one in (remark, useless):
            if one is not None:
                remarks[one] = (*remarks.get(one, ()), column.name)
    if not inputs:
        raise TableError(
            "no column but the target can be learned from (all are empty, or nearly all"
            " different words): give a file that has such columns"
        )
    names = tuple(table.names)
    encoding = Encoding(names, table.header, names[target], tuple(inputs))
    return Learned(encoding, missing, **remarks)


def _learned(
    column: Column, table: Table, train: np.ndarray, categorical: bool
) -> tuple[Input | None, Remark | None]:
    """What a column is, None if there is nothing to learn from it; and a remark on it."""
    values = None if categorical or column.is_text else column.numbers()
    if values is not None:
        numbers = _numbers(column.name, values[train], unit_of(column, table))
        return numbers, "indexes" if numbers and _is_index(column.name, values) else None
    if column.missing().all():
        return None, None
    form = None if categorical else form_of(column, table)
    if isinstance(form, Form):
        return Dates.learned(column.name, form, form.of(column, table)[train]), None
    if form is None and not (categorical or column.is_text):
        refuse_odd(column, table, "odd")
    return _words(column.name, column.take(train)), _remark(column, form, categorical)


def _remark(column: Column, form: Unsure | None, categorical: bool) -> Remark | None:
    """Why a column of words is one, where it looks like another."""
    if categorical:
        return None
    if form is not None:
        return "unsure"
    if column.is_text:
        return "digits" if column.distinct.are_numbers() else None
    if has_numbers(column):
        return "odd"
    return "resembling" if begin_with_digits(column) else None


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
