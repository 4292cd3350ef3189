"""polars frames as columns. This module is imported only if a frame of polars is given."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars

from fusednn.tables.columns import Column, NumberColumn
from fusednn.tables.errors import TableError, shown

from .declared import TEXTS, boolean_column, date_column, declared_column, duration_column
from .objects import column_of_objects

FEW = 64
"""Texts that are read sooner one by one: one row takes 0.3 ms instead of 2.5, of 42 columns."""


def is_frame(X: Any) -> bool:
    """Whether X is a frame of polars."""
    return isinstance(X, polars.DataFrame)


def is_series(X: Any) -> bool:
    """Whether X is a series of polars."""
    return isinstance(X, polars.Series)


def without_categories(X: Any) -> Any:
    """The same, since categories of polars are texts."""
    return X


def columns_of_frame(frame: Any) -> list[Column]:
    """The columns of a frame."""
    return [column_of(series.name, series) for series in frame.get_columns()]


def column_of(name: str, series: Any) -> Column:
    """
    Make a column of a series.

    Texts, categories and booleans are declared columns, nulls are missing values.

    Raises
    ------
    TableError
        If the values are lists or structs, or as for `column_of_objects`.
    """
    dtype = series.dtype
    if dtype.is_numeric():
        return _numbers(name, series)
    if dtype == polars.Boolean:
        null = series.is_null().to_numpy()
        return boolean_column(name, series.fill_null(False).to_numpy(), null)
    if dtype in (polars.String, polars.Categorical, polars.Enum):
        if len(series) < FEW:
            return column_of_objects(name, series.to_list())
        return _texts(name, series.cast(polars.String))
    if dtype in (polars.Date, polars.Datetime):
        zone = getattr(dtype, "time_zone", None)
        return date_column(name, series.to_numpy(), zone is not None)  # moments are in UTC
    if dtype == polars.Duration:
        return duration_column(name, series.to_numpy())
    if dtype in (polars.Time, polars.Null, polars.Binary, polars.Object):
        return column_of_objects(name, series.to_list())
    raise TableError(
        f"column {shown(name)} is {dtype}: make numbers or texts of it, or leave it out"
    )


def _numbers(name: str, series: Any) -> NumberColumn:
    if series.dtype.is_decimal() or str(series.dtype) in ("Int128", "UInt128"):
        series = series.cast(polars.Float64)
    if not series.null_count():
        return NumberColumn(name, series.to_numpy())
    return NumberColumn(name, series.fill_null(0).to_numpy(), series.is_null().to_numpy())


def _texts(name: str, series: Any) -> Column:
    values = series.drop_nulls().unique(maintain_order=True)
    codes = series.cast(polars.Enum(values)).to_physical().cast(polars.Int64).fill_null(-1)
    return declared_column(name, codes.to_numpy().astype(np.int32), values.to_list(), TEXTS)
