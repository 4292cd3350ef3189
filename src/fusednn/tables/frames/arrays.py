"""NumPy arrays as columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusednn.tables.columns import Column, NumberColumn, TextColumn
from fusednn.tables.errors import TableError
from fusednn.tables.texts import Texts

from .declared import ONLY_EMPTY, boolean_column, date_column, duration_column, merged
from .objects import column_of_objects


def columns_of_array(array: np.ndarray) -> list[Column]:
    """
    The columns of an array of shape (n_rows, n_columns), called "0", "1" and so on.

    Parameters
    ----------
    array : ndarray
        Numbers, booleans, dates, texts or objects. Masked elements are missing. An array of
        texts holds texts alone, so its columns of numbers are numbers, as in a text file.

    Raises
    ------
    TableError
        If the array has other axes, is structured or complex, or as for `column_of_objects`.
    """
    if array.dtype.names is not None:
        raise TableError(
            "a structured array has no columns: give a frame, which pandas.DataFrame makes of it"
        )
    if array.ndim != 2:
        raise TableError(
            f"Expected 2D array, got {array.ndim}D array instead: X has one row per sample and one"
            " column per feature. Reshape your data with X.reshape(-1, 1) if it is one column, or"
            " X.reshape(1, -1) if it is one row"
        )
    return [_column(str(i), array[:, i]) for i in range(array.shape[1])]


def _column(name: str, values: np.ndarray) -> Column:
    null = np.ma.getmaskarray(values) if isinstance(values, np.ma.MaskedArray) else None
    values = np.asarray(values)
    kind = values.dtype.kind
    if kind in "iuf":
        return NumberColumn(name, values, null)
    if kind == "b":
        return boolean_column(name, values, null)
    if kind in "Mm":
        if null is not None:
            values = np.where(null, np.array("NaT", values.dtype), values)
        return date_column(name, values) if kind == "M" else duration_column(name, values)
    if kind in "USTO":
        items = values.tolist()
        if null is not None:
            items = [None if gone else item for item, gone in zip(items, null, strict=True)]
        return column_of_objects(name, items) if kind == "O" else _undeclared(name, items)
    raise TableError(
        "Complex data not supported: give real numbers"
        if kind == "c"
        else f"X is an array of {values.dtype}: give a frame, or an array of numbers or objects"
    )


def _undeclared(name: str, items: list[Any]) -> TextColumn:
    """A column of texts that may be numbers."""
    places: dict[Any, int] = {}
    codes = np.array([places.setdefault(item, len(places)) for item in items], np.int32)
    codes, texts = merged(codes, [_stripped(item) for item in places])
    return TextColumn(name, codes, Texts(texts, ONLY_EMPTY))


def _stripped(item: Any) -> str:
    if isinstance(item, bytes):
        item = item.decode("utf-8", "backslashreplace")
    return item.strip() if isinstance(item, str) else ""  # None, or NaN of StringDType
