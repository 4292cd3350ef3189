"""How other programs give the values of a column: as numbers, texts, or moments."""

from __future__ import annotations

import enum

import numpy as np

from fusednn.tables.errors import shown
from fusednn.tables.frames.declared import BOOLEANS, NUMBERS

from .features import Category, Feature, Quantity

DAY = 86_400_000_000
"""Microseconds of a day."""
MISSING_MOMENT = int(np.datetime64("NaT").view(np.int64))
"""The least integer of 64 bits, which is NumPy's NaT."""


class Raw(enum.Enum):
    """
    The type of a column's values outside Python.

    NUMBER is a float64, NaN where missing; of booleans 1 and 0. TEXT is a string, empty where
    missing. MOMENT is an int64, microseconds since the begin of 1970, in UTC if the dates have a
    time zone; the least one where missing.
    """

    NUMBER = "number"
    TEXT = "text"
    MOMENT = "moment"


def raw_type_of(feature: Feature) -> Raw:
    """The type of a column's values."""
    if isinstance(feature, Quantity):
        return Raw.NUMBER
    if isinstance(feature, Category):
        return Raw.NUMBER if feature.kind in (NUMBERS, BOOLEANS) else Raw.TEXT
    return Raw.MOMENT


def texts_of(feature: Category) -> list[bytes | None]:
    """
    The texts of a column of categories that are texts, in UTF-8, in order.

    None stands for one with half of a surrogate pair: UTF-8 cannot hold it, so no other program
    gives it.
    """
    return [_in_utf8(text) for text in feature.categories]


def _in_utf8(text: str) -> bytes | None:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return None


def is_whole(text: str) -> bool:
    """Whether UTF-8 can hold a text: it has no half of a surrogate pair."""
    return _in_utf8(text) is not None


def numbers_of(feature: Category) -> list[float]:
    """
    The numbers of a column of categories that are numbers or booleans, in order.

    Raises
    ------
    ValueError
        If float64, as which other programs give them, makes some of them equal.
    """
    if feature.are_inexact:
        raise ValueError(
            f"column {shown(feature.name)} has categories that are whole numbers from 2^53 on, and"
            " exports take numbers as float64, which makes some equal: fit it as texts."
        )
    if feature.kind == BOOLEANS:
        return [float(text == "True") for text in feature.categories]
    return [float(text) for text in feature.categories]
