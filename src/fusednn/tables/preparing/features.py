"""What a column of a table becomes: learned once, plain values, applied to any table."""

from __future__ import annotations

from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from fusednn.tables.columns import EXACT, Column, NumberColumn
from fusednn.tables.dates import Form, parts_of
from fusednn.tables.errors import TableError, shown
from fusednn.tables.frames.declared import NUMBERS, Kind, Moments, kind_of
from fusednn.tables.quantities import held_numbers
from fusednn.tables.table import Table

from .scaling import Scale
from .spelling import spelling

MOST_FLAGS = 8
Becomes = Literal["nothing", "sign", "flags", "codes"]


class Quantity(NamedTuple):
    """
    A column of numbers: one input, and perhaps another that says where it is missing.

    Parameters
    ----------
    name : str
    scale : Scale
        The factor is 0 for a constant, which has no input.
    indicator : bool
        Whether training rows had missing values. Then an input is 1 where the number is missing,
        else -1.
    spike : float, default=None
        The number that more than nine tenths of the training rows have.
    unit : str, default=""
        Currency or percent sign.
    """

    name: str
    scale: Scale
    indicator: bool = False
    spike: float | None = None
    unit: str = ""

    @property
    def kind(self) -> Kind:
        """The type of the column."""
        return "numbers"

    @property
    def numbers(self) -> list[str]:
        """Names of the inputs that are scaled numbers."""
        return [self.name] * (self.scale.factor > 0)

    @property
    def flags(self) -> list[str]:
        """Names of the other inputs, after them."""
        return [f"{self.name} missing"] * self.indicator

    def write(self, inputs: np.ndarray, column: Column, table: Table) -> None:
        """
        Write the inputs of all rows, of shape (n_rows, n_inputs).

        Raises
        ------
        TableError
            If a value is a word, has another unit, or is infinite.
        """
        numbers = self._numbers_of(column, table)
        if self.indicator:
            inputs[:, -1] = _signs(np.isnan(numbers))
        if self.scale.factor > 0:
            inputs[:, 0] = self.scale.applied(numbers)

    def _numbers_of(self, column: Column, table: Table) -> np.ndarray:
        """The numbers; a column without values, as of one row, need not be of numbers."""
        if column.numbers() is None and column.missing().all():
            return np.full(len(column), np.nan)
        return held_numbers(column, table, "float64", self.unit)


class Moment(NamedTuple):
    """
    A column of dates: an input for each part that varies, and perhaps one for missing dates.

    Parameters
    ----------
    name : str
    form : Form
        The format of dates that are texts, and whether they have a time zone.
    start : str
        The day from which `elapsed` counts, as year-month-day.
    parts : tuple of (str, Scale)
        In the order of `PARTS`.
    indicator : bool
        As in `Quantity`.
    """

    name: str
    form: Form
    start: str
    parts: tuple[tuple[str, Scale], ...]
    indicator: bool = False

    @property
    def kind(self) -> Kind:
        """The type of the column."""
        return "dates"

    @property
    def numbers(self) -> list[str]:
        """As `Quantity` says."""
        return [f"{self.name}: {part}" for part, _ in self.parts]

    @property
    def flags(self) -> list[str]:
        """As `Quantity` says."""
        return [f"{self.name} missing"] * self.indicator

    def write(self, inputs: np.ndarray, column: Column, table: Table) -> None:
        """
        Write the inputs of all rows, of shape (n_rows, n_inputs).

        Raises
        ------
        TableError
            If a text is not a date of this format.
        """
        self.write_moments(inputs, moments_of(column, table, self.form))

    def write_moments(self, inputs: np.ndarray, moments: np.ndarray) -> None:
        """`write`, of dates as `moments_of` gives them."""
        if self.indicator:
            inputs[:, -1] = _signs(np.isnat(moments))
        found = parts_of(moments, self.start)
        for place, (part, scale) in enumerate(self.parts):
            inputs[:, place] = scale.applied(found[part])


