"""Rows of text by pyarrow, which reads them many times faster than Python's csv module.

It is given UTF-8, no header, and one row more than there are: an empty cell in quotes and empty
cells. If a quote is never closed that row is within its cell, and the last row is another.
Whatever pyarrow refuses is left to the csv module, which reads it or says what is wrong in which
line.
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
"""What Python strips."""

FEW_TEXTS = 100
"""So many distinct texts are stripped in less time than some calls of pyarrow take."""


class NotRead(Exception):
    """pyarrow does not read this file as the csv module does."""


class ArrowText:
    """
    A text as pyarrow reads it.

    Parameters
    ----------
    text : TextFile

    Raises
    ------
    NotRead
        Here or while reading, if it is not as the csv module has it, or pyarrow is missing.
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
        All rows but the first.

        Parameters
        ----------
        watch : callable, default=None
            Called whenever a part of the file has been read, in any thread.
        """
        arrow = self._arrow
        kind = arrow.dictionary(arrow.int32(), arrow.string())
        with self._stream(watch) as stream:
            table = self._tried(self._csv.read_csv, stream, **self._options(kind))
        columns, found = table.columns[::-1], []
        del table
        while columns:  # one by one, so that no two copies of all are there at once
            found.append(self._cells(self._ended(self._tried(_joined, columns.pop()))))
        return _rows_that_are_not_blank(found)

    def blocks(self, most: int) -> Iterator[Cells]:
        """All rows but the first, in blocks of so many; the last one may have fewer."""
        arrow = self._arrow
        with self._stream(None) as stream:
            options = self._options(arrow.string())
            reader = self._tried(self._csv.open_csv, stream, **options)
            pending = reader.schema.empty_table()
            while (batch := self._tried(next, reader, None)) is not None:
                pending = arrow.concat_tables([pending, arrow.Table.from_batches([batch])])
                while pending.num_rows > most:  # one row stays, which may be the end
                    columns = pending.slice(0, most).columns
                    yield self._block(column.combine_chunks() for column in columns)
                    pending = pending.slice(most)
        columns = [self._ended(column.combine_chunks()) for column in pending.columns]
        if len(columns[0]):
            yield self._block(columns)

    def _block(self, columns: Iterable[Any]) -> Cells:
        encoded = [column.dictionary_encode() for column in columns]
        return _rows_that_are_not_blank(list(map(self._cells, encoded)))

    def _stream(self, watch: Callable[[], object] | None) -> BinaryIO:
        source = self._text.source
        end = b'\n""' + self._text.delimiter.encode() * (len(self._names) - 1) + b"\n"
        return io.BufferedReader(_Stream(source, end if self._quotes else b"", watch))

    def _options(self, kind: Any) -> dict[str, Any]:
        delimiter = self._text.delimiter

        def spaces(row: Any) -> str:  # tabs may be delimiters
            return "error" if row.text.strip() or delimiter in row.text else "skip"

        return {
            "read_options": self._csv.ReadOptions(
                column_names=self._names, skip_rows=self._text.first_line
            ),
            "parse_options": self._csv.ParseOptions(
                delimiter=delimiter,
                quote_char='"' if self._quotes else False,
                newlines_in_values=self._quotes,
                invalid_row_handler=spaces,
            ),
            "convert_options": self._csv.ConvertOptions(
                column_types=dict.fromkeys(self._names, kind), strings_can_be_null=False
            ),
        }

    def _tried(self, call: Callable, *arguments: Any, **options: Any) -> Any:
        try:
            return call(*arguments, **options)
        except MemoryError:
            raise
        except self._arrow.ArrowException:
            raise NotRead from None

    def _ended(self, column: Any) -> Any:
        """A column without the row after the last."""
        if not self._quotes:
            return column
        if not len(column) or column[-1].as_py() != "":
            raise NotRead
        return column[:-1]

    def _may_be_several(self, values: Any) -> bool:
        """Whether a text has lines, and what a cell would have if its quote were closed by the
        next one that opens: the csv module knows what follows a quote."""
        from pyarrow import compute

        lines = values.filter(compute.match_substring_regex(values, "[\r\n]"))
        marks = compute.match_substring_regex(lines, f'["{self._text.delimiter}]')
        return bool(compute.any(marks).as_py())

    def _cells(self, column: Any) -> tuple[np.ndarray, Texts]:
        """A column's cells, stripped, with the texts that it has and no others."""
        from pyarrow import compute

        codes, values = _codes(column), column.dictionary
        if len(values) <= FEW_TEXTS:
            return self._few_cells(codes, values.to_pylist())
        if self._quotes and self._may_be_several(values):
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
        """The same by Python, which takes less time than calls of pyarrow do."""
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
    """A source with something after its end."""

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


def _rows_that_are_not_blank(cells: Cells) -> Cells:
    """The same; among rows of one cell pyarrow keeps blank ones."""
    if len(cells) > 1:
        return cells
    [(codes, texts)] = cells
    blank = texts.find("")
    if blank < 0:
        return cells
    strings = [text for place, text in enumerate(texts.strings) if place != blank]
    codes = codes[codes != blank]
    return [(codes - (codes > blank).astype(np.int32), Texts(strings))]
