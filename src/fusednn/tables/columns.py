"""Columns of a table: texts of a text file, or numbers that the file stores as numbers."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from .numbers import PLAIN, Notation
from .texts import Texts

EXACT = 2.0**53
"""float64 holds all whole numbers below this one exactly."""


class Column(Protocol):
    """One column of a table."""

    @property
    def name(self) -> str:
        """The name in the file, made unique among the columns."""

    @property
    def codes(self) -> np.ndarray:
        """For each row, the index of its text in `distinct`."""

    @property
    def distinct(self) -> Texts:
        """Distinct texts, stripped. Some may occur in none of these rows."""

    @property
    def values(self) -> list[str]:
        """The distinct texts as strings."""

    @property
    def is_text(self) -> bool:
        """Whether the file declares the column as text; then digits are words, not numbers."""

    def __len__(self) -> int:
        """The number of rows."""

    def missing(self) -> np.ndarray:
        """Whether each row's value is missing."""

    def numbers(self) -> np.ndarray | None:
        """A new float64 array of shape (n_rows,), NaN where missing; None if a value is not a
        number."""

    def units(self) -> list[str] | None:
        """The currency or percent sign of each text in `distinct`, or ""; None if no text has
        one."""

    def first_word(self) -> tuple[int, str] | None:
        """The row and the text of the first value that is neither a number nor missing."""

    def among(self, texts: Container[str]) -> np.ndarray:
        """Whether each row's value is one of `texts`."""

    def texts(self) -> list[str]:
        """Each row's value, as the file spells it."""

    def take(self, rows: np.ndarray | slice) -> Column:
        """A column of the chosen rows: indices, a mask, or a slice (then of the same memory)."""

    def renamed(self, name: str) -> Column:
        """The same column under another name."""

    def trimmed(self) -> Column:
        """The same rows; `distinct` keeps only the texts that occur in them."""

    def read_as(self, notation: Notation) -> Column:
        """The same column, with its texts read in another notation."""


@dataclass(frozen=True, eq=False)
class TextColumn:
    """
    A column of texts: the text of row i is `values[codes[i]]`.

    Parameters
    ----------
    name : str
    codes : ndarray of int32 of shape (n_rows,)
    distinct : Texts
        Shared with the columns that `take` returns.
    is_text : bool, default=False
        See `Column`. Always False for a text file, which declares no types.
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

    def take(self, rows: np.ndarray | slice) -> TextColumn:
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
    A column that the file stores as numbers.

    Parameters
    ----------
    name : str
    array : ndarray of shape (n_rows,)
        Integers or floating-point numbers of any type; NaN is a missing value.
    null : ndarray of bool of shape (n_rows,), default=None
        Mask of further missing values.
    notation : Notation, default=PLAIN
        States which numbers mean missing.
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
        if self.array.dtype.itemsize > 8:  # long double may hold larger ones: infinity here
            with np.errstate(over="ignore"):
                numbers = self.array.astype(np.float64)
        else:
            numbers = self.array.astype(np.float64)
        if self.null is not None:
            numbers[self.null] = np.nan
        return self.notation.without_stated(numbers)

    def units(self) -> None:
        """None: plain numbers have no units."""
        return None

    def first_word(self) -> None:
        """None: all values are numbers or missing."""
        return None

    def among(self, texts: Container[str]) -> np.ndarray:
        """As `Column` says."""
        return np.array([v in texts for v in self.values], bool)[self.codes]

    def texts(self) -> list[str]:
        """The shortest digits that read back as the same number in its type."""
        values = self.values
        return [values[code] for code in self.codes]

    def take(self, rows: np.ndarray | slice) -> NumberColumn:
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
        """As `Column` says. The texts of this column always have decimal points."""
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
        texts = [*map(number_text, numbers), *[""] * bool(absent.any())]
        return codes, Texts(texts, self.notation)


def number_text(number: Any) -> str:
    """The shortest digits that read back as the same number in its type; whole numbers as such."""
    if isinstance(number, np.floating) and number.is_integer() and abs(float(number)) < EXACT:
        return str(int(number))  # missing values turn a column of integers into floats
    return str(number)
