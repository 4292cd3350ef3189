"""Detects the delimiter of a text file, and whether its first row names the columns."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Iterator
from copy import copy
from itertools import islice, pairwise
from pathlib import Path

from fusednn.tables.numbers import PLAIN, is_number_in_some_notation
from fusednn.tables.texts import Texts

from .csv_rows import BLANKS, Row, rows_of, split_rows
from .sources import Source

DELIMITERS = ",;\t|"
STATED = re.compile(rf'[ ]*"?sep=([{DELIMITERS}])"?[ ]*(?:\r\n|\r|\n)', re.IGNORECASE)
"""A first line that states the delimiter, as Excel reads it."""
SAMPLE_ROWS = 100
FEWEST_NUMBERED = 3
FEWEST_YEARS = 2
"""In a row that also has words."""
YEAR = re.compile(r"(?:19|20)\d\d(?:\.0*)?")


class TextFile:
    """
    A text file of rows; a comma, semicolon, tab, vertical bar or blanks separate the cells.

    Parameters
    ----------
    path : Path
        Plain or compressed.
    fits : callable, default=None
        Returns whether a first row is an expected one. Delimiters that yield such a row are
        preferred.
    content : bytes, default=None
        See `Source`.

    Attributes
    ----------
    source : Source
    delimiter : str
        A blank means any number of blanks.
    first_line : int
        The line in which the first row ends; 0 if there is no row.
    first : list of str
        Cells of the first row.

    Raises
    ------
    TableError
        If the file cannot be read as text.
    """

    def __init__(
        self,
        path: Path,
        fits: Callable[[list[str]], bool] | None = None,
        content: bytes | None = None,
    ):
        self.path, self.source = path, Source(path, content)
        sample = self.source.found.sample
        stated = STATED.match(sample)
        self._before = 0 if stated is None else 1
        self.delimiter = _delimiter(sample, fits) if stated is None else stated[1]
        self.first_line, self.first = next(self.rows(), (0, []))

    def rows(self) -> Iterator[Row]:
        """All rows that are not blank, including the first, by Python's csv module."""
        return self._rows(self.source)

    def line_of(self, number: int) -> int:
        """The line in which a row ends; the first row is row 0."""
        rows = self._rows(copy(self.source))  # the source may be in use
        return next(islice(rows, number, None), (0, []))[0]

    def _rows(self, source: Source) -> Iterator[Row]:
        return islice(rows_of(source, self.delimiter), self._before, None)


def _delimiter(text: str, fits: Callable[[list[str]], bool] | None) -> str:
    """The delimiter for which most of the first rows have equal width; then the widest."""

    def sampled(delimiter: str) -> list[list[str]]:
        rows = split_rows(io.StringIO(text, newline=""), delimiter, sample=True)
        return [row for _, row in islice(rows, SAMPLE_ROWS)]

    def agreement(delimiter: str) -> tuple[float, int]:
        widths = [len(row) for row in sampled(delimiter)]
        width, times = max(Counter(widths).items(), key=lambda item: item[1], default=(0, 0))
        return (times / len(widths), width) if width > 1 else (0.0, 0)

    def decimals(delimiter: str) -> bool:
        """Whether rows agree at least as well as for ",", and all commas are in numbers."""
        if delimiter == "," or agreement(delimiter)[0] < agreement(",")[0]:
            return False
        cells = [cell for row in sampled(delimiter) for cell in row if "," in cell]
        return bool(cells) and all(
            is_number_in_some_notation(cell) and "," not in (cell[0], cell[-1]) for cell in cells
        )

    ranked = sorted(DELIMITERS, key=agreement, reverse=True)
    ranked.sort(key=decimals, reverse=True)
    best = ranked[0]
    if best == "," and decimals(BLANKS):
        ranked.insert(0, BLANKS)
    elif agreement(best) >= agreement(BLANKS) or agreement(best)[0] == 1:
        ranked.append(BLANKS)
    else:
        ranked.insert(0, BLANKS)
    if fits is not None:
        for delimiter in ranked:
            rows = sampled(delimiter)
            if rows and fits(rows[0]):
                return delimiter
    return ranked[0]


def is_header(row: list[str], columns: list[Texts]) -> bool:
    """
    Whether a first row names the columns.

    It does if a word is above a column of numbers. It also does if all cells differ and each is
    one of these: a word that does not occur in its column; the number of its column; a year, at
    fixed intervals, above a column without years.

    Parameters
    ----------
    row : list of str
    columns : list of Texts
        The distinct texts of each column below the row.

    Returns
    -------
    bool
    """
    words = [not (PLAIN.is_missing(cell) or is_number_in_some_notation(cell)) for cell in row]
    below = list(zip(words, row, columns, strict=True))
    if any(word and texts.are_numbers() for word, _, texts in below):
        return True
    words[0] = words[0] or not row[0]  # pandas writes an empty name for an index
    places = [cell in (str(i), str(i + 1)) for i, cell in enumerate(row)]
    years = _years(row, columns)
    enough = FEWEST_YEARS if any(words) else FEWEST_NUMBERED
    below = list(zip(words, row, columns, strict=True))
    return (
        all(any(names) for names in zip(words, places, years, strict=True))
        and (not any(places) or sum(places) >= FEWEST_NUMBERED)
        and (not any(years) or sum(years) >= enough)
        and len(set(row)) == len(row)
        and not any(word and texts.find(cell) >= 0 for word, cell, texts in below)
        and any(len(texts) for texts in columns)
    )


def _years(row: list[str], columns: list[Texts]) -> list[bool]:
    """Mask of the cells that are years which name columns."""
    found = {i: int(cell) for i, cell in enumerate(row) if YEAR.fullmatch(cell) and cell.isdigit()}
    steps = {after - before for before, after in pairwise(found.values())}
    below = (text for i in found for text in columns[i].strings)
    names = len(steps) == 1 and steps != {0} and not any(map(YEAR.fullmatch, below))
    return [names and i in found for i in range(len(row))]
