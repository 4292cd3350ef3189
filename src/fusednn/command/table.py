"""Tables of text: CSV files, plain or compressed, into columns of codes and distinct values.

A column keeps every distinct text once and a code per row, so that a table of many rows takes
little memory and each text is understood once.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .errors import UserError
from .idx import read_bytes

DELIMITERS = ",;\t|"
MISSING = frozenset({"", "?", "na", "n/a", "nan", "null", "none"})
SAMPLE_ROWS = 100
BLOCK_ROWS = 20_000
FEWEST_NUMBERED = 3


class Column(NamedTuple):
    """
    One column: the text of row i is `values[codes[i]]`.

    Parameters
    ----------
    name : str
    codes : ndarray of int32 of shape (n_rows,)
    values : list of str
        Distinct and stripped.
    """

    name: str
    codes: np.ndarray
    values: list[str]

    def missing(self) -> np.ndarray:
        """Whether each row's value is missing; infinity counts, as no network can use it."""
        unknown = [v.lower() in MISSING or abs(_number(v) or 0) == np.inf for v in self.values]
        return np.array(unknown, bool)[self.codes]

    def numbers(self) -> np.ndarray | None:
        """The values as float64, NaN where missing; None if one of them is no number."""
        numbers = [np.nan if v.lower() in MISSING else _number(v) for v in self.values]
        if None in numbers:
            return None
        found = np.array(numbers, float)
        found[np.isinf(found)] = np.nan
        return found[self.codes]


class Table(NamedTuple):
    """Columns of equal length, and whether the file names them."""

    columns: list[Column]
    header: bool

    def find(self, target: str | None) -> int:
        """
        The index of a column given by name or number; the last one for None.

        Raises
        ------
        UserError
            If there is no such column.
        """
        width = len(self.columns)
        names = [column.name for column in self.columns]
        if target is None:
            return width - 1
        if target in names:
            return names.index(target)
        try:
            index = int(target)
        except ValueError:
            index = width
        if -width <= index < width:
            return index % width
        listed = ", ".join(names[:8]) + (", ..." if width > 8 else "")
        named = f"its columns are {listed}, or" if self.header else "it has no header; columns are"
        raise UserError(f"there is no column {target!r}: {named} 0 to {width - 1}")


def _number(text: str) -> float | None:
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def read_table(path: Path) -> Table:
    """
    Read a file of rows with the same number of values each.

    The delimiter (comma, semicolon, tab, vertical bar or blanks) and whether there is a header
    are found out; blank lines are skipped.

    Parameters
    ----------
    path : Path
        Plain, or compressed by gzip.

    Returns
    -------
    Table

    Raises
    ------
    UserError
        If it cannot be read as a table.
    """
    text = _text(path)
    delimiter = _delimiter(text)
    try:
        rows = _rows(text, delimiter)
        _, first = next(rows, (0, []))
        first_row = [cell.strip() for cell in first]
        columns = _columns(rows, len(first_row), path)
    except csv.Error as error:
        raise UserError(f"{path} cannot be read as a table: {error}") from None
    if len(first_row) < 2:
        raise UserError(
            f"{path} has one column only (values may be separated by comma, semicolon, tab, |"
            " or blanks): nothing to predict from"
        )
    header = _is_header(first_row, columns)
    names = [cell or str(i) for i, cell in enumerate(first_row)]
    if not header:
        names = [str(i) for i in range(len(first_row))]
        columns = [_prepend(*pair) for pair in zip(first_row, columns, strict=True)]
    return Table(
        [Column(name, *column) for name, column in zip(names, columns, strict=True)], header
    )


def _text(path: Path) -> str:
    data = read_bytes(path)
    if not data.strip():
        raise UserError(f"{path} is empty: give a CSV file with rows of values")
    if b"\0" in data:
        raise UserError(f"{path} is no text; give a CSV file, or the folder of the idx files")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and values of each row that is not blank."""
    file = io.StringIO(text, newline="")
    if delimiter == " ":
        rows: Iterator[list[str]] = (line.split() for line in file)
        yield from ((number, row) for number, row in enumerate(rows, 1) if row)
        return
    reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
    for row in reader:
        if row and (len(row) > 1 or row[0].strip()):
            yield reader.line_num, row


def _delimiter(text: str) -> str:
    """The delimiter under which the first rows agree best, then the one with most columns."""

    def agreement(delimiter: str) -> tuple[float, int]:
        try:
            widths = [len(row) for _, row in islice(_rows(text, delimiter), SAMPLE_ROWS)]
        except csv.Error:
            return 0.0, 0
        width, times = max(Counter(widths).items(), key=lambda item: item[1], default=(0, 0))
        return (times / len(widths), width) if width > 1 else (0.0, 0)

    best = max(DELIMITERS, key=agreement)
    return best if agreement(best) >= agreement(" ") or agreement(best)[0] == 1 else " "


def _columns(
    rows: Iterable[tuple[int, list[str]]], width: int, path: Path
) -> list[tuple[np.ndarray, list[str]]]:
    """Codes and distinct values of each column."""
    indices: list[dict[str, int]] = [{} for _ in range(width)]
    codes: list[list[np.ndarray]] = [[] for _ in range(width)]
    rows = iter(rows)
    while block := list(islice(rows, BLOCK_ROWS)):
        for number, row in block:
            if len(row) != width:
                raise UserError(
                    f"{path}, line {number}: {len(row)} values where the first row has {width};"
                    " every row needs as many"
                )
        for index, parts, cells in zip(
            indices, codes, zip(*(row for _, row in block), strict=True), strict=True
        ):
            found = [index.setdefault(cell.strip(), len(index)) for cell in cells]
            parts.append(np.array(found, np.int32))
    empty = np.empty(0, np.int32)
    return [
        (np.concatenate([empty, *parts]), list(index))
        for index, parts in zip(indices, codes, strict=True)
    ]


def _prepend(cell: str, column: tuple[np.ndarray, list[str]]) -> tuple[np.ndarray, list[str]]:
    codes, values = column
    if cell not in values:
        values = [*values, cell]
    return np.concatenate([np.array([values.index(cell)], np.int32), codes]), values


def _is_header(row: list[str], columns: list[tuple[np.ndarray, list[str]]]) -> bool:
    """
    Whether the first row names the columns.

    It does when a column of numbers has a word on top, and also when the row has different
    words, none to be found again in its column, or the columns' own numbers.
    """
    words = [cell.lower() not in MISSING and _number(cell) is None for cell in row]
    for word, (_, values) in zip(words, columns, strict=True):
        present = [value for value in values if value.lower() not in MISSING]
        if word and present and all(_number(value) is not None for value in present):
            return True
    words[0] = words[0] or not row[0]  # pandas leaves the name of an index empty
    places = [cell in (str(i), str(i + 1)) for i, cell in enumerate(row)]
    again = any(
        word and cell in values
        for word, cell, (_, values) in zip(words, row, columns, strict=True)
    )
    named = all(word or place for word, place in zip(words, places, strict=True))
    return (
        named
        and (not any(places) or sum(places) >= FEWEST_NUMBERED)
        and len(set(row)) == len(row)
        and not again
        and any(values for _, values in columns)
    )