class _Category(NamedTuple):
    name: str
    kind: Kind | None
    categories: tuple[str, ...]
    becomes: Becomes
    scales: tuple[Scale, ...] = ()


class Category(_Category):
    """
    A column of categories.

    Parameters
    ----------
    name : str
    kind : Kind or None
        The type of the column; None for a text file, whose columns have none.
    categories : tuple of str
        The categories of the training rows. Code 0 is a missing or unseen one, code i + 1 is
        category i.
    becomes : {"nothing", "sign", "flags", "codes"}
        What the inputs are: nothing, for a constant; one that is -1 or 1 for the two categories
        and 0 for code 0; one for each category that is 1 or 0, all 0 for code 0; or codes for an
        embedding.
    scales : tuple of Scale, default=()
        Scales of the inputs, if they are scaled.
    """

    @property
    def numbers(self) -> list[str]:
        """None."""
        return []

    @property
    def flags(self) -> list[str]:
        """As `Quantity` says."""
        if self.becomes == "sign":
            return [f"{self.name}={self.categories[1]}"]
        if self.becomes != "flags":  # there may be a hundred thousand
            return []
        return [f"{self.name}={text}" for text in self.categories]

    def write(self, inputs: np.ndarray, column: Column, table: Table) -> None:
        """Write the inputs of all rows, of shape (n_rows, n_inputs)."""
        if self.flags:
            self.write_flags(inputs, self.codes(column))

    def write_flags(self, inputs: np.ndarray, codes: np.ndarray) -> None:
        """`write`, of categories as `codes` gives them."""
        if self.becomes == "sign":
            places = np.array([0.0, -1.0, 1.0])
            inputs[:, 0] = self._scaled(places, 0)[codes]
            return
        for place in range(len(self.categories)):
            values = self._scaled(np.array([0.0, 1.0]), place)
            inputs[:, place] = values[(codes == place + 1).astype(np.intp)]

    def _scaled(self, values: np.ndarray, place: int) -> np.ndarray:
        return self.scales[place].applied(values) if self.scales else values

    def codes(self, column: Column) -> np.ndarray:
        """The code of each row, as int32."""
        known, spell = self._known, spelling(self.kind, kind_of(column))
        texts = zip(column.distinct.strings, column.distinct.missing, strict=True)
        found = [0 if missing else known.get(text, 0) for text, missing in texts]
        if spell is not None and 0 in found:
            alike = {spell(text): known[text] for text in reversed(self.categories)}
            for place, text in enumerate(column.distinct.strings):
                if not (found[place] or column.distinct.missing[place]):
                    found[place] = alike.get(spell(text), 0)
        return np.array(found, np.int32)[column.codes]

    @cached_property
    def _known(self) -> dict[str, int]:
        """The code of each category."""
        return {text: code for code, text in enumerate(self.categories, 1)}

    @cached_property
    def are_inexact(self) -> bool:
        """Whether floating point would make some of these numbers equal."""
        return self.kind == NUMBERS and any(abs(float(text)) >= EXACT for text in self.categories)


Feature = Quantity | Moment | Category


def moments_of(column: Column, table: Table, form: Form) -> np.ndarray:
    """The dates of a column as datetime64[us], NaT where missing; see `Form.of`."""
    if isinstance(column.distinct, Moments):
        return column.distinct.moments[column.codes]
    return form.of(column, table)


def refuse_inexact(column: Column, table: Table) -> None:
    """
    Refuse categories that are whole numbers beyond 2^53 in floating point, which makes some equal.

    Raises
    ------
    TableError
    """
    if not isinstance(column, NumberColumn) or column.array.dtype.kind != "f":
        return
    large = np.flatnonzero(np.abs(column.numbers()) >= EXACT)
    if large.size:
        raise TableError(
            f"{table.place(int(large[0]))}: {shown(column.name)} holds {column.array[large[0]]:g}"
            " among its categories, and floating point makes such numbers equal: give integers or"
            " texts"
        )


def _signs(which: np.ndarray) -> np.ndarray:
    return np.where(which, 1.0, -1.0)
