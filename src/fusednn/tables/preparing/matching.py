"""Finds the columns of a later table, and refuses another table than the training table's kind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fusednn.tables.columns import Column, NumberColumn
from fusednn.tables.errors import TableError, shown
from fusednn.tables.frames.declared import DATES, MIXED, TEXTS, Kind, Moments, kind_of
from fusednn.tables.table import Table, listed

from .features import Category, Feature, Moment, refuse_inexact

PHRASES = {MIXED: "values of several types"}


def matched_columns(
    features: Sequence[Feature], named: bool, table: Table, ignore_others: bool
) -> list[Column]:
    """
    The columns of a table in the order of the training table's.

    Columns are matched by name if both tables name theirs, else by position.

    Parameters
    ----------
    features : sequence of Feature
        What the training table's columns become.
    named : bool
        Whether that table names its columns.
    table : Table
    ignore_others : bool
        Whether columns of other names are ignored.

    Raises
    ------
    TableError
        If a column is missing, is one too many, or has another type.
    """
    names = [feature.name for feature in features]
    if named and table.header:
        columns = _by_name(names, table, ignore_others)
    elif len(table.columns) == len(names):
        columns = list(table.columns)
    else:
        raise TableError(
            f"the table has {_counted(len(table.columns))}, and the training table had"
            f" {len(names)}, {listed(names)}: give the same ones"
        )
    pairs = zip(features, columns, strict=True)
    return [_of_type(feature, column, table) for feature, column in pairs]


def _by_name(names: Sequence[str], table: Table, ignore_others: bool) -> list[Column]:
    by_name = {column.name: column for column in reversed(table.columns)}
    lacking = [name for name in names if name not in by_name]
    known = set(names)
    strange = [name for name in table.names if name not in known]
    if lacking:
        besides = f", but has {_columns(strange)}" if strange else ""
        them = "them" if len(lacking) > 1 else "it"
        remedy = (
            "name its columns as there" if strange else f"add {them}, with missing values at least"
        )
        raise TableError(
            f"the table lacks {_columns(lacking)} of the training table{besides}: {remedy}"
        )
    if strange and not ignore_others:
        them = "them" if len(strange) > 1 else "it"
        raise TableError(f"the training table had no {_columns(strange)}: leave {them} out")
    return [by_name[name] for name in names]


def _of_type(feature: Feature, column: Column, table: Table) -> Column:
    """
    The column, if it is of the feature's type; one without values may be of any.

    Raises
    ------
    TableError
        If it is of another type.
    """
    kind, expected = kind_of(column), feature.kind
    if kind is not None and expected is not None and kind != expected and expected != MIXED:
        known = ~column.missing()
        if not known.any():
            return NumberColumn(feature.name, np.full(len(column), np.nan))
        if not (kind == TEXTS and isinstance(feature, Moment)):  # `Form.of` reads or refuses them
            row = int(np.flatnonzero(known)[0])
            text = column.take(np.array([row])).texts()[0]
            raise _other_type(feature, kind, f" ({shown(text)} in {table.place(row)})", expected)
    if kind == DATES == expected:
        _refuse_other_zone(feature, column)
    if isinstance(feature, Category) and feature.are_inexact:
        refuse_inexact(column, table)
    return column


def _refuse_other_zone(feature: Feature, column: Column) -> None:
    if isinstance(feature, Moment):
        before = feature.form.zoned
    elif isinstance(feature, Category) and feature.categories:
        before = feature.categories[0].endswith("Z")
    else:  # there were no dates
        return
    zoned = isinstance(column.distinct, Moments) and column.distinct.zoned
    if zoned != before and not column.missing().all():
        now, then = ("with" if one else "without" for one in (zoned, before))
        raise TableError(
            f"column {shown(feature.name)} has dates {now} a time zone, and had dates {then} one"
            " in the training table: convert it"
        )


def _other_type(feature: Feature, kind: Kind, example: str, expected: Kind) -> TableError:
    return TableError(
        f"column {shown(feature.name)} has {PHRASES.get(kind, kind)}{example}, and had {expected}"
        " in the training table: convert it"
    )


def _columns(names: Sequence[str]) -> str:
    return f"column{'s' * (len(names) > 1)} {listed([shown(name) for name in names])}"


def _counted(count: int) -> str:
    return f"{count} column{'s' * (count != 1)}"
