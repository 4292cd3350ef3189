"""Files of rows, text or Parquet, as tables: whole, or block by block in little memory."""

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
    """A file's rows in their order."""

    def __iter__(self) -> Iterator[Table]:
        """Tables of the same columns; at least one, which may have no rows."""

    def share(self) -> float:
        """The share of the file that has been read."""


def read_table(
    path: Path, header: bool | None = None, watch: Callable[[float], object] | None = None
) -> Table:
    """
    Read a file of rows with the same number of values each.

    Parameters
    ----------
    path : Path
        Parquet; or text, plain or compressed, whose delimiter is found out.
    header : bool, default=None
        Whether the first row of a text names the columns; found out where None.
    watch : callable, default=None
        Called now and then, in any thread, with the share of a text that has been read.

    Returns
    -------
    Table

    Raises
    ------
    TableError
        If it cannot be read as a table of two columns or more.
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
    told = None if watch is None else lambda: watch(text.source.share())
    try:
        cells = ArrowText(text).whole(told)
    except NotRead:
        width = len(text.first)
        cells = joined(_watched(_csv_blocks(text, BLOCK_ROWS), told), width)
    return _Header(text, header, cells).table(cells)


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
    TableError
        If it cannot be read as a table, here or when it is gone through.
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
    """The rows below the first, by pyarrow as far as it reads them."""
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
    """Whether a text's first row names the columns, and tables of the rows below accordingly."""

    def __init__(self, text: TextFile, header: bool | None, cells: Cells):
        if header is None:
            header = is_header(text.first, [texts for _, texts in cells])
        self._text, self._header = text, header
        found = text.source.found
        self._encoding = found.encoding if found.guessed else ""
        numbers = [str(i) for i in range(len(text.first))]
        self._names = unique_names(text.first) if header else numbers

    def table(self, cells: Cells, first: int = 0) -> Table:
        """The table of a block whose first row has this number; with no header, of row 0 too."""
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
    """A column with one more cell above."""
    codes, texts = column
    place, texts = texts.with_text(cell)
    return np.concatenate([np.array([place], np.int32), codes]), texts


def _require_columns(found: int, fewest: int, path: Path) -> None:
    if found < fewest == 1:
        raise TableError(f"{path} has no values: give a CSV file with rows of them")
    if found < fewest:
        raise TableError(
            f"{path} has one column only (values may be separated by comma, semicolon, tab, |"
            " or blanks): nothing to predict from"
        )
