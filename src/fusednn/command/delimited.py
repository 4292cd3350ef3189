"""Rows of text files: CSV and its kin, plain or compressed, read from begin to end."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from .columns import is_missing, number_of
from .errors import UserError
from .idx import GZIP_MAGIC

DELIMITERS = ",;\t|"
SAMPLE_ROWS = 100
SAMPLE_BYTES = 1 << 20
FEWEST_NUMBERED = 3
NOT_WINDOWS = b"\x81\x8d\x8f\x90\x9d"
"""Bytes that no character of cp1252 has, which Excel writes; latin-1 has all."""


class TextRows:
    """
    The rows of a file of text.

    The delimiter (comma, semicolon, tab, vertical bar or blanks) is found out; blank lines are
    skipped.

    Parameters
    ----------
    path : Path
        Plain, or compressed by gzip.
    fits : callable, default=None
        Whether a first row is one that is expected: a delimiter that gives such a row is taken
        before others.

    Raises
    ------
    UserError
        If it cannot be read as text.
    """

    def __init__(self, path: Path, fits: Callable[[list[str]], bool] | None = None):
        self._path = path
        # a pipe can be read once only
        self._content = None if path.is_file() else _reading(path, Path.read_bytes, path)
        self._raw = self._open()
        with self._raw:
            self._size = max(1, self._raw.seek(0, os.SEEK_END))
            self._encoding, sample = _reading(path, _looked_through, self._plain(), path)
        self._delimiter = _delimiter(sample, fits)

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """The line in which each row that is not blank ends, and its values, stripped."""
        self._raw = self._open()
        file = io.TextIOWrapper(cast(BinaryIO, self._plain()), self._encoding, newline="")
        try:
            for number, row in _rows(file, self._delimiter):
                yield number, [cell.strip() for cell in row]
        except csv.Error as error:
            raise UserError(f"{self._path} cannot be read as a table: {error}") from None
        except OSError as error:
            raise UserError(f"{self._path} cannot be read: {error.strerror}") from None
        finally:
            file.close()
            self._raw.close()

    def share(self) -> float:
        """The share of the file that has been read."""
        return 1.0 if self._raw.closed else self._raw.tell() / self._size

    def _open(self) -> BinaryIO:
        if self._content is not None:
            return io.BytesIO(self._content)
        return _reading(self._path, Path.open, self._path, "rb")

    def _plain(self) -> BinaryIO:
        """The content, decompressed if it is gzip's, whatever the file's name."""
        self._raw.seek(0)
        zipped = self._raw.read(2) == GZIP_MAGIC
        self._raw.seek(0)
        return cast(BinaryIO, gzip.GzipFile(fileobj=self._raw)) if zipped else self._raw


def _reading(path: Path, call: Callable, *arguments):
    try:
        return call(*arguments)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise UserError(f"{path} is damaged or incomplete: get the file again") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None


def _looked_through(file: BinaryIO, path: Path) -> tuple[str, str]:
    """The encoding of a whole file, and whole lines of its beginning."""
    utf8, is_utf8, is_windows = codecs.getincrementaldecoder("utf-8")(), True, True
    sample, blank = b"", True
    while block := file.read(SAMPLE_BYTES):
        if b"\0" in block:
            raise UserError(f"{path} is no text; give a CSV or Parquet file")
        is_utf8 = is_utf8 and _decodes(utf8, block)
        is_windows = is_windows and len(block.translate(None, NOT_WINDOWS)) == len(block)
        sample = sample or block
        blank = blank and not block.strip()
    if blank:
        raise UserError(f"{path} is empty: give a CSV file with rows of values")
    if is_utf8 and _decodes(utf8, b"", final=True):
        encoding = "utf-8-sig"
    else:
        encoding = "cp1252" if is_windows else "latin-1"
    if len(sample) == SAMPLE_BYTES:
        sample = sample[: sample.rfind(b"\n") + 1] or sample
    return encoding, sample.decode(encoding, errors="replace")


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes, final: bool = False) -> bool:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True


def _rows(file: TextIO, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    if delimiter == " ":
        for number, line in enumerate(file, 1):
            if row := line.split():
                yield number, row
        return
    reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
    for row in reader:
        if row and (len(row) > 1 or row[0].strip()):
            yield reader.line_num, row


def _delimiter(text: str, fits: Callable[[list[str]], bool] | None) -> str:
    """The delimiter under which the first rows agree best, then the one with most columns."""

    def sampled(delimiter: str) -> list[list[str]]:
        file = io.StringIO(text, newline="")
        try:
            return [row for _, row in islice(_rows(file, delimiter), SAMPLE_ROWS)]
        except csv.Error:
            return []

    def agreement(delimiter: str) -> tuple[float, int]:
        widths = [len(row) for row in sampled(delimiter)]
        width, times = max(Counter(widths).items(), key=lambda item: item[1], default=(0, 0))
        return (times / len(widths), width) if width > 1 else (0.0, 0)

    ranked = sorted(DELIMITERS, key=agreement, reverse=True)
    best = ranked[0]
    if agreement(best) >= agreement(" ") or agreement(best)[0] == 1:
        ranked.append(" ")
    else:
        ranked.insert(0, " ")
    if fits is not None:
        for delimiter in ranked:
            rows = sampled(delimiter)
            if rows and fits([cell.strip() for cell in rows[0]]):
                return delimiter
    return ranked[0]


def is_header(row: list[str], columns: list[list[str]]) -> bool:
    """
    Whether a first row names the columns.

    It does when a column of numbers has a word on top, and also when the row has different
    words, none to be found again in its column, or the columns' own numbers.

    Parameters
    ----------
    row : list of str
    columns : list of list of str
        The distinct values of each column below it.

    Returns
    -------
    bool
    """
    words = [not is_missing(cell) and number_of(cell) is None for cell in row]
    for word, values in zip(words, columns, strict=True):
        present = [value for value in values if not is_missing(value)]
        if word and present and all(number_of(value) is not None for value in present):
            return True
    words[0] = words[0] or not row[0]  # pandas leaves the name of an index empty
    places = [cell in (str(i), str(i + 1)) for i, cell in enumerate(row)]
    again = any(
        word and cell in values for word, cell, values in zip(words, row, columns, strict=True)
    )
    named = all(word or place for word, place in zip(words, places, strict=True))
    return (
        named
        and (not any(places) or sum(places) >= FEWEST_NUMBERED)
        and len(set(row)) == len(row)
        and not again
        and any(columns)
    )
