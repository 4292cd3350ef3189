"""Recognises dates, and converts them to numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from .columns import Column
from .errors import TableError, shown
from .table import Table

_REST = (
    r"(?:[T ](?P<time>\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)"
    r"(?: ?(?P<zone>Z|UTC|[+-]\d\d:?\d\d(?::\d\d)?))?)?"
)
_DAY, _MONTH, _YEAR = r"(?P<day>\d\d?)", r"(?P<month>\d\d?)", r"(?P<year>(?!0000)\d{4})"
ISO = "year-month-day"
ORDERS = {
    ISO: re.compile(r"(?P<year>(?!0000)\d{4})-(?P<month>\d\d)-(?P<day>\d\d)" + _REST),
    "day.month.year": re.compile(rf"{_DAY}\.{_MONTH}\.{_YEAR}{_REST}"),
    "day/month/year": re.compile(rf"{_DAY}/{_MONTH}/{_YEAR}{_REST}"),
    "month/day/year": re.compile(rf"{_MONTH}/{_DAY}/{_YEAR}{_REST}"),
}
"""Date formats. A time may follow the date, and an offset from UTC may follow the time."""
MOST_ODD = 0.1
"""If a larger fraction of a column's distinct texts are not dates, the column is words."""
PARTS = "year", "month", "day", "weekday", "hour", "elapsed"
"""Inputs made from a date. Monday is weekday 0, 12:30 is hour 12.5, `elapsed` counts days."""


class Form(NamedTuple):
    """
    The date format of a column.

    Parameters
    ----------
    order : str
        A key of `ORDERS`.
    zoned : bool
        Whether all dates have an offset from UTC. Such dates are converted to UTC.
    """

    order: str
    zoned: bool

    def moments(self, texts: Sequence[str]) -> np.ndarray:
        """Converts texts to datetime64[us]; NaT where a text does not have this format."""
        found = [self._standard(text) for text in texts]
        if not self.zoned:
            try:
                return np.array(found, str).astype("datetime64[us]")
            except ValueError:  # a date that does not exist, such as February 30
                pass
        return np.array([_moment(text) for text in found], "datetime64[us]")

    def _standard(self, text: str) -> str:
        """A date in ISO 8601. Dates of Parquet's own types are already in it."""
        match = ORDERS[self.order].fullmatch(text) or ORDERS[ISO].fullmatch(text)
        if match is None or (match["zone"] is not None) != self.zoned:
            return "NaT"
        year, month, day, time, zone = match.group("year", "month", "day", "time", "zone")
        zone = {None: "", "UTC": "Z"}.get(zone, zone)
        return f"{year}-{month:0>2}-{day:0>2}T{time or '00:00'}{zone}"

    def of(self, column: Column, table: Table) -> np.ndarray:
        """
        A column's dates as datetime64[us], NaT where missing.

        Raises
        ------
        TableError
            If a text is neither a date of this format nor missing.
        """
        moments = self.moments(column.values)
        odd = (np.isnat(moments) & ~column.distinct.missing)[column.codes]
        if odd.any():
            row = int(np.flatnonzero(odd)[0])
            word = column.values[column.codes[row]]
            offset = " with an offset from UTC" if self.zoned else ""
            raise TableError(
                f"{table.place(row)}: {column.name} is {shown(word)}, where a date is expected, as"
                f" {self.order}{offset}"
            )
        return moments[column.codes]


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None


class Unsure(NamedTuple):
    """The texts are dates, but day and month cannot be told apart."""


def form_of(column: Column, table: Table) -> Form | Unsure | None:
    """
    Detect the date format of a column; None if it is not a column of dates.

    Parameters
    ----------
    column : Column
    table : Table
        The column's table; messages name its lines.

    Raises
    ------
    TableError
        If a few texts are not dates, or only some have an offset from UTC.
    """
    present = np.unique(column.codes)
    texts = [column.values[i] for i in present[~column.distinct.missing[present]]]
    for order in (ISO, "day.month.year", "day/month/year"):
        matches = [match for text in texts if (match := ORDERS[order].fullmatch(text))]
        if texts and len(matches) >= (1 - MOST_ODD) * len(texts):
            break
    else:
        return None
    zoned = [match["zone"] is not None for match in matches]
    if any(zoned) and not all(zoned):
        raise _odd_date(
            column,
            table,
            matches[zoned.index(False)].string,
            "has no offset from UTC, but others have one",
        )
    found = [Form(order, zoned[0])]
    if order == "day/month/year":
        found.append(Form("month/day/year", zoned[0]))
        found = [f for f in found if not np.isnat(f.moments([m.string for m in matches])).any()]
        if len(found) != 1:
            return Unsure()
    odd = np.flatnonzero(np.isnat(found[0].moments(texts)))
    if odd.size:
        raise _odd_date(column, table, texts[odd[0]], "is not a date, but the others are")
    return found[0]


def _odd_date(column: Column, table: Table, text: str, what: str) -> TableError:
    row = int(np.flatnonzero(column.among({text}))[0])
    return TableError(
        f"{table.place(row)}: {column.name} is {shown(text)}, which {what}:"
        " change it, or leave it empty if it is missing; if the column holds words",
        "categorical",
    )


def parts_of(moments: np.ndarray, start: str) -> dict[str, np.ndarray]:
    """
    Convert dates to numbers.

    Parameters
    ----------
    moments : ndarray of datetime64[us] of shape (n_rows,)
    start : str
        The day from which `elapsed` counts, as year-month-day.

    Returns
    -------
    dict of ndarray of float64 of shape (n_rows,)
        An array for each of `PARTS`; NaN for NaT.
    """
    known = ~np.isnat(moments)
    moments = moments[known]
    days, months = moments.astype("datetime64[D]"), moments.astype("datetime64[M]")
    found = {
        "year": months.astype("datetime64[Y]").astype(int) + 1970,
        "month": months.astype(int) % 12 + 1,
        "day": (days - months.astype("datetime64[D]")).astype(int) + 1,
        "weekday": (days.astype(int) + 3) % 7,  # January 1, 1970 was a Thursday
        "hour": (moments - days) / np.timedelta64(1, "h"),
        "elapsed": (moments - np.datetime64(start)) / np.timedelta64(1, "D"),
    }
    parts = {name: np.full(len(known), np.nan) for name in PARTS}
    for name, values in found.items():
        parts[name][known] = values
    return parts
