"""What a column of a table is to a network: the kinds of inputs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .columns import Column
from .dates import Form, parts_of
from .table import Table


class Numbers(NamedTuple):
    """A column of numbers, which is one input; `fill` stands for missing values, and `unit` is
    the sign of a currency or of percent."""

    name: str
    fill: float
    unit: str = ""

    @property
    def inputs(self) -> list[str]:
        """Their names."""
        return [self.name]

    @property
    def fills(self) -> list[float]:
        """What stands for a missing value in each input; None in a flag."""
        return [self.fill]


class Words(NamedTuple):
    """A column of words, which is an input for each category, 1 or 0; None is a missing value."""

    name: str
    categories: tuple[str | None, ...]

    @property
    def inputs(self) -> list[str]:
        """Their names."""
        return [f"{self.name}={'?' if word is None else word}" for word in self.categories]

    @property
    def fills(self) -> list[None]:
        """As of `Numbers`."""
        return [None] * len(self.categories)


class Dates(NamedTuple):
    """
    A column of dates, which is an input for each part of them that varies.

    Parameters
    ----------
    name : str
    form : Form
    start : str
        The day from which on what has elapsed is counted, as year-month-day.
    medians : tuple of (str, float)
        Parts, in the order of `PARTS`, and what stands for a missing value.
    """

    name: str
    form: Form
    start: str
    medians: tuple[tuple[str, float], ...]

    @classmethod
    def learned(cls, name: str, form: Form, moments: np.ndarray) -> Dates | None:
        """The parts that vary, or None if none does."""
        known = moments[~np.isnat(moments)]
        if not known.size:
            return None
        start = str(known.min().astype("datetime64[D]"))
        parts = parts_of(known, start).items()
        medians = tuple((part, float(np.median(v))) for part, v in parts if v.min() < v.max())
        return cls(name, form, start, medians) if medians else None

    def numbers(self, column: Column, table: Table) -> np.ndarray:
        """
        The inputs of a column's rows, of shape (n_rows, n_inputs).

        Raises
        ------
        TableError
            If a text is neither a date of this form nor missing.
        """
        parts = parts_of(self.form.of(column, table), self.start)
        values = np.column_stack([parts[part] for part, _ in self.medians])
        return np.where(np.isnan(values), self.fills, values)

    @property
    def inputs(self) -> list[str]:
        """Their names."""
        whats = {"elapsed": f"days since {self.start}", "weekday": "weekday from 0, Monday"}
        return [f"{self.name}: {whats.get(part, part)}" for part, _ in self.medians]

    @property
    def fills(self) -> list[float]:
        """As of `Numbers`."""
        return [median for _, median in self.medians]


Input = Numbers | Words | Dates
