"""Rows of text by Python's csv module: what pyarrow cannot read, or where it is not installed."""

from __future__ import annotations

import csv
import io
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any, TextIO, TypeVar

import numpy as np

from fusednn.tables.errors import TableError
from fusednn.tables.texts import Texts

from .sources import Source

Row = tuple[int, list[str]]
"""The line in which a row ends, and its cells."""
Cells = list[tuple[np.ndarray, Texts]]
"""For each column each row's code, and the distinct texts."""

BLANKS = " "
"""The delimiter that stands for any number of blanks."""
END = "\0"
"""A row after the last one; no text has this character."""
LARGEST_CELL = 1 << 30

_Item = TypeVar("_Item")
_limit_lock, _limit_users, _limit_before = threading.Lock(), 0, 0


def split_rows(file: TextIO, delimiter: str, sample: bool = False) -> Iterator[Row]:
    """
    Rows of text that are not blank, their cells stripped.

    Parameters
    ----------
    file : text file
        Opened with `newline=""`.
    delimiter : str
    sample : bool, default=False
        Whether the text may end anywhere; then its quotes are not checked.

    Raises
    ------
    TableError
        At the end, if a quote is never closed, or where one is closed only by the next that opens;
        the message says in which line it opens.
    """
    if delimiter == BLANKS:
        for number, line in enumerate(file, 1):
            if row := line.split():
                yield number, row
        return
    number = 0
    for after, row in _without_limit(_parsed(chain(file, [END]), delimiter, sample)):
        before, number = number, after
        if row == [END]:
            return
        if row and row[-1].endswith(END) and not sample:
            opens = before + 1 + sum(map(_line_ends, row[:-1]))
            raise TableError(f"the quote that opens in line {opens} is never closed")
        if row and (len(row) > 1 or row[0].strip()):
            yield number, [cell.strip() for cell in row]


def _parsed(lines: Iterable[str], delimiter: str, sample: bool) -> Iterator[Row]:
    """Rows as they are, blank ones too."""
    own: list[str] = []  # the lines of one row

    def kept() -> Iterator[str]:
        for line in lines:
            own.append(line)
            yield line

    form: dict[str, Any] = {"delimiter": delimiter, "skipinitialspace": True}
    reader = csv.reader(kept(), **form)
    for row in reader:
        if len(own) > 1 and own[-1] != END and not sample:
            try:
                next(csv.reader(own, strict=True, **form))
            except csv.Error:  # text after the end of quotes: they were not meant to end there
                begin = max(place for place, cell in enumerate(row) if _line_ends(cell))
                first = reader.line_num - len(own) + 1
                opens = first + sum(map(_line_ends, row[:begin]))
                raise TableError(
                    f"the quote that opens in line {opens} is not closed before another opens in"
                    f" line {reader.line_num}"
                ) from None
        own.clear()
        yield reader.line_num, row


def _line_ends(cell: str) -> int:
    return len(re.findall("\r\n|\r|\n", cell))


def _without_limit(reader: Iterator[_Item], most: int = 1000) -> Iterator[_Item]:
    """The same; cells may be of any size while it reads."""
    while True:
        with _any_cell_size():
            block = list(islice(reader, most))
        if not block:
            return
        yield from block


@contextmanager
def _any_cell_size() -> Iterator[None]:
    """The limit is the process's, so it is put back, by the last of the threads that read."""
    global _limit_users, _limit_before
    with _limit_lock:
        if not _limit_users:
            _limit_before = csv.field_size_limit(LARGEST_CELL)
        _limit_users += 1
    try:
        yield
    finally:
        with _limit_lock:
            _limit_users -= 1
            if not _limit_users:
                csv.field_size_limit(_limit_before)


def rows_of(source: Source, delimiter: str) -> Iterator[Row]:
    """
    The rows of a file, from its beginning.

    Raises
    ------
    TableError
        As `split_rows`, with the file's name.
    """
    file = io.TextIOWrapper(source.open(), "utf-8", newline="")
    try:
        yield from split_rows(file, delimiter)
    except (TableError, csv.Error) as error:
        raise TableError(f"{source.path} cannot be read as a table: {error}") from None
    except OSError as error:
        raise TableError(f"{source.path} cannot be read: {error.strerror}") from None
    finally:
        file.close()
        source.close()


def cells_of(
    rows: Iterator[Row], width: int, most: int, source: Source, first: bool = True
) -> Iterator[Cells]:
    """
    The cells of rows, in blocks.

    Parameters
    ----------
    rows : iterator of Row
    width : int
        The number of every row's cells.
    most : int
        Rows of a block.
    source : Source
        Theirs, for messages.
    first : bool, default=True
        Whether they begin right below the first row.

    Raises
    ------
    TableError
        If a row has another number of cells.
    """
    while block := list(islice(rows, most)):
        for number, row in block:
            if len(row) != width:
                raise ragged(source, number, row, width, first)
            first = False
        columns = zip(*(row for _, row in block), strict=True)
        yield [_encoded(column) for column in columns]


def ragged(source: Source, number: int, row: list[str], width: int, first: bool) -> TableError:
    """What is wrong with a row, the first below the first row or another, of another width."""
    count = f"{width} value{'s' * (width != 1)}"
    hint = f": the first line has {count}: is it a title?" if first and len(row) > width else ""
    return TableError(
        f"{source.path}, line {number}: {len(row)} values where the first row has {width};"
        f" every row needs as many{hint}"
    )


def joined(blocks: Iterator[Cells], width: int) -> Cells:
    """The cells of all blocks as one."""
    places: list[dict[str, int]] = [{} for _ in range(width)]
    codes: list[list[np.ndarray]] = [[np.empty(0, np.int32)] for _ in range(width)]
    for block in blocks:
        for known, parts, (part, texts) in zip(places, codes, block, strict=True):
            again = [known.setdefault(text, len(known)) for text in texts.strings]
            parts.append(np.array(again, np.int32)[part])
    return [
        (np.concatenate(parts), Texts(list(known)))
        for parts, known in zip(codes, places, strict=True)
    ]


def _encoded(column: tuple[str, ...]) -> tuple[np.ndarray, Texts]:
    distinct = list(dict.fromkeys(column))
    places = {text: place for place, text in enumerate(distinct)}
    return np.fromiter(map(places.__getitem__, column), np.int32, len(column)), Texts(distinct)
