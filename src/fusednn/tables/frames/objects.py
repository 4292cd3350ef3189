"""Columns of Python objects, whose type follows from their values."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from fusednn.tables.columns import Column, NumberColumn, TextColumn, number_text
from fusednn.tables.errors import TableError, shown

from .declared import (
    BOOLEANS,
    DATES,
    FARTHEST,
    MIXED,
    NUMBERS,
    TEXTS,
    Kind,
    beyond,
    boolean_column,
    date_column,
    declared_column,
    duration_column,
    in_microseconds,
)

DURATIONS, TIMES = "durations", "times"
KINDS: tuple[tuple[tuple[type, ...], str], ...] = (
    ((bool, np.bool_), BOOLEANS),
    ((timedelta, np.timedelta64), DURATIONS),  # np.timedelta64 is a subclass of np.integer
    ((int, float, np.integer, np.floating, Decimal), NUMBERS),
    ((str, bytes), TEXTS),
    ((date, np.datetime64), DATES),  # datetime is a subclass of date
    ((time,), TIMES),
)
WHOLE = int, np.integer
MAY_BE_MISSING = float, np.floating, Decimal, np.datetime64, np.timedelta64
"""Types of which one value is missing, and is not equal to itself."""
MISSING_TYPES = frozenset({"NoneType", "NAType", "NaTType"})
"""Names of the types of None, pandas.NA and pandas.NaT."""


def column_of_objects(name: str, values: Iterable[Any]) -> Column:
    """
    Make a column of Python objects.

    None, NaN, pandas.NA and NaT are missing values.

    Parameters
    ----------
    name : str
    values : iterable of object

    Returns
    -------
    Column
        Numbers, or a declared column of one kind; "mixed" if there are several kinds.

    Raises
    ------
    TableError
        If an object is not a single value, only some dates have a time zone, or a date or a
        duration is too far away.
    """
    items = list(values)
    types = set(map(type, items))
    kinds = {one: _kind(one) for one in types}
    if None in kinds.values():
        row = next(i for i, item in enumerate(items) if kinds[type(item)] is None)
        raise TableError(
            f"row {row + 1}: column {shown(name)} holds a value of type"
            f" {type(items[row]).__name__}: make numbers or texts of the column, or leave it out"
        )
    known, gone = items, np.zeros(len(items), bool)
    absent = {one for one in types if one.__name__ in MISSING_TYPES}
    if absent or any(issubclass(one, MAY_BE_MISSING) for one in types):
        gone = np.array([type(item) in absent or _is_nan(item) for item in items], bool)
        known = [item for item, no in zip(items, gone, strict=True) if not no]
        types = set(map(type, known))
    found = {kinds[one] for one in types}
    if len(found) != 1:
        return _texts(name, items, gone, MIXED if found else TEXTS)
    [kind] = found
    if kind == NUMBERS:
        return _numbers(name, known, gone, all(issubclass(one, WHOLE) for one in types))
    if kind == BOOLEANS:
        return boolean_column(name, _spread(np.array(known, bool), gone), gone)
    if kind == DATES:
        return _dates(name, known, gone)
    if kind == DURATIONS:
        durations = np.array([_duration(name, one) for one in known], "timedelta64[us]")
        return duration_column(name, _spread(durations, gone, np.timedelta64("NaT")))
    if kind == TIMES:
        return NumberColumn(name, _spread(np.array([*map(hour_of, known)]), gone, np.nan))
    return _texts(name, items, gone, TEXTS)


def hour_of(moment: time) -> float:
    """A time of day in hours."""
    seconds = 60 * (60 * moment.hour + moment.minute) + moment.second + 1e-6 * moment.microsecond
    return seconds / 3600


def _kind(one: type) -> str | None:
    if one.__name__ in MISSING_TYPES:
        return TEXTS
    return next((kind for types, kind in KINDS if issubclass(one, types)), None)


def _spread(known: np.ndarray, gone: np.ndarray, fill: Any = 0) -> np.ndarray:
    """The known values in their rows, `fill` elsewhere."""
    if len(known) == len(gone):
        return known
    values = np.full(len(gone), fill, known.dtype)
    values[~gone] = known
    return values


def _numbers(name: str, known: list[Any], gone: np.ndarray, whole: bool) -> NumberColumn:
    dtype: type = np.float64
    if whole:
        fitting = [one for one in (np.int64, np.uint64) if _holds(one, min(known), max(known))]
        dtype = fitting[0] if fitting else np.float64
    try:
        numbers: np.ndarray = np.array(known, dtype)
    except OverflowError:  # an integer beyond float64
        numbers = np.array([*map(_float, known)])
    return NumberColumn(name, _spread(numbers, gone), gone if gone.any() else None)


def _holds(dtype: type, least: Any, most: Any) -> bool:
    limits = np.iinfo(dtype)
    return limits.min <= int(least) and int(most) <= limits.max


def _float(number: Any) -> float:
    try:
        return float(number)
    except OverflowError:
        return np.inf if number > 0 else -np.inf


def _dates(name: str, known: list[Any], gone: np.ndarray) -> TextColumn:
    zoned = {isinstance(one, datetime) and one.tzinfo is not None for one in known}
    if len(zoned) > 1:
        raise TableError(
            f"column {shown(name)} has dates with a time zone and dates without one: convert all"
            " to UTC"
        )
    [in_zone] = zoned
    moments = np.array([_naive(name, one) for one in known], "datetime64[us]")
    return date_column(name, _spread(moments, gone, np.datetime64("NaT")), in_zone)


def _naive(name: str, one: Any) -> Any:
    if isinstance(one, np.datetime64):
        return in_microseconds(name, np.array([one]))[0]
    if not isinstance(one, datetime):
        return np.datetime64(one, "us")
    try:
        one = one if one.tzinfo is None else one.astimezone(UTC)
    except OverflowError:  # in UTC it is not in the years 1 to 9999
        raise beyond(name) from None
    return np.datetime64(one.replace(tzinfo=None).isoformat(), "us")


def _duration(name: str, one: Any) -> Any:
    if isinstance(one, np.timedelta64):
        return in_microseconds(name, np.array([one]))[0]
    if abs(one.days) > FARTHEST * 365:
        raise beyond(name)
    return np.timedelta64(one, "us")


def _is_nan(item: Any) -> bool:
    """Whether a value is not equal to itself; a signalling NaN cannot be compared."""
    return item.is_nan() if isinstance(item, Decimal) else item != item


def _texts(name: str, items: list[Any], gone: np.ndarray, kind: Kind) -> TextColumn:
    places: dict[Any, int] = {}
    if kind == MIXED:  # 1 and True are equal, but different values
        items = list(map(text_of, items))
    rows = zip(items, gone, strict=True)
    codes = np.array([-1 if no else places.setdefault(v, len(places)) for v, no in rows], np.int32)
    return declared_column(name, codes, list(map(text_of, places)), kind)


def text_of(item: Any) -> str:
    """The text of a category: 1 and 1.0 are "1"."""
    if isinstance(item, str):
        return str(item)
    if isinstance(item, bytes):
        return item.decode("utf-8", errors="backslashreplace")
    if isinstance(item, (float, np.floating)):
        return number_text(np.float64(item))
    return str(item)
