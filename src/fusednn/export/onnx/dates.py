"""Parts of dates as ONNX operators, from microseconds since 1970."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from fusednn.tables.preparing.raw_types import DAY

from .graph import Graph

HOUR = DAY // 24
ERA, TO_MARCH = 146_097, 719_468
"""The days of 400 years, and those from March 1 of year 0 to the begin of 1970."""


def add_parts(graph: Graph, x: str, start: str, parts: Sequence[str]) -> list[str]:
    """
    Adds parts of dates, (N, 1) float64 each; returns their names.

    Years begin in March, so that the day that leap years have is their last. A missing date
    has some numbers.

    Parameters
    ----------
    graph : Graph
    x : str
        Microseconds, (N, 1) int64.
    start : str
        The day from which `elapsed` counts.
    parts : sequence of str
        Some of `fusednn.tables.dates.PARTS`.

    References
    ----------
    Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2013, civil_from_days.
    """
    found = _Calendar(graph, x)
    ways: dict[str, Callable[[], str]] = {
        "year": lambda: found.civil[0],
        "month": lambda: found.civil[1],
        "day": lambda: found.civil[2],
        "weekday": lambda: found.mod(found.plus(found.days, 3), 7),
    }
    names = []
    for part in parts:
        if part in ways:
            names.append(graph.cast(ways[part](), float))
            continue
        since, unit = found.time, HOUR
        if part == "elapsed":
            first = int(np.datetime64(start, "us").view(np.int64))
            since, unit = found.plus(x, -first), DAY
        names.append(graph.node("Div", graph.cast(since, float), graph.number(unit, float)))
    return names


class _Calendar:
    """Whole numbers computed from moments; each once, when it is first asked for."""

    def __init__(self, graph: Graph, x: str):
        self._graph, self._x = graph, x
        self._civil: tuple[str, str, str] | None = None
        self.time = self.mod(x, DAY)
        self.days = self.over(self.minus(x, self.time), DAY)

    def _number(self, value: int) -> str:
        return self._graph.number(value, np.int64)

    def plus(self, x: str, value: int) -> str:
        return self._graph.node("Add", x, self._number(value))

    def times(self, x: str, value: int) -> str:
        return self._graph.node("Mul", x, self._number(value))

    def over(self, x: str, value: int) -> str:
        """Division of what is not negative, or leaves no remainder."""
        return self._graph.node("Div", x, self._number(value))

    def mod(self, x: str, value: int) -> str:
        """The remainder, which is not negative."""
        return self._graph.node("Mod", x, self._number(value))

    def minus(self, x: str, other: str) -> str:
        return self._graph.node("Sub", x, other)

    @property
    def civil(self) -> tuple[str, str, str]:
        """Year, month and day."""
        if self._civil is not None:
            return self._civil
        graph = self._graph
        since = self.plus(self.days, TO_MARCH)
        doe = self.mod(since, ERA)  # the day of an era of 400 years
        era = self.over(self.minus(since, doe), ERA)
        leap = self.minus(self.over(doe, 1460), self.over(doe, 36_524))
        yoe = self.minus(self.minus(doe, leap), self.over(doe, 146_096))
        yoe = self.over(yoe, 365)  # the year of the era
        before = self.minus(
            graph.node("Add", self.times(yoe, 365), self.over(yoe, 4)), self.over(yoe, 100)
        )
        doy = self.minus(doe, before)  # the day of a year from March on
        mp = self.over(self.plus(self.times(doy, 5), 2), 153)  # 0 is March
        gone = self.over(self.plus(self.times(mp, 153), 2), 5)
        day = self.plus(self.minus(doy, gone), 1)
        is_later = self.over(mp, 10)  # 1 in January and February, of the next year
        month = self.minus(self.plus(mp, 3), self.times(is_later, 12))
        year = graph.node("Add", graph.node("Add", yoe, self.times(era, 400)), is_later)
        self._civil = year, month, day
        return self._civil
