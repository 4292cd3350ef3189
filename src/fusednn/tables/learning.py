"""Learns an encoding from a table: which kind of input each column becomes."""

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
"""Prefixes of the names that pandas gives to an unnamed index."""

Remark = Literal["useless", "indexes", "odd", "digits", "unsure", "resembling"]


class Learned(NamedTuple):
    """
    An encoding, and remarks on columns, which are given by name.

    Parameters
    ----------
    encoding : Encoding
    missing : int
        The number of missing values in all columns except the target and the dropped ones.
    useless : tuple of str
        Left out: empty, or nearly all words differ.
    indexes : tuple of str
        Left out: an unnamed index that pandas wrote.
    odd : tuple of str
        Words, although at least half of the distinct texts are numbers.
    digits : tuple of str
        Words, although they are numbers, because the file declares the column as text.
    unsure : tuple of str
        Words, although they are dates, because the order of day and month is ambiguous.
    resembling : tuple of str
        Words, although most rows begin with a digit, a sign or a currency.
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
    Learn the encoding of a table.

    A column of numbers becomes one input, and each varying part of a date another; medians
    replace missing values. Any other column becomes one input for each of its commonest
    categories; a missing value is a category.

    Parameters
    ----------
    table : Table
    target : int
        Index of the target's column.
    train : ndarray of int
        Rows from which medians and categories are learned.
    drop : sequence of int
        Indices of columns to leave out.
    categorical : sequence of int
        Indices of columns whose numbers or dates are categories.

    Returns
    -------
    Learned

    Raises
    ------
    TableError
        If no column is left, or only a few cells of a column are not numbers or dates.
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
    """The input that a column becomes, or None if it is useless; and a remark on it."""
    values = None if categorical or column.is_text else column.numbers()
    if values is not None:
        numbers = _numbers(column.name, values[train], unit_of(column, table))
        return numbers, "indexes" if numbers and is_index(column.name, values) else None
    if column.missing().all():
        return None, None
    form = None if categorical else form_of(column, table)
    if isinstance(form, Form):
        return Dates.learned(column.name, form, form.of(column, table)[train]), None
    if form is None and not (categorical or column.is_text):
        refuse_odd(column, table, "odd")
    return _words(column.name, column.take(train)), _remark(column, form, categorical)


def _remark(column: Column, form: Unsure | None, categorical: bool) -> Remark | None:
    """The reason why a column that looks like numbers or dates is words."""
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
    """The commonest categories; None if the distinct texts exceed half of the rows."""
    counts: Counter[str | None] = Counter()
    texts = column.distinct
    times = np.bincount(column.codes, minlength=len(texts))
    for text, missing, count in zip(texts.strings, texts.missing, times, strict=True):
        if count:
            counts[None if missing else text] += int(count)
    if len(counts) > max(ALL_DIFFERENT * len(column), 2):
        return None
    return Words(name, tuple(word for word, _ in counts.most_common(MOST_CATEGORIES)))


def is_index(name: str, values: np.ndarray) -> bool:
    """Whether a column is an index that pandas wrote."""
    whole = np.isfinite(values).all() and (values == np.round(values)).all()
    return name.startswith(INDEX_NAMES) and whole and len(np.unique(values)) == len(values)
