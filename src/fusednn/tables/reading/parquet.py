"""Reads Parquet files by pyarrow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fusednn.tables.columns import Column, NumberColumn, TextColumn
from fusednn.tables.errors import TableError
from fusednn.tables.table import Table, unique_names
from fusednn.tables.texts import Texts

from .arrow import pyarrow

MAGIC = b"PAR1"
SUFFIXES = ".parquet", ".pq"
TEXTS = "string", "large_string", "string_view"
"""pyarrow's names of the types of texts."""
DIGITS = 15
"""float64 holds decimal numbers of up to this many digits; longer ones are kept as texts."""


def is_parquet(path: Path, content: bytes | None = None) -> bool:
    """
    Whether a file is Parquet, by its first bytes.

    Parameters
    ----------
    path : Path
    content : bytes, default=None
        The file's bytes, if it can be read only once.

    Raises
    ------
    TableError
        If the file cannot be read, or has a suffix of Parquet but is not Parquet.
    """
    if content is not None:
        return content.startswith(MAGIC)
    try:
        with path.open("rb") as file:
            found = file.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror}") from None
    if not found and path.suffix.lower() in SUFFIXES:
        raise TableError(f"{path} is not a Parquet file, despite its name: get the file again")
    return found


def read_parquet(path: Path, content: bytes | None = None) -> Table:
    """
    Read a whole file; for the parameters see `is_parquet`.

    Raises
    ------
    TableError
        If the file is damaged, has nested columns such as lists, or pyarrow is missing.
    """
    return _whole(ParquetBlocks(path, 0, content).whole(), 0)


class ParquetBlocks:
    """
    Reads a file in blocks of rows.

    Parameters
    ----------
    path : Path
    rows : int
        The largest number of rows in a block.
    content : bytes, default=None
        See `is_parquet`.

    Raises
    ------
    TableError
        As for `read_parquet`, here or while iterating.
    """

    def __init__(self, path: Path, rows: int, content: bytes | None = None):
        self._path, self._rows, self._content, self._done = path, rows, content, 0
        self._arrow = pyarrow()
        self._damages = self._arrow.ArrowException, OSError
        try:
            with self._open() as file:
                self._total = file.metadata.num_rows
        except self._damages as error:
            raise self._refused(error) from None

    def whole(self) -> Any:
        """The file as pyarrow's table."""
        try:
            with self._open() as file:
                return file.read()
        except self._damages as error:
            raise self._refused(error) from None

    def __iter__(self) -> Iterator[Table]:
        """Yields the blocks; at least one, which may be empty."""
        self._done = 0
        try:
            with self._open() as file:
                if not self._total:
                    yield _whole(file.read(), 0)
                for batch in file.iter_batches(self._rows):
                    first, self._done = self._done, self._done + batch.num_rows
                    yield _whole(self._arrow.Table.from_batches([batch]), first)
        except self._damages as error:
            raise self._refused(error) from None

    def share(self) -> float:
        """The fraction of the rows that has been read."""
        return self._done / self._total if self._total else 1.0

    def _open(self) -> Any:
        content = self._content
        file = self._path if content is None else self._arrow.BufferReader(content)
        return self._arrow.parquet.ParquetFile(file)

    def _refused(self, error: Exception) -> TableError:
        return TableError(f"{self._path} cannot be read as Parquet: {error}")


def _whole(found: Any, first_row: int) -> Table:
    first = [str(name).strip() for name in found.column_names]
    names = unique_names(first)
    columns = [_column(*both) for both in zip(names, found.columns, strict=True)]
    numbers = np.arange(first_row, first_row + found.num_rows)
    return Table(columns, True, numbers, first=first)


def _column(name: str, chunked: Any) -> Column:
    """A column of numbers if the file stores numbers, else a column of texts."""
    types = pyarrow().types
    if types.is_dictionary(chunked.type):
        chunked = chunked.cast(chunked.type.value_type)
    if types.is_nested(chunked.type):
        raise TableError(
            f"column {name!r} holds {chunked.type}: remove such columns from the file"
        )
    if types.is_null(chunked.type):
        return TextColumn(name, np.zeros(len(chunked), np.int32), Texts([""]))
    if types.is_decimal(chunked.type) and chunked.type.precision <= DIGITS:
        chunked = chunked.cast("float64")
    if types.is_integer(chunked.type) or types.is_floating(chunked.type):
        return _numbers(name, chunked)
    if types.is_timestamp(chunked.type) and chunked.type.unit == "ns":  # Python has microseconds
        chunked = chunked.cast(pyarrow().timestamp("us", chunked.type.tz), safe=False)
    encoded = chunked.combine_chunks().dictionary_encode()
    try:
        values = [_text(value) for value in encoded.dictionary.to_pylist()]
    except (ValueError, OverflowError, LookupError):  # years or time zones unknown to Python
        raise TableError(
            f"column {name!r} of {chunked.type} has values that Python cannot represent: remove"
            " it from the file"
        ) from None
    codes = encoded.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)
    texts: dict[str, int] = {}
    again = np.array([texts.setdefault(v, len(texts)) for v in [*values, ""]], np.int32)
    return TextColumn(name, again[codes], Texts(list(texts)), str(chunked.type) in TEXTS)


def _numbers(name: str, chunked: Any) -> NumberColumn:
    if not chunked.null_count:
        return NumberColumn(name, chunked.to_numpy())
    null = chunked.is_null().to_numpy()
    return NumberColumn(name, chunked.fill_null(0).to_numpy(), null)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="backslashreplace").strip()
    return str(value).strip()
