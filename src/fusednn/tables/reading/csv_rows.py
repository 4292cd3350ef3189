"""Reads rows of text by Python's csv module, if pyarrow is not installed or refuses the file."""

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
"""For each column, the rows' codes and the distinct texts."""

BLANKS = " "
"""The delimiter that means any number of blanks."""
END = "\0"
"""An additional end row; a text file never contains this character."""
LARGEST_CELL = 1 << 30

_Item = TypeVar("_Item")
_limit_lock, _limit_users, _limit_before = threading.Lock(), 0, 0


def split_rows(file: TextIO, delimiter: str, sample: bool = False) -> Iterator[Row]:
    """
    Yield the rows of a text that are not blank, with stripped cells.

    Parameters
    ----------
    file : text file
        Opened with `newline=""`.
    delimiter : str
    sample : bool, default=False
        Whether the text may be cut off anywhere; then its quotes are not checked.

    Raises
    ------
    TableError
        If a quote is never closed, or is closed only by the next opening quote. The message names
        the line in which it opens.
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
    """Yields all rows unchanged, including blank ones."""
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
            except csv.Error:  # text follows a closing quote, so that quote was an opening one
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
    """Yields the reader's rows; cells may be of any size."""
    while True:
        with _any_cell_size():
            block = list(islice(reader, most))
        if not block:
            return
        yield from block


@contextmanager
def _any_cell_size() -> Iterator[None]:
    """Raises csv's limit of cell sizes, which is global; the last reading thread restores it."""
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
    Yield the rows of a file from its beginning.

    Raises
    ------
    TableError
        As for `split_rows`, with the file's name.
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
    Encode rows as columns, in blocks.

    Parameters
    ----------
    rows : iterator of Row
    width : int
        The number of cells in every row.
    most : int
        The number of rows in a block.
    source : Source
        The rows' file, for messages.
    first : bool, default=True
        Whether `rows` begins right below the file's first row.

    Raises
    ------
    TableError
        If a row does not have `width` cells.
    """
    while block := list(islice(rows, most)):
        for number, row in block:
            if len(row) != width:
                raise ragged(source, number, row, width, first)
            first = False
        columns = zip(*(row for _, row in block), strict=True)
        yield [_encoded(column) for column in columns]


def ragged(source: Source, number: int, row: list[str], width: int, first: bool) -> TableError:
    """The error for a row of another width; `first`: it is right below the file's first row."""
    count = f"{width} value{'s' * (width != 1)}"
    hint = f": the first line has {count}: is it a title?" if first and len(row) > width else ""
    return TableError(
        f"{source.path}, line {number}: {len(row)} values where the first row has {width};"
        f" every row needs the same number{hint}"
    )


def joined(blocks: Iterator[Cells], width: int) -> Cells:
    """Concatenates blocks of cells."""
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
