"""Bytes of text files as UTF-8: what compresses them and how their characters are encoded."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from .errors import TableError

BLOCK_BYTES = 1 << 20
NOT_WINDOWS = b"\x81\x8d\x8f\x90\x9d"
"""Bytes that no character of cp1252 has, which Excel writes; latin-1 has all."""
COMPRESSIONS: dict[bytes, Callable[[BinaryIO], Any]] = {
    b"\x1f\x8b": lambda raw: gzip.GzipFile(fileobj=raw),
}
"""By how a file begins, whatever its name: the stream of what it holds."""
DAMAGES = EOFError, zlib.error, gzip.BadGzipFile
SPACED_QUOTE = re.compile(rb'(?:\A|[\r\n,;|\t]) +"')


class Found(NamedTuple):
    """
    What going through a whole file found.

    Parameters
    ----------
    encoding : str
        Of its characters, as Python calls it.
    sample : str
        Whole lines of its beginning.
    quotes : bool
        Whether there is a quote anywhere.
    spaced_quotes : bool
        Whether spaces stand before a quote where a cell may begin.
    """

    encoding: str
    sample: str
    quotes: bool
    spaced_quotes: bool


class Source:
    """
    A file of text, which can be read from begin to end again and again.

    Parameters
    ----------
    path : Path
        Plain or compressed; a pipe is read at once and kept.

    Raises
    ------
    TableError
        If it cannot be read as text.
    """

    def __init__(self, path: Path):
        self.path = path
        # a pipe can be read once only
        self._content = None if path.is_file() else _reading(path, Path.read_bytes, path)
        self._raw = self._open()
        with self._raw:
            self._size = max(1, self._raw.seek(0, os.SEEK_END))
            self.found = _reading(path, _looked_through, self._plain(), path)

    def open(self) -> BinaryIO:
        """Its text from the beginning, in UTF-8 without a byte order mark."""
        self._raw = self._open()
        plain = self._plain()
        if self.found.encoding != "utf-8":
            return io.BufferedReader(_Recoded(plain, self.found.encoding), BLOCK_BYTES)
        if plain.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
            plain.seek(0)
        return plain

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

    def _plain(self) -> BinaryIO:
        """The content, decompressed."""
        self._raw.seek(0)
        begin = self._raw.read(max(map(len, COMPRESSIONS)))
        self._raw.seek(0)
        for magic, opened in COMPRESSIONS.items():
            if begin.startswith(magic):
                return cast(BinaryIO, opened(self._raw))
        return self._raw


class _Recoded(io.RawIOBase):
    """A stream in UTF-8 of one in another encoding."""

    def __init__(self, stream: BinaryIO, encoding: str):
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            block = self._stream.read(BLOCK_BYTES)
            self._ready = self._decoder.decode(block, not block).encode()
            if not block:
                break
        count = min(len(buffer), len(self._ready))
        buffer[:count], self._ready = self._ready[:count], self._ready[count:]
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


def _reading(path: Path, call: Callable, *arguments: Any) -> Any:
    try:
        return call(*arguments)
    except DAMAGES:
        raise TableError(f"{path} is damaged or incomplete: get the file again") from None
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror}") from None


def _looked_through(file: BinaryIO, path: Path) -> Found:
    utf8, is_utf8, is_windows = codecs.getincrementaldecoder("utf-8")(), True, True
    sample, blank, quotes, spaced, before = b"", True, False, False, b""
    while block := file.read(BLOCK_BYTES):
        if b"\0" in block:
            raise TableError(f"{path} is no text; give a CSV or Parquet file")
        is_utf8 = is_utf8 and _decodes(utf8, block)
        is_windows = is_windows and len(block.translate(None, NOT_WINDOWS)) == len(block)
        sample = sample or block
        blank = blank and not block.strip()
        quotes = quotes or b'"' in block
        whole = before + block.removeprefix(codecs.BOM_UTF8)
        spaced = spaced or (b' "' in whole and SPACED_QUOTE.search(whole) is not None)
        before = whole[max(0, len(whole.rstrip(b" ")) - 1) :]
    if blank:
        raise TableError(f"{path} is empty: give a CSV file with rows of values")
    if is_utf8 and _decodes(utf8, b"", final=True):
        encoding = "utf-8"
    else:
        encoding = "cp1252" if is_windows else "latin-1"
    if len(sample) == BLOCK_BYTES:
        sample = sample[: sample.rfind(b"\n") + 1] or sample
    text = sample.removeprefix(codecs.BOM_UTF8).decode(encoding, errors="replace")
    return Found(encoding, text, quotes, spaced)


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes, final: bool = False) -> bool:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True
