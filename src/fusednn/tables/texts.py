"""Distinct texts of a column, each read once."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from .numbers import PLAIN, Notation, Reading, is_number_in_some_notation


class Texts:
    """
    Distinct texts, read as numbers once for all rows.

    Parameters
    ----------
    values : list of str, or StringArray of pyarrow
        The distinct texts, stripped.
    notation : Notation, default=PLAIN
    """

    def __init__(self, values: Any, notation: Notation = PLAIN):
        self._values, self.notation = values, notation

    def __len__(self) -> int:
        return len(self._values)

    @property
    def _is_list(self) -> bool:
        return isinstance(self._values, list)

    @cached_property
    def strings(self) -> list[str]:
        """The texts as a list."""
        return self._values if self._is_list else self._values.to_pylist()

    @cached_property
    def reading(self) -> Reading | None:
        """The texts as numbers; None if one is a word."""
        if self._is_list:
            return self.notation.read(self._values)
        return self.notation.read_arrow(self._values)

    @property
    def numbers(self) -> np.ndarray | None:
        """The numbers as float64, NaN where missing; None if one is a word."""
        return None if self.reading is None else self.reading.numbers

    @cached_property
    def missing(self) -> np.ndarray:
        """Mask of missing values; among numbers, however they are written."""
        if self.numbers is not None:
            return np.isnan(self.numbers)
        if self._is_list:
            return np.array([self.notation.is_missing(v) for v in self._values], bool)
        return self.notation.arrow_missing(self._values).to_numpy(zero_copy_only=False)

    @cached_property
    def words(self) -> np.ndarray:
        """Mask of texts that are neither numbers nor missing."""
        if self.numbers is not None:
            return np.zeros(len(self), bool)
        number = self.notation.number
        known = zip(self.strings, self.missing, strict=True)
        return np.array([not gone and number(v) is None for v, gone in known], bool)

    def are_numbers(self) -> bool:
        """Whether there are numbers and no words, with either decimal sign."""
        if self.missing.all():
            return False
        return self.numbers is not None or not self.words_in_any_notation.any()

    @cached_property
    def words_in_any_notation(self) -> np.ndarray:
        """Mask of texts that are not missing, and not numbers with either decimal sign."""
        words = self.words.copy()
        for place in np.flatnonzero(words):
            words[place] = not is_number_in_some_notation(self.strings[place])
        return words

    def take(self, places: np.ndarray) -> Texts:
        """The texts at these indices."""
        if self._is_list:
            return self._like([self._values[place] for place in places])
        return self._like(self._values.take(places))

    def read_as(self, notation: Notation) -> Texts:
        """The same texts, read in another notation."""
        return self if notation == self.notation else Texts(self._values, notation)

    def find(self, text: str) -> int:
        """The index of a text, or -1."""
        if self._is_list:
            return self._values.index(text) if text in self._values else -1
        return self._values.index(text).as_py()

    def with_text(self, text: str) -> tuple[int, Texts]:
        """The index of a text, and these texts with it added if it is new."""
        place = self.find(text)
        if place >= 0:
            return place, self
        return len(self), self._like([*self.strings, text])

    def _like(self, values: Any) -> Texts:
        """Other texts, read as these are."""
        return Texts(values, self.notation)
