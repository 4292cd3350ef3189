"""Reads text files of any supported compression and encoding as UTF-8."""

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
"""Bytes that cp1252, the encoding of Excel, does not define; latin-1 defines all bytes."""
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark is a prefix of it
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Python's names of encodings, by the byte order mark at the beginning of a file."""
WIDE: dict[tuple[bool, ...], str] = {
    (True, False, False, False): "utf-32-le",
    (False, False, False, True): "utf-32-be",
    (True, False, True, False): "utf-16-le",
    (False, True, False, True): "utf-16-be",
}
"""Encodings without a mark, by which of a file's first four bytes are nonzero."""
OTHER_THAN_ASCII = re.compile("[^\0-\x7f\udc80-\udcff]")
"""Characters of several bytes in UTF-8, without the surrogates that invalid bytes decode to."""
SPACED_QUOTE = re.compile(rb'(?:\A|[\r\n,;|\t]) +"')
STANDARD_INPUT = Path("standard input")
"""Means standard input, compared by identity; messages show this name."""


class Detected(NamedTuple):
    """
    What a scan of a whole file found.

    Parameters
    ----------
    encoding : str
        Python's name of the encoding.
    sample : str
        Whole lines from the beginning.
    quotes : bool
        Whether the file contains a quote.
    spaced_quotes : bool
        Whether a cell may begin with spaces before a quote.
    guessed : bool
        Whether the encoding is a guess: the likeliest of several that the bytes may be in.
    """

    encoding: str
    sample: str
    quotes: bool
    spaced_quotes: bool
    guessed: bool


def content_of(path: Path) -> bytes | None:
    """
    All bytes of standard input or a pipe, which can be read only once; None for a regular file.

    Raises
    ------
    TableError
        If the bytes cannot be read.
    """
    if path is STANDARD_INPUT:
        if sys.stdin is None:
            raise TableError(f"{path} is closed: pipe a table into it, or give a file")
        return _with_table_errors(path, sys.stdin.buffer.read)
    return None if path.is_file() else _with_table_errors(path, Path.read_bytes, path)


class Source:
    """
    A text file that can be read from the beginning any number of times.

    Parameters
    ----------
    path : Path
        Plain or compressed.
    content : bytes, default=None
        What `content_of` returned.

    Raises
    ------
    TableError
        If the file cannot be read as text.
    """

    def __init__(self, path: Path, content: bytes | None = None):
        self.path, self._content = path, content
        self._raw = self._open()
        with self._raw:
            self._size = max(1, self._raw.seek(0, os.SEEK_END))
            self.found = _with_table_errors(path, self._scan)

    def open(self) -> BinaryIO:
        """A stream of the text from the beginning, in UTF-8 without a byte order mark."""
        self._raw = self._open()
        stream = _with_table_errors(self.path, decompressed, self._raw, self.path)
        return _recoded(stream, self.found.encoding)

    def share(self) -> float:
        """The fraction of the file that has been read."""
        return 1.0 if self._raw.closed else self._raw.tell() / self._size

    def close(self) -> None:
        """Closes the file."""
        self._raw.close()

    def _open(self) -> BinaryIO:
        if self._content is not None:
            return io.BytesIO(self._content)
        return _with_table_errors(self.path, Path.open, self.path, "rb")

    def _scan(self) -> Detected:
        with self._open() as raw:
            wide = _encoding_by_begin(decompressed(raw, self.path).read(4))
        file = decompressed(self._raw, self.path)
        # surrogateescape passes invalid bytes on to `_Utf8`, which names their line
        errors = "surrogateescape" if wide == "utf-8-sig" else "strict"
        try:
            return _detected(_recoded(file, wide or "utf-8", errors), self.path, wide)
        except UnicodeError:
            raise TableError(
                f"{self.path} is damaged, or not text: it begins like {wide}, but is not valid"
                f" {wide}"
            ) from None


class _Recoded(io.RawIOBase):
    """Converts a stream in another encoding to UTF-8."""

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


def _with_table_errors(path: Path, function: Callable, *arguments: Any) -> Any:
    """Calls a function that reads a file; its errors become TableErrors."""
    try:
        return function(*arguments)
    except (*DAMAGES, OSError) as error:
        if isinstance(error, OSError) and error.strerror:
            raise TableError(f"{path} cannot be read: {error.strerror}") from None
        raise TableError(f"{path} is damaged or incomplete: get the file again") from None


def _encoding_by_begin(begin: bytes) -> str | None:
    """The encoding that a file's first four bytes show; None for ASCII and its extensions."""
    for mark, encoding in MARKS.items():
        if begin.startswith(mark):
            return encoding
    return WIDE.get(tuple(map(bool, begin)))


def _detected(file: BinaryIO, path: Path, encoding: str | None) -> Detected:
    utf8, is_windows = _Utf8(path, encoding is not None), True
    sample, blank, quotes, spaced, before = b"", True, False, False, b""
    while block := file.read(BLOCK_BYTES):
        if b"\0" in block:
            raise TableError(f"{path} is not a text file; give a CSV or Parquet file")
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
    Checks whether bytes are UTF-8; refuses a mixture of UTF-8 and other encodings.

    Parameters
    ----------
    path : Path
        The file's path, for messages.
    stated : bool
        Whether the file's first bytes show its encoding.

    Attributes
    ----------
    first_bad : int
        The line of the first byte that is not UTF-8; 0 if there is none.
    """

    def __init__(self, path: Path, stated: bool):
        self._path, self._characters, self.first_bad = path, stated, 0
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="surrogateescape")
        self._ends = dict.fromkeys("\n\r", 0)

    def read(self, block: bytes) -> None:
        """
        Check the next bytes; an empty block is the end.

        Raises
        ------
        TableError
            If some bytes are characters of several bytes in UTF-8, and others are not UTF-8.
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
                    f"{self._path}, line {self.first_bad} is not UTF-8, unlike the rest; save the"
                    " table in one encoding"
                )
        if not self.first_bad:
            self._count(text)

    def _count(self, text: str) -> None:
        for end in self._ends:
            self._ends[end] += text.count(end)
