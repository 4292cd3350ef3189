"""Reads files of rows, text or Parquet, as tables: whole, or block by block in little memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np

from fusednn.tables.columns import TextColumn
from fusednn.tables.errors import TableError
from fusednn.tables.table import Table, unique_names

from .csv_arrow import ArrowText, NotRead
from .csv_rows import Cells, cells_of, joined, ragged
from .delimited import TextFile, is_header
from .parquet import ParquetBlocks, is_parquet, read_parquet
from .sources import content_of

BLOCK_ROWS = 20_000


class Blocks(Protocol):
    """A file's rows, in order."""

    def __iter__(self) -> Iterator[Table]:
        """Yields tables of the same columns; at least one, which may be empty."""

    def share(self) -> float:
        """The fraction of the file that has been read."""


def read_table(
    path: Path, header: bool | None = None, watch: Callable[[float], object] | None = None
) -> Table:
    """
    Read a file of rows, all of the same number of values.

    Parameters
    ----------
    path : Path
        Parquet; or text, plain or compressed, whose delimiter is detected.
    header : bool, default=None
        Whether the first row of a text names the columns. None: detected.
    watch : callable, default=None
        Called repeatedly, in any thread, with the fraction of a text that has been read.

    Returns
    -------
    Table

    Raises
    ------
    TableError
        If the file cannot be read as a table of two columns or more.
    """
    content = content_of(path)
    if is_parquet(path, content):
        table = read_parquet(path, content)
        _require_columns(len(table.columns), 2, path)
        return table
    text = TextFile(path, content=content)
    if len(text.first) == 1:
        line, row = next(islice(text.rows(), 1, None), (0, []))
        if len(row) > 1:
            raise ragged(text.source, line, row, 1, first=True)
    _require_columns(len(text.first), 2, path)
    report = None if watch is None else lambda: watch(text.source.share())
    try:
        cells = ArrowText(text).whole(report)
    except NotRead:
        width = len(text.first)
        cells = joined(_watched(_csv_blocks(text, BLOCK_ROWS), report), width)
    return _Header(text, header, cells).table(cells)


def blocks_of(
    path: Path, fits: Callable[[list[str]], bool] | None = None, header: bool | None = None
) -> Blocks:
    """
    Open a file for reading in blocks of rows.

    Parameters
    ----------
    path : Path
    fits : callable, default=None
        Returns whether names of columns are the expected ones; chooses a text's delimiter.
    header : bool, default=None
        See `read_table`. None: the first block decides.

    Returns
    -------
    Blocks

    Raises
    ------
    TableError
        If the file cannot be read as a table, here or while iterating.
    """
    content = content_of(path)
    if is_parquet(path, content):
        return ParquetBlocks(path, BLOCK_ROWS, content)
    fitting = None if fits is None else lambda row: fits(unique_names(row))
    return _TextBlocks(TextFile(path, fitting, content), header)


class _TextBlocks:
    def __init__(self, text: TextFile, header: bool | None):
        self._text, self._header = text, header
        _require_columns(len(text.first), 1, text.path)

    def __iter__(self) -> Iterator[Table]:
        blocks = _text_blocks(self._text, BLOCK_ROWS)
        width = len(self._text.first)
        begin = next(blocks, None) or joined(iter(()), width)
        header = _Header(self._text, self._header, begin)
        table = header.table(begin)
        yield table
        done = table.rows
        for cells in blocks:
            table = header.table(cells, done)
            yield table
            done += table.rows

    def share(self) -> float:
        return self._text.source.share()


def _text_blocks(text: TextFile, most: int) -> Iterator[Cells]:
    """Rows below the first, by pyarrow; from where it fails on, by the csv module."""
    done = 0
    try:
        for cells in ArrowText(text).blocks(most):
            yield cells
            done += len(cells[0][0])
        return
    except NotRead:
        pass
    yield from _csv_blocks(text, most, done)


def _csv_blocks(text: TextFile, most: int, skipped: int = 0) -> Iterator[Cells]:
    rows = islice(text.rows(), 1 + skipped, None)
    return cells_of(rows, len(text.first), most, text.source, first=not skipped)


def _watched(blocks: Iterator[Cells], watch: Callable[[], object] | None) -> Iterator[Cells]:
    for block in blocks:
        if watch is not None:
            watch()
        yield block


class _Header:
    """Decides whether a text's first row names the columns, and makes tables accordingly."""

    def __init__(self, text: TextFile, header: bool | None, cells: Cells):
        if header is None:
            header = is_header(text.first, [texts for _, texts in cells])
        self._text, self._header = text, header
        found = text.source.found
        self._encoding = found.encoding if found.guessed else ""
        numbers = [str(i) for i in range(len(text.first))]
        self._names = unique_names(text.first) if header else numbers

    def table(self, cells: Cells, first: int = 0) -> Table:
        """Makes a table of a block from row `first` on; adds row 0 if it is not a header."""
        if not (self._header or first):
            cells = [_under(*both) for both in zip(self._text.first, cells, strict=True)]
        columns = [
            TextColumn(name, *column) for name, column in zip(self._names, cells, strict=True)
        ]
        numbers = np.arange(first, first + len(columns[0]))
        own = self._text.first
        return Table(columns, self._header, numbers, self._line_of, own, self._encoding)

    def _line_of(self, number: int) -> int:
        return self._text.line_of(number + self._header)


def _under(cell: str, column: tuple) -> tuple:
    """Prepends a cell to a column."""
    codes, texts = column
    place, texts = texts.with_text(cell)
    return np.concatenate([np.array([place], np.int32), codes]), texts


def _require_columns(found: int, fewest: int, path: Path) -> None:
    if found < fewest == 1:
        raise TableError(f"{path} has no values: give a CSV file with rows of values")
    if found < fewest:
        raise TableError(
            f"{path} has only one column (separate values by comma, semicolon, tab, | or blanks):"
            " nothing to predict from"
        )
