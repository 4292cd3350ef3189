"""Makes a table of what users hold in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from fusednn.tables.columns import Column
from fusednn.tables.errors import TableError, shown
from fusednn.tables.table import Table

from .arrays import columns_of_array
from .rows import columns_of_records, columns_of_rows


def table_of(X: Any) -> Table:
    """
    Make a table of a frame, an array or a list of dicts.

    Parameters
    ----------
    X : pandas.DataFrame, polars.DataFrame, ndarray, list of dict, list of lists, or Table
        Frames and dicts name their columns; columns of others are called "0", "1" and so on. A
        pandas index is ignored. A table that was read from a file stays as it is.

    Returns
    -------
    Table
        `header` says whether X names its columns. Columns of booleans, texts, categories and
        dates are declared ones; their missing values are None, NaN, pandas.NA, NaT, nulls and
        empty texts.

    Raises
    ------
    TableError
        If X is something else, has no rows or columns, has duplicate names, or a column cannot
        be read.
    """
    if isinstance(X, Table):
        return X
    columns, named = _columns(X)
    names = [column.name for column in columns]
    if not columns:
        raise TableError("the table has no columns: give at least one")
    for name, count in Counter(names).items():
        if count > 1:
            raise TableError(f"{count} columns are named {shown(name)}: rename all but one")
    rows = len(columns[0])
    if not rows:
        raise TableError("the table has no rows: give at least one sample")
    return Table(columns, named, np.arange(rows), first=names)


def frames_module(X: Any) -> ModuleType | None:
    """
    The module of this folder that reads X; None if X is neither of pandas nor of polars.

    Only then is that module imported, and with it the library, which the user has imported before.
    """
    for base in type(X).__mro__:
        library = base.__module__.partition(".")[0]
        if library == "pandas":
            from . import pandas_frames

            return pandas_frames
        if library == "polars":
            from . import polars_frames

            return polars_frames
    return None


def _columns(X: Any) -> tuple[list[Column], bool]:
    module = frames_module(X)
    if module is not None:
        if module.is_frame(X):
            return module.columns_of_frame(X), True
        if module.is_series(X):
            raise TableError(
                "X is a series: give a frame, X.to_frame() of a column, or X.to_frame().T of a row"
            )
        if type(X).__name__ == "LazyFrame":
            raise TableError("X is a LazyFrame: give X.collect()")
    if hasattr(X, "columns") or hasattr(X, "column_names"):
        library = type(X).__module__.partition(".")[0]
        raise TableError(
            f"X is a {type(X).__name__} of {library}: give a frame of pandas or polars"
        )
    if hasattr(X, "toarray"):
        raise TableError("X is sparse: give X.toarray(), or a frame")
    if isinstance(X, Mapping):
        raise TableError("X is a dict: give a list of dicts, one for each row, or a frame")
    if isinstance(X, str) or not (hasattr(X, "__array__") or hasattr(X, "__len__")):
        raise TableError(
            f"X is of type {type(X).__name__}: give a frame, an array or a list of dicts"
        )
    if isinstance(X, (list, tuple)):
        if X and isinstance(X[0], Mapping):
            return columns_of_records(X), True
        return columns_of_rows(X), False
    return columns_of_array(X if isinstance(X, np.ma.MaskedArray) else np.asarray(X)), False
