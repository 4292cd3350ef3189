"""Reads rows of text by pyarrow, many times faster than Python's csv module.

pyarrow gets UTF-8, no header, and an additional end row: an empty cell in quotes, then empty
cells. A quote that is never closed swallows the end row, so the last row read is another one.
Files that pyarrow refuses are left to the csv module, which reads them or names the faulty line.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

import numpy as np

from fusednn.tables.texts import Texts

from .arrow import pyarrow_or_none
from .csv_rows import BLANKS, Cells
from .delimited import TextFile
from .sources import Source

BLANK_CHARACTERS = "".join(chr(c) for c in range(0x3001) if chr(c).isspace())
"""The characters that `str.strip` removes."""

FEW_TEXTS = 100
"""Up to this many distinct texts, Python strips them faster than pyarrow's calls do."""


class NotRead(Exception):
    """pyarrow is missing, or does not read this file in the same way as the csv module."""


class ArrowText:
    """
    Reads a text file by pyarrow.

    Parameters
    ----------
    text : TextFile

    Raises
    ------
    NotRead
        Here or while reading, if pyarrow is missing or would read other rows than the csv module.
    """

    def __init__(self, text: TextFile):
        arrow = pyarrow_or_none()
        if arrow is None or text.delimiter == BLANKS or text.source.found.spaced_quotes:
            raise NotRead
        import pyarrow.csv

        self._arrow, self._csv, self._text = arrow, pyarrow.csv, text
        self._names = [str(i) for i in range(len(text.first))]
        self._quotes = text.source.found.quotes

    def whole(self, watch: Callable[[], object] | None = None) -> Cells:
        """
        Read all rows except the first.

        Parameters
        ----------
        watch : callable, default=None
            Called after each part of the file, in any thread.
        """
        arrow = self._arrow
        kind = arrow.dictionary(arrow.int32(), arrow.string())
        with self._stream(watch) as stream:
            table = self._call(self._csv.read_csv, stream, **self._options(kind))
        columns, found = table.columns[::-1], []
        del table
        while columns:  # frees each column after its conversion, so memory holds no second table
            found.append(self._cells(self._without_end_row(self._call(_joined, columns.pop()))))
        return _without_blank_rows(found)

    def blocks(self, most: int) -> Iterator[Cells]:
        """Yields all rows except the first, in blocks of `most` rows; the last may be shorter."""
        arrow = self._arrow
        with self._stream(None) as stream:
            options = self._options(arrow.string())
            reader = self._call(self._csv.open_csv, stream, **options)
            pending = reader.schema.empty_table()
            while (batch := self._call(next, reader, None)) is not None:
                pending = arrow.concat_tables([pending, arrow.Table.from_batches([batch])])
                while pending.num_rows > most:  # keeps one row, which may be the end row
                    columns = pending.slice(0, most).columns
                    yield self._block(column.combine_chunks() for column in columns)
                    pending = pending.slice(most)
        columns = [self._without_end_row(column.combine_chunks()) for column in pending.columns]
        if len(columns[0]):
            yield self._block(columns)

    def _block(self, columns: Iterable[Any]) -> Cells:
        encoded = [column.dictionary_encode() for column in columns]
        return _without_blank_rows(list(map(self._cells, encoded)))

    def _stream(self, watch: Callable[[], object] | None) -> BinaryIO:
        source = self._text.source
        end = b'\n""' + self._text.delimiter.encode() * (len(self._names) - 1) + b"\n"
        return io.BufferedReader(_Stream(source, end if self._quotes else b"", watch))

    def _options(self, kind: Any) -> dict[str, Any]:
        delimiter = self._text.delimiter

        def skip_blank(row: Any) -> str:  # a row of tabs is not blank if tabs are delimiters
            return "error" if row.text.strip() or delimiter in row.text else "skip"

        return {
            "read_options": self._csv.ReadOptions(
                column_names=self._names, skip_rows=self._text.first_line
            ),
            "parse_options": self._csv.ParseOptions(
                delimiter=delimiter,
                quote_char='"' if self._quotes else False,
                newlines_in_values=self._quotes,
                invalid_row_handler=skip_blank,
            ),
            "convert_options": self._csv.ConvertOptions(
                column_types=dict.fromkeys(self._names, kind), strings_can_be_null=False
            ),
        }

    def _call(self, function: Callable, *arguments: Any, **options: Any) -> Any:
        """Calls pyarrow; its errors become `NotRead`."""
        try:
            return function(*arguments, **options)
        except MemoryError:
            raise
        except self._arrow.ArrowException:
            raise NotRead from None

    def _without_end_row(self, column: Any) -> Any:
        """A column without the end row; raises `NotRead` if an open quote swallowed that row."""
        if not self._quotes:
            return column
        if not len(column) or column[-1].as_py() != "":
            raise NotRead
        return column[:-1]

    def _may_span_cells(self, values: Any) -> bool:
        """Whether a text of several lines contains a quote or a delimiter. Then an open quote may
        have been closed by the next opening one, which only the csv module can tell."""
        from pyarrow import compute

        lines = values.filter(compute.match_substring_regex(values, "[\r\n]"))
        marks = compute.match_substring_regex(lines, f'["{self._text.delimiter}]')
        return bool(compute.any(marks).as_py())

    def _cells(self, column: Any) -> tuple[np.ndarray, Texts]:
        """A column's cells, stripped, with only the distinct texts that occur in it."""
        from pyarrow import compute

        codes, values = _codes(column), column.dictionary
        if len(values) <= FEW_TEXTS:
            return self._few_cells(codes, values.to_pylist())
        if self._quotes and self._may_span_cells(values):
            raise NotRead
        stripped = compute.utf8_trim(values, characters=BLANK_CHARACTERS)
        if not stripped.equals(values):
            again = stripped.dictionary_encode()
            codes, values = _codes(again)[codes], again.dictionary
        counts = np.bincount(codes, minlength=len(values))
        if not counts.all():
            places = np.cumsum(counts > 0, dtype=np.int32) - np.int32(1)
            codes, values = places[codes], values.filter(self._arrow.array(counts > 0))
        return codes, Texts(values)

    def _few_cells(self, codes: np.ndarray, values: list[str]) -> tuple[np.ndarray, Texts]:
        """`_cells` in Python, which is faster than pyarrow's calls for few texts."""
        marks = '"', self._text.delimiter
        for value in values if self._quotes else ():
            if ("\n" in value or "\r" in value) and any(mark in value for mark in marks):
                raise NotRead
        present = np.flatnonzero(np.bincount(codes, minlength=len(values)))
        texts: dict[str, int] = {}
        places = np.zeros(len(values), np.int32)
        for place in present.tolist():
            places[place] = texts.setdefault(values[place].strip(), len(texts))
        return places[codes], Texts(list(texts))


class _Stream(io.RawIOBase):
    """A source followed by additional bytes."""

    def __init__(self, source: Source, end: bytes, watch: Callable[[], object] | None):
        self._source, self._inner = source, source.open()
        self._end, self._watch = end, watch

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._inner.read(len(buffer))
        if not block:
            block, self._end = self._end[: len(buffer)], self._end[len(buffer) :]
        if self._watch is not None:
            self._watch()
        buffer[: len(block)] = block
        return len(block)

    def close(self) -> None:
        self._inner.close()
        self._source.close()
        super().close()


def _codes(column: Any) -> np.ndarray:
    return column.indices.to_numpy(zero_copy_only=False)


def _joined(column: Any) -> Any:
    return column.unify_dictionaries().combine_chunks()


def _without_blank_rows(cells: Cells) -> Cells:
    """Removes blank rows, which pyarrow keeps in a file of one column."""
    if len(cells) > 1:
        return cells
    [(codes, texts)] = cells
    blank = texts.find("")
    if blank < 0:
        return cells
    strings = [text for place, text in enumerate(texts.strings) if place != blank]
    codes = codes[codes != blank]
    return [(codes - (codes > blank).astype(np.int32), Texts(strings))]
