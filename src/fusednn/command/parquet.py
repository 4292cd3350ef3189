"""Parquet files, by pyarrow, which is asked for only where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .columns import Column, Table, unique_names
from .errors import UserError

MAGIC = b"PAR1"
SUFFIXES = ".parquet", ".pq"
EXACT = 2.0**53


def is_parquet(path: Path) -> bool:
    """
    Whether a file is Parquet, by how it begins.

    Raises
    ------
    UserError
        If it cannot be read, or is called Parquet and is not.
    """
    if not path.is_file():  # a pipe; its first bytes would be lost
        return False
    try:
        with path.open("rb") as file:
            found = file.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    if not found and path.suffix.lower() in SUFFIXES:
        raise UserError(f"{path} is no Parquet file, whatever its name: get the file again")
    return found


def pyarrow() -> Any:
    """
    pyarrow with its Parquet module.

    Raises
    ------
    UserError
        If it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UserError(
            "Parquet files need pyarrow: `pip install 'pyarrow>=16'`, or give a CSV file"
        ) from None
    return pyarrow


def read_parquet(path: Path) -> Table:
    """
    Read a whole file.

    Raises
    ------
    UserError
        If it is damaged, has columns of lists and such, or pyarrow is missing.
    """
    return _whole(ParquetBlocks(path, 0).whole(), 0)


class ParquetBlocks:
    """
    A file in blocks of rows.

    Parameters
    ----------
    path : Path
    rows : int
        Of a block, at most.

    Raises
    ------
    UserError
        As `read_parquet`, here or when it is gone through.
    """

    def __init__(self, path: Path, rows: int):
        self._path, self._rows, self._done = path, rows, 0
        self._arrow = pyarrow()
        self._damages = self._arrow.ArrowException, OSError
        try:
            with self._arrow.parquet.ParquetFile(path) as file:
                self._total = file.metadata.num_rows
        except self._damages as error:
            raise self._refused(error) from None

    def whole(self) -> Any:
        """The file as pyarrow's table."""
        try:
            with self._arrow.parquet.ParquetFile(self._path) as file:
                return file.read()
        except self._damages as error:
            raise self._refused(error) from None

    def __iter__(self) -> Iterator[Table]:
        """Blocks, at least one."""
        self._done = 0
        try:
            with self._arrow.parquet.ParquetFile(self._path) as file:
                if not self._total:
                    yield _whole(file.read(), 0)
                for batch in file.iter_batches(self._rows):
                    first, self._done = self._done, self._done + batch.num_rows
                    yield _whole(self._arrow.Table.from_batches([batch]), first)
        except self._damages as error:
            raise self._refused(error) from None

    def share(self) -> float:
        """The share of the rows that has been read."""
        return self._done / self._total if self._total else 1.0

    def _refused(self, error: Exception) -> UserError:
        return UserError(f"{self._path} cannot be read as Parquet: {error}")


def _whole(found: Any, first_row: int) -> Table:
    names = unique_names([str(name).strip() for name in found.column_names])
    columns = [_column(*both) for both in zip(names, found.columns, strict=True)]
    return Table(columns, True, None, first_row)


def _column(name: str, chunked: Any) -> Column:
    """Codes and texts of a column, each number in the form that a CSV file would have."""
    arrow = pyarrow()
    if arrow.types.is_dictionary(chunked.type):
        chunked = chunked.cast(chunked.type.value_type)
    if arrow.types.is_nested(chunked.type):
        raise UserError(
            f"column {name!r} holds {chunked.type}: leave such columns out of the file"
        )
    if arrow.types.is_null(chunked.type):
        return Column(name, np.zeros(len(chunked), np.int32), [""])
    encoded = chunked.combine_chunks().dictionary_encode()
    values = [_text(value) for value in encoded.dictionary.to_pylist()]
    codes = encoded.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)
    texts: dict[str, int] = {}
    again = np.array([texts.setdefault(v, len(texts)) for v in [*values, ""]], np.int32)
    return Column(name, again[codes], list(texts))


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:
        return str(int(value))  # a whole number beside missing values became a float
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="backslashreplace").strip()
    return str(value).strip()


class ParquetRows:
    """
    A new file, written in blocks of rows; a context manager.

    Parameters
    ----------
    arrow : module
        pyarrow.
    path : Path
    """

    def __init__(self, arrow: Any, path: Path):
        self._arrow, self._path = arrow, path
        self._file: Any = None

    def __enter__(self) -> ParquetRows:
        return self

    def __exit__(self, *raised: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, columns: dict[str, list[str] | np.ndarray]) -> None:
        """Adds rows; the first ones decide the columns and their types."""
        kinds = {
            name: self._arrow.string() if isinstance(part, list) else None
            for name, part in columns.items()
        }
        arrays = [self._arrow.array(part, kinds[name]) for name, part in columns.items()]
        rows = self._arrow.Table.from_arrays(arrays, list(columns))
        if self._file is None:
            self._file = self._arrow.parquet.ParquetWriter(self._path, rows.schema)
        self._file.write_table(rows)
