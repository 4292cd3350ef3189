"""Distinct values of columns whose type is declared, as frames do."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np

from fusednn.tables.columns import Column, NumberColumn, TextColumn
from fusednn.tables.errors import TableError, shown
from fusednn.tables.numbers import Notation
from fusednn.tables.texts import Texts

Kind = Literal["numbers", "texts", "booleans", "dates", "mixed"]
NUMBERS: Final = "numbers"
TEXTS: Final = "texts"
BOOLEANS: Final = "booleans"
DATES: Final = "dates"
MIXED: Final = "mixed"
KINDS = NUMBERS, TEXTS, BOOLEANS, DATES, MIXED
ONLY_EMPTY = Notation(missing=frozenset({""}))
"""Words such as None are categories here, since these tables have missing values of their own."""
FINE = "ns", "ps", "fs", "as"
FARTHEST = 290_000
"""Years from 1970, and of durations: 64 bits hold somewhat more in microseconds."""


class Declared(Texts):
    """
    Distinct values of a declared type, as texts.

    Parameters
    ----------
    values : list of str
        "" is a missing value.
    kind : Kind
        The type. Texts are words, even if they are digits.
    """

    def __init__(self, values: list[str], kind: Kind):
        super().__init__(values, ONLY_EMPTY)
        self.kind = kind

    @property
    def numbers(self) -> np.ndarray | None:
        """As `Texts` says; None unless numbers are declared."""
        return super().numbers if self.kind == NUMBERS else None

    def read_as(self, notation: Notation) -> Declared:
        """The same values: a file's notation does not change them."""
        return self

    def _like(self, values: list[str]) -> Declared:
        return Declared(values, self.kind)


class Moments(Declared):
    """
    Distinct dates.

    Parameters
    ----------
    moments : ndarray of datetime64[us]
        In UTC if they have a time zone. NaT is a missing value.
    zoned : bool
        Whether they have a time zone.
    """

    def __init__(self, moments: np.ndarray, zoned: bool):
        texts = np.datetime_as_string(moments).tolist()
        end = "Z" if zoned else ""
        super().__init__(["" if text == "NaT" else text + end for text in texts], DATES)
        self.moments, self.zoned = moments, zoned

    def take(self, places: np.ndarray) -> Moments:
        """The dates at these indices."""
        return Moments(self.moments[places], self.zoned)


def kind_of(column: Column) -> Kind | None:
    """The declared type of a column; None for texts of a file, which may be of any type."""
    if isinstance(column, NumberColumn):
        return NUMBERS
    if isinstance(column.distinct, Declared):
        return column.distinct.kind
    return TEXTS if column.is_text else None


def declared_column(name: str, codes: np.ndarray, values: list[str], kind: Kind) -> TextColumn:
    """
    Make a column of a declared type.

    Parameters
    ----------
    name : str
    codes : ndarray of int of shape (n_rows,)
        Indices in `values`; -1 is a missing value.
    values : list of str
        May contain duplicates.
    kind : Kind
    """
    codes, texts = merged(codes, values)
    return TextColumn(name, codes, Declared(texts, kind), is_text=True)


def merged(codes: np.ndarray, values: list[str]) -> tuple[np.ndarray, list[str]]:
    """Codes and texts without duplicates; "" is added for the code -1."""
    places: dict[str, int] = {}
    again = [places.setdefault(text, len(places)) for text in values]
    if codes.size and codes.min() < 0:
        again.append(places.setdefault("", len(places)))
    if not again:
        again.append(places.setdefault("", 0))
    return np.array(again, np.int32)[codes], list(places)  # the code -1 is the last place


def boolean_column(name: str, values: np.ndarray, null: np.ndarray | None = None) -> TextColumn:
    """Make a column of an array of bool and a mask of missing values."""
    codes = values.astype(np.int32)
    if null is not None:
        codes[null] = -1
    return declared_column(name, codes, ["False", "True"], BOOLEANS)


def date_column(name: str, moments: np.ndarray, zoned: bool = False) -> TextColumn:
    """Make a column of an array of datetime64 of any unit; see `Moments`."""
    distinct, codes = np.unique(in_microseconds(name, moments), return_inverse=True)
    return TextColumn(name, codes.astype(np.int32), Moments(distinct, zoned), is_text=True)


def duration_column(name: str, durations: np.ndarray) -> NumberColumn:
    """Make a column of days of an array of timedelta64 of any unit; NaT is a missing value."""
    if np.datetime_data(durations.dtype)[0] not in FINE:
        durations = in_microseconds(name, durations)
    day = int(np.timedelta64(1, "D") / np.ones(1, durations.dtype)[0])
    ticks = durations.astype(np.int64)
    rest = np.fmod(ticks, day)  # exact in floating point, so the unit does not matter
    days = (ticks - rest) // day + rest / day
    return NumberColumn(name, days, np.isnat(durations))


def in_microseconds(name: str, values: np.ndarray) -> np.ndarray:
    """
    Convert an array of datetime64 or timedelta64.

    NumPy wraps what 64 bits cannot hold around, and says nothing.

    Raises
    ------
    TableError
        If a value is farther than `FARTHEST` years away. `name` is that of its column.
    """
    kind = values.dtype.name.partition("[")[0]
    if values.size and np.datetime_data(values.dtype)[0] != "generic":
        ends = np.array([np.fmin.reduce(values), np.fmax.reduce(values)], values.dtype)
        years = ends[~np.isnat(ends)].astype(f"{kind}[Y]").astype(np.int64)
        if years.size and np.abs(years).max() > FARTHEST:
            raise beyond(name)
    return values.astype(f"{kind}[us]")


def beyond(name: str) -> TableError:
    """The error for a date or a duration that cannot be held."""
    return TableError(
        f"column {shown(name)} has a date or a duration that is too far away to be held: make it"
        " missing"
    )
