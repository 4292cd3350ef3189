"""Bytes of text files as UTF-8: what compresses them and how their characters are encoded."""

from __future__ import annotations

import codecs
import io
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from fusednn.tables.errors import TableError

from .compression import DAMAGES, decompressed

BLOCK_BYTES = 1 << 20
NOT_WINDOWS = b"\x81\x8d\x8f\x90\x9d"
"""Bytes that no character of cp1252 has, which Excel writes; latin-1 has all."""
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16's, with which it begins
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Encodings, as Python calls them, by the mark that a file begins with."""
WIDE: dict[tuple[bool, ...], str] = {
    (True, False, False, False): "utf-32-le",
    (False, False, False, True): "utf-32-be",
    (True, False, True, False): "utf-16-le",
    (False, True, False, True): "utf-16-be",
}
"""Encodings without a mark, by which of a file's first four bytes are not zero."""
OTHER_THAN_ASCII = re.compile("[^\0-\x7f\udc80-\udcff]")
"""Characters of several bytes in UTF-8; bytes that make none are decoded to surrogates."""
SPACED_QUOTE = re.compile(rb'(?:\A|[\r\n,;|\t]) +"')
STANDARD_INPUT = Path("standard input")
"""Stands for standard input, being this very object: what is read there has this name."""


class Detected(NamedTuple):
    """
    What going through a whole file found.

    Parameters
    ----------
    encoding : str
        That of its characters, as Python calls it.
    sample : str
        Whole lines of its beginning.
    quotes : bool
        Whether there is a quote anywhere.
    spaced_quotes : bool
        Whether spaces stand before a quote where a cell may begin.
    guessed : bool
        Whether the encoding is the likeliest one of those that the bytes may be in.
    """

    encoding: str
    sample: str
    quotes: bool
    spaced_quotes: bool
    guessed: bool


def content_of(path: Path) -> bytes | None:
    """
    All of what can be read only once, standard input or a pipe; None for an ordinary file.

    Raises
    ------
    TableError
        If it cannot be read.
    """
    if path is STANDARD_INPUT:
        if sys.stdin is None:
            raise TableError(f"{path} is closed: give a table there, or the name of a file")
        return _reading(path, sys.stdin.buffer.read)
    return None if path.is_file() else _reading(path, Path.read_bytes, path)


class Source:
    """
    A file of text, which can be read from begin to end again and again.

    Parameters
    ----------
    path : Path
        Plain or compressed.
    content : bytes, default=None
        What is in it, as `content_of` has it.

    Raises
    ------
    TableError
        If it cannot be read as text.
    """

    def __init__(self, path: Path, content: bytes | None = None):
        self.path, self._content = path, content
        self._raw = self._open()
        with self._raw:
            self._size = max(1, self._raw.seek(0, os.SEEK_END))
            self.found = _reading(path, self._looked_through)

    def open(self) -> BinaryIO:
        """Its text from the beginning, in UTF-8 without a byte order mark."""
        self._raw = self._open()
        return _recoded(
            _reading(self.path, decompressed, self._raw, self.path), self.found.encoding
        )

    def share(self) -> float:
        """The share of the file that has been read."""
        return 1.0 if self._raw.closed else self._raw.tell() / self._size

    def close(self) -> None:
        """Ends reading."""
        self._raw.close()

    def _open(self) -> BinaryIO:
        if self._content is not None:
            return io.BytesIO(self._content)
        return _reading(self.path, Path.open, self.path, "rb")

    def _looked_through(self) -> Detected:
        with self._open() as raw:
            wide = _encoding_by_begin(decompressed(raw, self.path).read(4))
        file = decompressed(self._raw, self.path)
        errors = "surrogateescape" if wide == "utf-8-sig" else "strict"  # its lines can be named
        try:
            return _looked_through(_recoded(file, wide or "utf-8", errors), self.path, wide)
        except UnicodeError:
            raise TableError(
                f"{self.path} is damaged, or no text: it begins as {wide} does, and goes on"
                " otherwise"
            ) from None


