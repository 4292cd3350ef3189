"""pandas frames as columns. This module is imported only if a frame of pandas is given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
from pandas.api import types

from fusednn.tables.columns import Column, NumberColumn, TextColumn
from fusednn.tables.errors import TableError, shown

from .declared import (
    BOOLEANS,
    NUMBERS,
    TEXTS,
    Kind,
    boolean_column,
    date_column,
    declared_column,
    duration_column,
)
from .objects import column_of_objects, text_of


def is_frame(X: Any) -> bool:
    """Whether X is a frame of pandas."""
    return isinstance(X, pandas.DataFrame)


def is_series(X: Any) -> bool:
    """Whether X is a series of pandas."""
    return isinstance(X, pandas.Series)


def without_categories(X: Any) -> Any:
    """A frame or series whose categories are values of their own type, if none is missing."""
    if is_frame(X):
        return X.apply(without_categories)
    if isinstance(X.dtype, pandas.CategoricalDtype) and not X.isna().any():
        return X.astype(X.cat.categories.dtype)
    return X


def columns_of_frame(frame: Any) -> list[Column]:
    """The columns of a frame. The index is ignored."""
    return [column_of(str(name), series) for name, series in frame.items()]


def column_of(name: str, series: Any) -> Column:
    """
    Make a column of a series.

    Categories and booleans are declared columns, missing values are those of pandas.

    Raises
    ------
    TableError
        If the values are complex, or as for `column_of_objects`.
    """
    dtype = series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "iuf":
        return NumberColumn(name, series.to_numpy())
    if isinstance(dtype, (pandas.CategoricalDtype, pandas.IntervalDtype)):
        return _categories(name, series.astype("category"))
    if isinstance(dtype, pandas.SparseDtype):
        return column_of(name, series.sparse.to_dense())
    if isinstance(dtype, pandas.PeriodDtype):
        return date_column(name, series.dt.to_timestamp().to_numpy())
    _refuse_complex(name, dtype)
    if types.is_bool_dtype(dtype):
        null = series.isna().to_numpy(bool)
        return boolean_column(name, series.fillna(False).to_numpy(bool), null)
    if types.is_numeric_dtype(dtype) and dtype.kind in "iuf":  # pyarrow's decimals are objects
        return _numbers(name, series)
    if types.is_datetime64_any_dtype(dtype):
        return _dates(name, series)
    if types.is_timedelta64_dtype(dtype) or dtype.kind == "m":
        return duration_column(name, series.to_numpy(f"timedelta64[{series.dt.unit}]"))
    if types.is_string_dtype(dtype) and not types.is_object_dtype(dtype):
        codes, values = pandas.factorize(series)
        return declared_column(name, codes, [str(value) for value in values], TEXTS)
    return column_of_objects(name, series.to_numpy(object))


def _refuse_complex(name: str, dtype: Any) -> None:
    if types.is_complex_dtype(dtype):
        raise TableError(f"Complex data not supported: column {shown(name)} is {dtype}")


def _numbers(name: str, series: Any) -> NumberColumn:
    dtype = {"i": np.int64, "u": np.uint64}.get(series.dtype.kind, np.float64)
    null = series.isna().to_numpy(bool)
    values = series.to_numpy(dtype, na_value=dtype(0))
    return NumberColumn(name, values, null if null.any() else None)


def _dates(name: str, series: Any) -> TextColumn:
    if isinstance(series.dtype, np.dtype):
        return date_column(name, series.to_numpy())
    if series.dtype.name.startswith(("date32", "date64")):  # pyarrow's
        series = series.astype("timestamp[us][pyarrow]")
    zoned = series.dt.tz is not None
    if zoned:
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    unit = getattr(series.dt, "unit", "us")
    moments = series.astype(f"datetime64[{unit}]").to_numpy()
    return date_column(name, moments, zoned)


def _categories(name: str, series: Any) -> TextColumn:
    if len(series.cat.categories) > len(series):  # as in a single row of a large table
        series = series.cat.remove_unused_categories()
    categories, codes = series.cat.categories, series.cat.codes.to_numpy()
    _refuse_complex(name, categories.dtype)
    kind: Kind = BOOLEANS
    if not types.is_bool_dtype(categories.dtype):
        kind = NUMBERS if types.is_numeric_dtype(categories.dtype) else TEXTS
    return declared_column(name, codes, list(map(text_of, categories)), kind)
