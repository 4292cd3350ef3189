"""Files of rows, text or Parquet, as tables: whole, or block by block in little memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np

from .columns import Column, Table, unique_names
from .delimited import TextRows, is_header
from .errors import UserError
from .parquet import ParquetBlocks, is_parquet, read_parquet
from .progress import ProgressBar

BLOCK_ROWS = 20_000


class Blocks(Protocol):
    """A file's rows in their order."""

    def __iter__(self) -> Iterator[Table]:
        """Tables of the same columns; at least one, which may have no rows."""

    def share(self) -> float:
        """The share of the file that has been read."""


def read_table(path: Path, header: bool | None = None, bar: ProgressBar | None = None) -> Table:
    """
    Read a file of rows with the same number of values each.

    Parameters
    ----------
    path : Path
        Parquet; or text, plain or compressed by gzip, whose delimiter is found out.
    header : bool, default=None
        Whether the first row of a text names the columns; found out where None.
    bar : ProgressBar, default=None
        Shows how much of a text has been read, in percent.

    Returns
    -------
    Table

    Raises
    ------
    UserError
        If it cannot be read as a table of two columns or more.
    """
    if is_parquet(path):
        table = read_parquet(path)
        _require_columns(len(table.columns), 2, path)
        return table
    source = TextRows(path)
    growing = _Growing(iter(source), path, 2)
    while growing.add(BLOCK_ROWS):
        if bar is not None:
            bar.update(min(int(100 * source.share()), 99), f"{growing.count:,} rows")
    return growing.table(header)


def _require_columns(found: int, fewest: int, path: Path) -> None:
    if found < fewest == 1:
        raise UserError(f"{path} has no values: give a CSV file with rows of them")
    if found < fewest:
        raise UserError(
            f"{path} has one column only (values may be separated by comma, semicolon, tab, |"
            " or blanks): nothing to predict from"
        )


def blocks_of(
    path: Path, fits: Callable[[list[str]], bool] | None = None, header: bool | None = None
) -> Blocks:
    """
    Open a file to be read in blocks of rows.

    Parameters
    ----------
    path : Path
    fits : callable, default=None
        Whether names of columns are as expected, to choose among a text's delimiters.
    header : bool, default=None
        As of `read_table`; where None the first block decides.

    Returns
    -------
    Blocks

    Raises
    ------
    UserError
        If it cannot be read as a table, here or when it is gone through.
    """
    if is_parquet(path):
        return ParquetBlocks(path, BLOCK_ROWS)
    return _TextBlocks(path, fits, header)


class _TextBlocks:
    def __init__(self, path: Path, fits: Callable[[list[str]], bool] | None, header: bool | None):
        self._path, self._header = path, header
        self._source = TextRows(
            path, None if fits is None else lambda row: fits(unique_names(row))
        )

    def __iter__(self) -> Iterator[Table]:
        growing = _Growing(iter(self._source), self._path, 1)
        growing.add(BLOCK_ROWS)
        table = growing.table(self._header)
        yield table
        first_row = table.rows
        while growing.restart().add(BLOCK_ROWS):
            yield growing.named(table.names, table.header, first_row)
            first_row += growing.count

    def share(self) -> float:
        return self._source.share()


class _Growing:
    """A table of text that grows by blocks of rows."""

    def __init__(self, rows: Iterator[tuple[int, list[str]]], path: Path, fewest: int):
        self._rows, self._path = rows, path
        self._first_line, self._first = next(rows, (0, []))
        _require_columns(len(self._first), fewest, path)
        self.restart()

    def restart(self) -> _Growing:
        """Forgets the rows so far."""
        width = len(self._first)
        self._indices: list[dict[str, int]] = [{} for _ in range(width)]
        self._codes: list[list[np.ndarray]] = [[np.empty(0, np.int32)] for _ in range(width)]
        self._lines: list[np.ndarray] = [np.empty(0, np.int64)]
        self.count = 0
        return self

    def add(self, most: int) -> int:
        """Adds rows, so many at most; returns how many."""
        block = list(islice(self._rows, most))
        width = len(self._first)
        for number, row in block:
            if len(row) != width:
                raise UserError(
                    f"{self._path}, line {number}: {len(row)} values where the first row has"
                    f" {width}; every row needs as many"
                )
        if block:
            lines, rows = zip(*block, strict=True)
            self._lines.append(np.array(lines, np.int64))
            cells = zip(*rows, strict=True)
            for index, parts, column in zip(self._indices, self._codes, cells, strict=True):
                new = [cell for cell in dict.fromkeys(column) if cell not in index]
                index.update(zip(new, range(len(index), len(index) + len(new)), strict=True))
                parts.append(np.fromiter(map(index.__getitem__, column), np.int32, len(column)))
        self.count += len(block)
        return len(block)

    def table(self, header: bool | None) -> Table:
        """The rows so far below the first, which names the columns or is one of them."""
        if header is None:
            header = is_header(self._first, [list(index) for index in self._indices])
        if header:
            return self.named(unique_names(self._first), True)
        for index, parts, cell in zip(self._indices, self._codes, self._first, strict=True):
            parts.insert(0, np.array([index.setdefault(cell, len(index))], np.int32))
        self._lines.insert(0, np.array([self._first_line]))
        return self.named([str(i) for i in range(len(self._first))], False)

    def named(self, names: list[str], header: bool, first_row: int = 0) -> Table:
        """The rows so far."""
        columns = [
            Column(name, np.concatenate(parts), list(index))
            for name, parts, index in zip(names, self._codes, self._indices, strict=True)
        ]
        return Table(columns, header, np.concatenate(self._lines), first_row)
