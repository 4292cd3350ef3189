"""Lists of rows as columns: of dicts, or of lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fusednn.tables.columns import Column
from fusednn.tables.errors import TableError

from .arrays import columns_of_array
from .objects import column_of_objects


def columns_of_records(records: Sequence[Any]) -> list[Column]:
    """
    The columns of a list of dicts, in the order in which the keys first appear.

    A key that a dict lacks is a missing value.

    Raises
    ------
    TableError
        If a row is no dict, or as for `column_of_objects`.
    """
    for number, record in enumerate(records):
        if not isinstance(record, Mapping):
            raise TableError(
                f"row {number + 1} of X is of type {type(record).__name__}, and row 1 is a dict:"
                " give a dict for each row"
            )
    keys = dict.fromkeys(key for record in records for key in record)
    return [column_of_objects(str(key), (row.get(key) for row in records)) for key in keys]


def columns_of_rows(rows: Sequence[Any]) -> list[Column]:
    """
    The columns of a list of rows, called "0", "1" and so on; each value keeps its type.

    Raises
    ------
    TableError
        If rows have different lengths, or as for `columns_of_array`.
    """
    kinds = {row.dtype.kind for row in rows if isinstance(row, np.ndarray)}
    if len(kinds) > 1 or any(isinstance(row, (list, tuple, np.ma.MaskedArray)) for row in rows):
        rows = [*map(_listed, rows)]  # one array of all would lose types and masks
    if not rows or not all(isinstance(row, (list, tuple)) for row in rows):
        try:
            return columns_of_array(np.asarray(rows))
        except TableError:
            raise
        except ValueError:  # of NumPy
            raise TableError("X has rows of several lengths: give rows of one length") from None
    width = len(rows[0])
    for number, row in enumerate(rows):
        if len(row) != width:
            raise TableError(
                f"row {number + 1} of X has {len(row)} values, and row 1 has {width}: give rows"
                " of one length"
            )
    return [column_of_objects(str(i), (row[i] for row in rows)) for i in range(width)]


def _listed(row: Any) -> Any:
    """An array as a list; its numbers keep their type, and so do dates, unless some are masked."""
    if not isinstance(row, np.ndarray):
        return row
    return row.tolist() if row.ndim != 1 or isinstance(row, np.ma.MaskedArray) else [*row]