class _Recoded(io.RawIOBase):
    """A stream in UTF-8 of one in another encoding."""

    def __init__(self, stream: BinaryIO, encoding: str, errors: str):
        self._stream, self._errors = stream, errors
        self._decoder = codecs.getincrementaldecoder(encoding)(errors=errors)
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            block = self._stream.read(BLOCK_BYTES)
            self._ready = self._decoder.decode(block, not block).encode(errors=self._errors)
            if not block:
                break
        count = min(len(buffer), len(self._ready))
        buffer[:count], self._ready = self._ready[:count], self._ready[count:]
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


def _recoded(stream: BinaryIO, encoding: str, errors: str = "replace") -> BinaryIO:
    if encoding == "utf-8":
        return stream
    return io.BufferedReader(_Recoded(stream, encoding, errors), BLOCK_BYTES)


def _reading(path: Path, call: Callable, *arguments: Any) -> Any:
    try:
        return call(*arguments)
    except (*DAMAGES, OSError) as error:
        if isinstance(error, OSError) and error.strerror:
            raise TableError(f"{path} cannot be read: {error.strerror}") from None
        raise TableError(f"{path} is damaged or incomplete: get the file again") from None


def _encoding_by_begin(begin: bytes) -> str | None:
    """The encoding that a text's first four bytes tell; None for ASCII and what it is part of."""
    for mark, encoding in MARKS.items():
        if begin.startswith(mark):
            return encoding
    return WIDE.get(tuple(map(bool, begin)))


def _looked_through(file: BinaryIO, path: Path, encoding: str | None) -> Detected:
    utf8, is_windows = _Utf8(path, encoding is not None), True
    sample, blank, quotes, spaced, before = b"", True, False, False, b""
    while block := file.read(BLOCK_BYTES):
        if b"\0" in block:
            raise TableError(f"{path} is no text; give a CSV or Parquet file")
        utf8.read(block)
        is_windows = is_windows and len(block.translate(None, NOT_WINDOWS)) == len(block)
        sample = sample or block
        blank = blank and not block.strip()
        quotes = quotes or b'"' in block
        whole = before + block
        spaced = spaced or (b' "' in whole and SPACED_QUOTE.search(whole) is not None)
        before = whole[max(0, len(whole.rstrip(b" ")) - 1) :]
    if blank:
        raise TableError(f"{path} is empty: give a CSV file with rows of values")
    utf8.read(b"")
    known = "utf-8"
    if utf8.first_bad:
        known = "cp1252" if is_windows else "latin-1"
    if len(sample) == BLOCK_BYTES:
        sample = sample[: sample.rfind(b"\n") + 1] or sample
    text = sample.decode(known, errors="replace")
    return Detected(encoding or known, text, quotes, spaced, guessed=utf8.first_bad > 0)


class _Utf8:
    """
    Whether bytes are UTF-8, all of them or none.

    Parameters
    ----------
    path : Path
        The file's, for messages.
    stated : bool
        Whether the file says that they are.

    Attributes
    ----------
    first_bad : int
        The line of the first byte that is not; 0 if there is none.
    """

    def __init__(self, path: Path, stated: bool):
        self._path, self._characters, self.first_bad = path, stated, 0
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="surrogateescape")
        self._ends = dict.fromkeys("\n\r", 0)

    def read(self, block: bytes) -> None:
        """
        Looks at the next bytes; none are the end.

        Raises
        ------
        TableError
            If some bytes are characters in UTF-8, and others cannot be.
        """
        text = self._decoder.decode(block, not block)
        if not text.isascii():
            if not self.first_bad:
                try:
                    text.encode()
                except UnicodeEncodeError as error:
                    self._count(text[: error.start])
                    self.first_bad = 1 + (self._ends["\n"] or self._ends["\r"])
            found = not self.first_bad or OTHER_THAN_ASCII.search(text)
            self._characters = self._characters or bool(found)
            if self.first_bad and self._characters:
                raise TableError(
                    f"{self._path}, line {self.first_bad} is not UTF-8 as the rest is; save the"
                    " table in one encoding"
                )
        if not self.first_bad:
            self._count(text)

    def _count(self, text: str) -> None:
        for end in self._ends:
            self._ends[end] += text.count(end)
