"""Rows of text by pyarrow, which reads them many times faster than Python's csv module.

It is given UTF-8, no header, and one row more than there are: an empty cell in quotes and empty
cells. If a quote is never closed that row is within its cell, and the last row is another.
Whatever pyarrow refuses is left to the csv module, which reads it or says what is wrong in which
line.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import numpy as np

from .arrow import pyarrow_or_none
from .columns import Texts
from .csv_rows import BLANKS, Cells
from .delimited import TextFile
from .sources import Source

BLANK_CHARACTERS = "".join(chr(c) for c in range(0x3001) if chr(c).isspace())
"""What Python strips."""


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
            table = self._tried(
                lambda: self._csv.read_csv(stream, **self._options(kind)).unify_dictionaries()
            )
        columns = [column.combine_chunks() for column in table.columns]
        if self._quotes:
            columns = self._ended(columns)
        return self._cells([(_codes(c), c.dictionary) for c in columns])

    def blocks(self, most: int) -> Iterator[Cells]:
        """All rows but the first, in blocks of so many; the last one may have fewer."""
        arrow = self._arrow
        with self._stream(None) as stream:
            reader = self._tried(
                lambda: self._csv.open_csv(stream, **self._options(arrow.string()))
            )
            pending = reader.schema.empty_table()
            while (batch := self._tried(lambda: next(reader, None))) is not None:
                pending = arrow.concat_tables([pending, arrow.Table.from_batches([batch])])
                while pending.num_rows > most:  # one row stays, which may be the end
                    yield self._block(pending.slice(0, most))
                    pending = pending.slice(most)
        columns = [column.combine_chunks() for column in pending.columns]
        if self._quotes:
            columns = self._ended(columns)
        if len(columns[0]):
            yield self._block(arrow.Table.from_arrays(columns, self._names))

    def _block(self, table: Any) -> Cells:
        encoded = [column.combine_chunks().dictionary_encode() for column in table.columns]
        return self._cells([(_codes(c), c.dictionary) for c in encoded])

    def _stream(self, watch: Callable[[], object] | None) -> BinaryIO:
        source = self._text.source
        end = b'\n""' + self._text.delimiter.encode() * (len(self._names) - 1) + b"\n"
        return io.BufferedReader(_Stream(source, end if self._quotes else b"", watch))

    def _options(self, kind: Any) -> dict[str, Any]:
        def spaces(row: Any) -> str:
            return "error" if row.text.strip() else "skip"

        return {
            "read_options": self._csv.ReadOptions(
                column_names=self._names, skip_rows=self._text.first_line
            ),
            "parse_options": self._csv.ParseOptions(
                delimiter=self._text.delimiter,
                quote_char='"' if self._quotes else False,
                newlines_in_values=self._quotes,
                invalid_row_handler=spaces,
            ),
            "convert_options": self._csv.ConvertOptions(
                column_types=dict.fromkeys(self._names, kind), strings_can_be_null=False
            ),
        }

    def _tried(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except MemoryError:
            raise
        except self._arrow.ArrowException:
            raise NotRead from None

    def _ended(self, columns: list[Any]) -> list[Any]:
        """The columns without the row after the last."""
        if not all(len(column) and column[-1].as_py() == "" for column in columns):
            raise NotRead
        return [column[:-1] for column in columns]

    def _cells(self, columns: list[tuple[np.ndarray, Any]]) -> Cells:
        """The columns' cells, stripped, with the texts that they have and no others."""
        from pyarrow import compute

        found: Cells = []
        for codes, values in columns:
            stripped = compute.utf8_trim(values, characters=BLANK_CHARACTERS)
            if not stripped.equals(values):
                again = stripped.dictionary_encode()
                codes, values = _codes(again)[codes], again.dictionary
            counts = np.bincount(codes, minlength=len(values))
            if not counts.all():
                kept = np.flatnonzero(counts)
                places = np.cumsum(counts > 0, dtype=np.int32) - np.int32(1)
                codes, values = places[codes], values.take(self._arrow.array(kept))
            found.append((codes, Texts(values)))
        if len(found) == 1:  # a blank line is no row
            [(codes, texts)] = found
            blank = texts.find("")
            found = found if blank < 0 else [_without(codes, texts, blank)]
        return found


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


def _without(codes: np.ndarray, texts: Texts, place: int) -> tuple[np.ndarray, Texts]:
    """The rows that have another text than this one."""
    codes = codes[codes != place]
    strings = [text for at, text in enumerate(texts.strings) if at != place]
    return codes - (codes > place).astype(np.int32), Texts(strings)
