"""Learns from training rows what each column of a table becomes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fusednn.tables.columns import Column
from fusednn.tables.dates import ISO, Form, form_of, parts_of
from fusednn.tables.errors import TableError, shown
from fusednn.tables.frames.declared import MIXED, NUMBERS, Moments, kind_of
from fusednn.tables.learning import is_index
from fusednn.tables.quantities import held_numbers, refuse_odd, unit_of
from fusednn.tables.table import Table, listed

from .features import (
    MOST_FLAGS,
    Becomes,
    Category,
    Feature,
    Moment,
    Quantity,
    moments_of,
    refuse_inexact,
)
from .preparation import Preparation
from .scaling import Scale

SPIKE = 0.9
"""A number that a larger fraction of the rows have is a spike."""
NEARLY_ALL, FEW = 0.9, 20
"""More than 20 texts, of which a larger fraction of the rows is different, are free text."""


def learned_preparation(
    table: Table,
    *,
    categorical: Sequence[int] = (),
    rows: np.ndarray | None = None,
    most_flags: int | None = MOST_FLAGS,
    scale_flags: bool = False,
) -> Preparation:
    """
    Learn the preparation of a table.

    Numbers and the parts of dates that vary become scaled inputs, with a further input where
    values are missing. Texts, categories and booleans become flags or codes. A constant becomes
    nothing, and so does an unnamed index that pandas wrote to a file. Other numbers that identify
    rows remain numbers: some are ordered by time or place.

    Parameters
    ----------
    table : Table
        Without the target.
    categorical : sequence of int, default=()
        Indices of columns that are categories whatever their type; see `categorical_places`.
    rows : ndarray of int or bool, default=None
        The training rows, from which everything is learned but the types of columns; None is all.
    most_flags : int or None, default=8
        Columns of more categories become codes for an embedding; None makes flags of all.
    scale_flags : bool, default=False
        Whether the inputs of categories are scaled too, as RealMLP does.

    Returns
    -------
    Preparation

    Raises
    ------
    TableError
        If a column has no values, is free text, has odd cells or infinite numbers, or no column
        has two different values in the training rows.
    """
    features = []
    for place, column in enumerate(table.columns):
        if column.missing().all():
            raise TableError(
                f"column {shown(column.name)} has no values: fill it, or leave it out"
            )
        learner = _Learner(table, rows, most_flags, scale_flags)
        features.append(learner.feature(column, place in categorical))
    found = Preparation(table.header, tuple(features))
    if not (found.names or found.code_names):
        names = listed([shown(name) for name in table.names])
        raise TableError(f"no column has two different values ({names}): give one that varies")
    return found


class _Learner:
    """Learns one column after another with the same options."""

    def __init__(
        self, table: Table, rows: np.ndarray | None, most_flags: int | None, scale_flags: bool
    ):
        self.table, self.rows = table, rows
        self.most_flags, self.scale_flags = most_flags, scale_flags

    def feature(self, column: Column, categorical: bool) -> Feature:
        """What a column becomes."""
        if categorical:
            refuse_inexact(column, self.table)
            return self._category(column)
        kind = kind_of(column)
        if kind == NUMBERS and not column.is_text:
            return self._quantity(column)
        if kind is None and column.numbers() is not None:
            return self._quantity(column)
        if kind == MIXED:
            raise _mixed(column, self.table)
        form = self._form(column)
        if form is not None:
            return self._moment(column, form)
        if kind is None:
            refuse_odd(column, self.table, "odd")
        self._refuse_free_text(column)
        return self._category(column)

    def _of_rows(self, values: np.ndarray) -> np.ndarray:
        return values if self.rows is None else values[self.rows]

    def _quantity(self, column: Column) -> Quantity:
        unit = unit_of(column, self.table)
        every = held_numbers(column, self.table, "float64", unit)
        if is_index(column.name, every):
            return Quantity(column.name, Scale(0.0, 0.0), unit=unit)
        numbers = self._of_rows(every)
        gone = np.isnan(numbers)
        known = numbers[~gone] if gone.any() else numbers
        if not known.size:
            return Quantity(column.name, Scale(0.0, 0.0), unit=unit)
        scale = Scale.learned(known)
        most = np.count_nonzero(known == scale.center)
        spike = scale.center if scale.factor and most > SPIKE * known.size else None
        return Quantity(column.name, scale, bool(gone.any()), spike, unit)

    def _form(self, column: Column) -> Form | None:
        if isinstance(column.distinct, Moments):
            return Form(ISO, column.distinct.zoned)
        if kind_of(column) not in (None, "texts"):
            return None
        form = form_of(column, self.table)
        return form if isinstance(form, Form) else None

    def _moment(self, column: Column, form: Form) -> Moment:
        moments = self._of_rows(moments_of(column, self.table, form))
        known = moments[~np.isnat(moments)]
        gone = len(known) < len(moments)
        if not known.size:
            return Moment(column.name, form, "1970-01-01", ())
        start = str(known.min().astype("datetime64[D]"))
        scales = {part: Scale.learned(found) for part, found in parts_of(known, start).items()}
        parts = tuple((part, scale) for part, scale in scales.items() if scale.factor)
        return Moment(column.name, form, start, parts, gone)

    def _category(self, column: Column) -> Category:
        column = column if self.rows is None else column.take(self.rows)
        texts, kind = column.distinct, kind_of(column)
        times = np.bincount(column.codes, minlength=len(texts))
        present = [texts.strings[place] for place in np.flatnonzero(times * ~texts.missing)]
        categories = tuple(sorted(present, key=_order if kind == NUMBERS else None))
        gone = bool(times[texts.missing].sum())
        found = Category(column.name, kind, categories, self._becomes(len(categories), gone))
        if not (self.scale_flags and found.flags):
            return found
        flags = np.empty((len(column), len(found.flags)))
        found.write(flags, column, self.table)
        return found._replace(scales=tuple(map(Scale.learned, flags.T)))

    def _becomes(self, count: int, gone: bool) -> Becomes:
        if count == 2:
            return "sign"
        if count < 2:
            return "flags" if count and gone else "nothing"
        return "flags" if self.most_flags is None or count <= self.most_flags else "codes"

    def _refuse_free_text(self, column: Column) -> None:
        if kind_of(column) not in (None, "texts"):
            return
        column = column if self.rows is None else column.take(self.rows)
        texts = column.distinct
        times = np.bincount(column.codes, minlength=len(texts)) * ~texts.missing
        different, known = np.count_nonzero(times), int(times.sum())
        if different <= max(NEARLY_ALL * known, FEW):
            return
        words = texts.words_in_any_notation
        if not words[times > 0].any():
            raise TableError(
                f"column {shown(column.name)} has numbers that are stored as texts,"
                f" {different:,} different ones in {known:,} rows: convert it to numbers, or leave"
                " it out; if these are categories",
                "categorical",
            )
        raise TableError(
            f"column {shown(column.name)} is free text, {different:,} different values in"
            f" {known:,} rows: leave it out, or make numbers or a few categories of it; if these"
            " are categories",
            "categorical",
        )


def _order(text: str) -> tuple[float, str]:
    """Sorts the texts of numbers by the numbers, and exactly."""
    return float(text), text.zfill(40)


def _mixed(column: Column, table: Table) -> TableError:
    text = column.take(np.flatnonzero(~column.missing())[:1]).texts()[0]
    return TableError(
        f"column {shown(column.name)} has values of several types, {shown(text)} among them: make"
        " them one type, or missing; if they are categories",
        "categorical",
    )
