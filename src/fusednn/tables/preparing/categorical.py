"""Finds the columns that users call categories."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from fusednn.tables.errors import TableError, shown
from fusednn.tables.table import Table, listed


def categorical_places(table: Table, features: Any) -> tuple[int, ...]:
    """
    The indices of the columns that are categories whatever their type.

    Parameters
    ----------
    table : Table
    features : None, or array-like of str, tuple, int or bool
        Names of columns (tuples of columns with several levels), their indices from 0, or a mask
        of all columns. None: no columns but those of texts, categories and booleans.

    Returns
    -------
    tuple of int
        Ascending.

    Raises
    ------
    TableError
        If there is no such column, a mask has another length, or `features` is of another kind.
    """
    if features is None:
        return ()
    if isinstance(features, str) or not isinstance(features, Iterable) or _is_scalar(features):
        raise TableError(
            f"categorical_features={features!r} is no list: give a list of names or indices, or a"
            " mask"
        )
    items = [item.item() if isinstance(item, np.generic) else item for item in features]
    items = [
        str(item) if isinstance(item, tuple) else item for item in items
    ]  # as `table_of` does
    width = len(table.columns)
    if items and all(isinstance(item, bool) for item in items):
        if len(items) != width:
            raise TableError(
                f"categorical_features is a mask of {len(items)} columns, and the table has"
                f" {width}: give one of {width}"
            )
        return tuple(place for place, chosen in enumerate(items) if chosen)
    return tuple(sorted({_place(table, item) for item in items}))


def _is_scalar(features: Any) -> bool:
    return isinstance(features, np.ndarray) and not features.ndim


def _place(table: Table, item: Any) -> int:
    if isinstance(item, str) and table.header:
        if item in table.names:
            return table.names.index(item)
        raise TableError(
            f"categorical_features names {shown(item)}, and the columns are"
            f" {listed(table.names)}: name one of them"
        )
    if isinstance(item, int) and not isinstance(item, bool):
        if 0 <= item < len(table.columns):
            return item
        raise TableError(
            f"categorical_features has the index {item}, and the table has columns 0 to"
            f" {len(table.columns) - 1}: give one of them"
        )
    if isinstance(item, str):
        raise TableError(
            f"categorical_features names {shown(item)}, and the table has no names: give indices"
            " or a mask"
        )
    raise TableError(
        f"categorical_features has {item!r}, which is neither a name nor an index: give names,"
        " indices or a mask"
    )
