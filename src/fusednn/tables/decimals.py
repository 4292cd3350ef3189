"""Detects the decimal sign of a table from its columns, and refuses ambiguous tables."""

from __future__ import annotations

from collections.abc import Container, Iterable

import numpy as np

from .columns import Column, NumberColumn
from .errors import TableError, shown
from .numbers import COMMA, OTHER, POINT, Notation
from .quantities import few_are
from .table import Table
from .texts import Texts


def may_be_numbers(table: Table, but: Container[int] = ()) -> list[int]:
    """Indices of the columns that the file does not declare as text, except those in `but`."""
    columns = enumerate(table.columns)
    return [place for place, column in columns if not column.is_text and place not in but]


def found_notation(
    table: Table, places: Iterable[int], notation: Notation, decimal: str | None = None
) -> Notation:
    """
    Detect the number notation of a table.

    Only columns count in which all but a few cells are numbers. 1.5 has a decimal point; 1,5,
    1.234,5 and 0,123 have a decimal comma; 1,234 may be either, and other columns decide.

    Parameters
    ----------
    table : Table
    places : iterable of int
        Indices of the columns that may be numbers.
    notation : Notation
        The expected notation; returned unless a column contradicts it.
    decimal : {".", ","}, default=None
        The decimal sign, if it is known; the other sign then separates thousands.

    Returns
    -------
    Notation

    Raises
    ------
    TableError
        If columns contradict each other, or nothing decides between two readings.
    """
    if decimal is not None:
        return notation._replace(decimal=decimal, grouped=True)
    table = table.read_as(notation)
    columns = [table.columns[place] for place in places]
    columns = [c for c in columns if not isinstance(c, NumberColumn)]
    if not any(_contradicts(column, notation) for column in columns):
        return notation
    found = [_Signs(column) for column in columns if _is_nearly_numbers(column)]
    points, commas, either = (
        next((s for s in found if getattr(s, kind) >= 0), None)
        for kind in ("point", "comma", "either")
    )
    if points is not None and commas is not None:
        one, other = points.located(points.point, table), commas.located(commas.comma, table)
        raise TableError(
            f"{one}, with a decimal point, and {other}, with a decimal comma",
            "decimal",
        )
    if points is None and commas is None:
        if either is None:
            return notation
        raise TableError(
            f"{either.located(either.either, table)}, and no number shows whether its sign marks"
            " thousands or decimals",
            "decimal",
        )
    decimal = "." if commas is None else ","
    grouped = any(signs.has(OTHER[decimal]) for signs in found)
    return notation._replace(decimal=decimal, grouped=grouped)


def _contradicts(column: Column, notation: Notation) -> bool:
    """Whether a column is numbers only with the other decimal sign."""
    texts = column.distinct
    other = OTHER[notation.decimal]
    if texts.numbers is not None or not any(other in text for text in texts.strings):
        return False
    return _is_nearly_numbers(column) and texts.words.sum() > texts.words_in_any_notation.sum()


def _is_nearly_numbers(column: Column) -> bool:
    texts = column.distinct
    if texts.numbers is not None:
        return True
    words = texts.words_in_any_notation
    return not words.any() or few_are(column, words)


class _Signs:
    """
    Indices in `distinct` of a column's first numbers of three kinds, or -1.

    `point` has a decimal point, `comma` a decimal comma, `either` may be read both ways.
    """

    def __init__(self, column: Column):
        self._column, self._texts = column, column.distinct
        self.point = self.comma = self.either = -1
        for place in np.unique(column.codes):
            text = self._texts.strings[place]
            if not ("." in text or "," in text) or self._texts.missing[place]:
                continue
            point, comma = POINT.number(text) is not None, COMMA.number(text) is not None
            if point and not comma:
                self.point = place if self.point < 0 else self.point
            elif comma and not point:
                self.comma = place if self.comma < 0 else self.comma
            elif comma and point:
                self.either = place if self.either < 0 else self.either

    def has(self, sign: str) -> bool:
        """Whether a number contains this sign."""
        texts: Texts = self._texts
        words = texts.words_in_any_notation
        return any(sign in t and not w for t, w in zip(texts.strings, words, strict=True))

    def located(self, place: int, table: Table) -> str:
        """A text and its line, for messages."""
        row = int(np.flatnonzero(self._column.codes == place)[0])
        return f"{table.place(row)}: {self._column.name} is {shown(self._texts.strings[place])}"
