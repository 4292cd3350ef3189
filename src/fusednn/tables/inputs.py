"""The kinds of inputs that a column of a table becomes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .columns import Column
from .dates import Form, parts_of
from .table import Table


class Numbers(NamedTuple):
    """A column of numbers: one input. `fill` replaces missing values; `unit` is a currency or
    percent sign, or ""."""

    name: str
    fill: float
    unit: str = ""

    @property
    def inputs(self) -> list[str]:
        """Names of the inputs."""
        return [self.name]

    @property
    def fills(self) -> list[float]:
        """What replaces a missing value in each input; None for a flag."""
        return [self.fill]


class Words(NamedTuple):
    """A column of words: one input per category, 1 or 0. The category None is a missing value."""

    name: str
    categories: tuple[str | None, ...]

    @property
    def inputs(self) -> list[str]:
        """Names of the inputs."""
        return [f"{self.name}={'?' if word is None else word}" for word in self.categories]

    @property
    def fills(self) -> list[None]:
        """See `Numbers`."""
        return [None] * len(self.categories)


class Dates(NamedTuple):
    """
    A column of dates: one input for each part that varies.

    Parameters
    ----------
    name : str
    form : Form
    start : str
        The day from which `elapsed` counts, as year-month-day.
    medians : tuple of (str, float)
        The parts, in the order of `PARTS`, and what replaces a missing value in each.
    """

    name: str
    form: Form
    start: str
    medians: tuple[tuple[str, float], ...]

    @classmethod
    def learned(cls, name: str, form: Form, moments: np.ndarray) -> Dates | None:
        """Learns which parts vary, and their medians; None if no part varies."""
        known = moments[~np.isnat(moments)]
        if not known.size:
            return None
        start = str(known.min().astype("datetime64[D]"))
        parts = parts_of(known, start).items()
        medians = tuple((part, float(np.median(v))) for part, v in parts if v.min() < v.max())
        return cls(name, form, start, medians) if medians else None

    def numbers(self, column: Column, table: Table) -> np.ndarray:
        """
        Encode a column as inputs of shape (n_rows, n_inputs).

        Raises
        ------
        TableError
            If a text is neither a date of this format nor missing.
        """
        parts = parts_of(self.form.of(column, table), self.start)
        values = np.column_stack([parts[part] for part, _ in self.medians])
        return np.where(np.isnan(values), self.fills, values)

    @property
    def inputs(self) -> list[str]:
        """Names of the inputs."""
        names = {"elapsed": f"days since {self.start}", "weekday": "weekday from 0, Monday"}
        return [f"{self.name}: {names.get(part, part)}" for part, _ in self.medians]

    @property
    def fills(self) -> list[float]:
        """See `Numbers`."""
        return [median for _, median in self.medians]


Input = Numbers | Words | Dates
