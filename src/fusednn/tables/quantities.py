"""Decides whether a column is numbers, and refuses odd cells, mixed units and large numbers."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from .columns import Column
from .errors import Remedy, TableError, shown
from .numbers import CURRENCIES, PERCENT, SIGNS
from .table import Table

FIRST_DIGIT = re.compile(rf"[(]?[ .,{CURRENCIES}{SIGNS}]*[0-9]")
FEW_TEXTS, FEW_ROWS = 0.1, 0.01
FEWEST_NUMBERS = 9
"""In a column with more rows than this, a single word is an odd cell."""


def few_are(column: Column, which: np.ndarray) -> bool:
    """
    Whether some texts are few in their column.

    They are few if they are at most a tenth of the distinct texts, at most a hundredth of the
    rows, or in one row of at least ten.

    Parameters
    ----------
    column : Column
    which : ndarray of bool
        Mask of the distinct texts in question.

    Returns
    -------
    bool
    """
    texts = column.distinct
    times = np.bincount(column.codes, minlength=len(texts)) * ~texts.missing
    rows, odd = int(times.sum()), int(times[which].sum())
    different, strange = np.count_nonzero(times), np.count_nonzero(times[which])
    return odd > 0 and bool(
        strange <= FEW_TEXTS * different
        or odd <= FEW_ROWS * rows
        or (odd == 1 and rows > FEWEST_NUMBERS)
    )


def has_numbers(column: Column) -> bool:
    """Whether at least half of the distinct texts are numbers in some notation."""
    texts = column.distinct
    words = np.count_nonzero(texts.words_in_any_notation)
    return bool(2 * words <= np.count_nonzero(~texts.missing))


def begin_with_digits(column: Column) -> bool:
    """Whether most values begin with a digit, perhaps after a sign or a currency."""
    texts = column.distinct
    times = np.bincount(column.codes, minlength=len(texts)) * ~texts.missing
    begin = [FIRST_DIGIT.match(text) is not None for text in texts.strings]
    return bool(2 * times[np.array(begin, bool)].sum() > times.sum())


def refuse_odd(column: Column, table: Table, remedy: Remedy) -> None:
    """
    Refuse a column of numbers with a few words, or with the other decimal sign.

    Raises
    ------
    TableError
    """
    refuse_other_sign(column, table)
    if column.numbers() is not None or not few_are(column, column.distinct.words):
        return
    row, word = column.first_word() or (0, "")
    raise TableError(f"{table.place(row)}: {column.name} is {shown(word)} among numbers", remedy)


def refuse_other_sign(column: Column, table: Table) -> None:
    """
    Refuse a column that is numbers only with the other decimal sign.

    Raises
    ------
    TableError
    """
    texts = column.distinct
    if column.numbers() is not None or not texts.are_numbers():
        return
    row, word = column.first_word() or (0, "")
    raise TableError(
        f"{table.place(row)}: {column.name} is {shown(word)}, where the decimal sign is"
        f" {texts.notation.decimal}",
        "sign",
    )


def unit_of(column: Column, table: Table) -> str:
    """
    The unit of a column of numbers: a currency or percent sign, or "".

    Raises
    ------
    TableError
        If there are several units, or some numbers lack the percent sign. A currency sign may be
        missing.
    """
    units = column.units()
    if units is None:
        return ""
    times = np.bincount(column.codes, minlength=len(units))
    rows: Counter[str] = Counter()
    for unit, count in zip(units, times, strict=True):
        rows[unit] += int(count) if unit else 0
    unit = max(rows, key=rows.__getitem__, default="")
    _refuse_other_units(column, table, unit)
    return unit


def held_numbers(column: Column, table: Table, dtype: str | np.dtype, unit: str) -> np.ndarray:
    """
    The numbers of a column, checked.

    Parameters
    ----------
    column : Column
    table : Table
        The column's table; messages name its lines.
    dtype : str or dtype
        The numbers must fit this type.
    unit : str
        The expected unit.

    Returns
    -------
    ndarray of float64 of shape (n_rows,)
        A new array, NaN where missing.

    Raises
    ------
    TableError
        If a value is a word, has another unit, is infinite, or is too large for the type.
    """
    numbers = column.numbers()
    if numbers is None:
        row, word = column.first_word() or (0, "")
        raise TableError(
            f"{table.place(row)}: {column.name} is {shown(word)}, where a number is expected"
        )
    _refuse_other_units(column, table, unit)
    dtype = np.dtype(dtype)
    large = np.abs(numbers) > np.finfo(dtype).max
    if not large.any():
        return numbers
    row = int(np.flatnonzero(large)[0])
    number = numbers[row]
    if np.isfinite(number):
        raise TableError(
            f"{table.place(row)}: {column.name} is {number:g}, too large for {dtype}", "dtype"
        )
    text = column.take(np.array([row])).texts()[0]
    raise TableError(f"{table.place(row)}: {column.name} is {text}, which is infinite", "missing")


def _refuse_other_units(column: Column, table: Table, unit: str) -> None:
    units = column.units()
    allowed = {unit} if unit == PERCENT else {unit, ""}
    if units is None and "" in allowed:
        return
    other = np.array([u not in allowed for u in units or [""] * len(column.distinct)], bool)
    rows = np.flatnonzero(other[column.codes] & ~column.missing())
    if rows.size:
        text = column.take(rows[:1]).texts()[0]
        raise TableError(
            f"{table.place(int(rows[0]))}: {column.name} is {shown(text)}, where"
            f" {f'{unit} is' if unit else 'no unit is'} expected: write the column in one unit"
        )
