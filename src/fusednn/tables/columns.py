"""Columns of a table: texts, as a text file has them, and numbers, which stay numbers."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from .numbers import PLAIN, Notation
from .texts import Texts

EXACT = 2.0**53
"""Whole numbers below it are float64's own."""


class Column(Protocol):
    """One column of a table."""

    @property
    def name(self) -> str:
        """As the file has it, but unlike the other columns' names."""

    @property
    def codes(self) -> np.ndarray:
        """For each row the place of its text in `distinct`."""

    @property
    def distinct(self) -> Texts:
        """Distinct texts, stripped; some may be of other rows."""

    @property
    def values(self) -> list[str]:
        """The same as strings."""

    @property
    def is_text(self) -> bool:
        """Whether the file says that these are texts, so that digits in it are no numbers."""

    def __len__(self) -> int:
        """How many rows there are."""

    def missing(self) -> np.ndarray:
        """Whether each row's value is missing."""

    def numbers(self) -> np.ndarray | None:
        """The values as float64 of shape (n_rows,), a new array, NaN where missing; None if one
        of them is no number."""

    def units(self) -> list[str] | None:
        """The sign of a currency or of percent of each text in `distinct`, or ""; None where no
        number has one."""

    def first_word(self) -> tuple[int, str] | None:
        """The row and the text of the first value that is neither a number nor missing."""

    def among(self, texts: Container[str]) -> np.ndarray:
        """Whether each row's value is one of these."""

    def texts(self) -> list[str]:
        """Each row's value as the file has it."""

    def take(self, rows: np.ndarray) -> Column:
        """The column of these rows, by their numbers or as a mask."""

    def renamed(self, name: str) -> Column:
        """The same rows under another name."""

    def trimmed(self) -> Column:
        """The same rows, with no texts but theirs."""

    def read_as(self, notation: Notation) -> Column:
        """The same rows, their texts understood in another notation."""


@dataclass(frozen=True, eq=False)
class TextColumn:
    """
    A column of texts: that of row i is `values[codes[i]]`.

    Parameters
    ----------
    name : str
    codes : ndarray of int32 of shape (n_rows,)
    distinct : Texts
        Columns of other rows share it.
    is_text : bool, default=False
        As `Column` says; in a file of text nothing says so.
    """

    name: str
    codes: np.ndarray
    distinct: Texts
    is_text: bool = False

    @property
    def values(self) -> list[str]:
        """The distinct texts."""
        return self.distinct.strings

    def __len__(self) -> int:
        return len(self.codes)

    def missing(self) -> np.ndarray:
        """As `Column` says."""
        return self.distinct.missing[self.codes]

    def numbers(self) -> np.ndarray | None:
        """As `Column` says."""
        numbers = self.distinct.numbers
        return None if numbers is None else numbers[self.codes]

    def units(self) -> list[str] | None:
        """As `Column` says."""
        reading = self.distinct.reading
        return None if reading is None else reading.units

    def first_word(self) -> tuple[int, str] | None:
        """As `Column` says."""
        rows = np.flatnonzero(self.distinct.words[self.codes])
        return (int(rows[0]), self.values[self.codes[rows[0]]]) if rows.size else None

    def among(self, texts: Container[str]) -> np.ndarray:
        """As `Column` says."""
        return np.array([v in texts for v in self.values], bool)[self.codes]

    def texts(self) -> list[str]:
        """As `Column` says."""
        values = self.values
        return [values[code] for code in self.codes]

    def take(self, rows: np.ndarray) -> TextColumn:
        """As `Column` says."""
        return replace(self, codes=self.codes[rows])

    def renamed(self, name: str) -> TextColumn:
        """As `Column` says."""
        return replace(self, name=name)

    def trimmed(self) -> TextColumn:
        """As `Column` says."""
        present = np.bincount(self.codes, minlength=len(self.distinct)) > 0
        if present.all():
            return self
        codes = (np.cumsum(present, dtype=np.int32) - np.int32(1))[self.codes]
        return replace(self, codes=codes, distinct=self.distinct.take(np.flatnonzero(present)))

    def read_as(self, notation: Notation) -> TextColumn:
        """As `Column` says."""
        return replace(self, distinct=self.distinct.read_as(notation))


@dataclass(frozen=True, eq=False)
class NumberColumn:
    """
    A column that came as numbers.

    Parameters
    ----------
    name : str
    array : ndarray of shape (n_rows,)
        Integers or floating-point numbers of any type; NaN is a missing value.
    null : ndarray of bool of shape (n_rows,), default=None
        Which other values are missing.
    notation : Notation, default=PLAIN
        Says which numbers are called missing.
    """

    name: str
    array: np.ndarray
    null: np.ndarray | None = None
    notation: Notation = PLAIN

    @property
    def is_text(self) -> bool:
        """As `Column` says."""
        return False

    def __len__(self) -> int:
        return len(self.array)

    def missing(self) -> np.ndarray:
        """As `Column` says."""
        return np.isnan(self.numbers())

    def numbers(self) -> np.ndarray:
        """As `Column` says."""
        absent = self._or_null(np.isnan(self.array))
        numbers = np.where(absent, np.nan, self.array.astype(np.float64))
        return self.notation.without_stated(numbers)

    def units(self) -> None:
        """There are none."""
        return None

    def first_word(self) -> None:
        """There is none."""
        return None

    def among(self, texts: Container[str]) -> np.ndarray:
        """As `Column` says."""
        return np.array([v in texts for v in self.values], bool)[self.codes]

    def texts(self) -> list[str]:
        """As a text file has them: the shortest digits that say the number in its type."""
        values = self.values
        return [values[code] for code in self.codes]

    def take(self, rows: np.ndarray) -> NumberColumn:
        """As `Column` says."""
        null = None if self.null is None else self.null[rows]
        return replace(self, array=self.array[rows], null=null)

    def renamed(self, name: str) -> NumberColumn:
        """As `Column` says."""
        return replace(self, name=name)

    def trimmed(self) -> NumberColumn:
        """As `Column` says."""
        return self

    def read_as(self, notation: Notation) -> NumberColumn:
        """As `Column` says; its own texts have decimal points."""
        return replace(self, notation=notation._replace(decimal=".", grouped=False))

    @property
    def codes(self) -> np.ndarray:
        """As `Column` says."""
        return self._encoded[0]

    @property
    def distinct(self) -> Texts:
        """As `Column` says; missing values are empty."""
        return self._encoded[1]

    @property
    def values(self) -> list[str]:
        """As `Column` says."""
        return self.distinct.strings

    def _or_null(self, absent: np.ndarray) -> np.ndarray:
        return absent if self.null is None else absent | self.null

    @cached_property
    def _encoded(self) -> tuple[np.ndarray, Texts]:
        absent = self._or_null(np.isnan(self.array))
        numbers, places = np.unique(self.array[~absent], return_inverse=True)
        codes = np.full(len(self.array), len(numbers), np.int32)
        codes[~absent] = places
        texts = [*map(_text, numbers), *[""] * bool(absent.any())]
        return codes, Texts(texts, self.notation)


def _text(number: Any) -> str:
    if isinstance(number, np.floating) and number.is_integer() and abs(float(number)) < EXACT:
        return str(int(number))  # a whole number beside missing values became a float
    return str(number)
