"""Decompresses files as streams. Their first bytes, not their names, tell the format."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

from fusednn.tables.errors import TableError
from fusednn.tables.table import listed

from .arrow import pyarrow_or_none

BUFFER_BYTES = 1 << 16
DAMAGES = EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, gzip.BadGzipFile
"""Errors raised for a damaged file, besides an OSError without a number."""
NO_MEMBERS = "__MACOSX/"
"""Prefix of the files that macOS adds to archives."""


def decompressed(raw: BinaryIO, path: Path) -> BinaryIO:
    """
    A stream that decompresses a file while it is read; the file itself if it is not compressed.

    Parameters
    ----------
    raw : binary file
    path : Path
        For messages.

    Raises
    ------
    TableError
        If the file is an archive of several files, is encrypted, or needs pyarrow.
    """
    raw.seek(0)
    begin = raw.read(max(map(len, COMPRESSIONS)))
    raw.seek(0)
    for magic, opened in COMPRESSIONS.items():
        if begin.startswith(magic):
            return cast(BinaryIO, opened(raw, path))
    return raw


def _zip(raw: BinaryIO, path: Path) -> Any:
    archive = zipfile.ZipFile(raw)
    members = [one for one in archive.infolist() if not one.is_dir()]
    members = [one for one in members if not one.filename.startswith(NO_MEMBERS)]
    names = [one.filename for one in members]
    if "[Content_Types].xml" in names:
        raise TableError(
            f"{path} is an office document, such as a workbook: save it as CSV, and give a CSV or"
            " Parquet file"
        )
    if len(members) != 1:
        what = f"{len(names)} files ({listed(names)})" if names else "no file"
        raise TableError(f"{path} has {what} in it: give an archive of one file")
    if members[0].flag_bits & 1:
        raise TableError(f"{path} is encrypted: unpack it, and give the file in it")
    try:
        return archive.open(members[0])
    except NotImplementedError:
        raise TableError(
            f"{path} uses an unsupported compression method: unpack it first"
        ) from None


def _zstandard(raw: BinaryIO, path: Path) -> Any:
    arrow = pyarrow_or_none()
    if arrow is None:
        raise TableError(
            f"{path} is compressed by zstd, which needs pyarrow: `pip install 'pyarrow>=16'`, or"
            " unpack it first"
        )
    file = arrow.CompressedInputStream(arrow.PythonFile(raw, mode="r"), "zstd")
    return io.BufferedReader(file, BUFFER_BYTES)


COMPRESSIONS: dict[bytes, Callable[[BinaryIO, Path], Any]] = {
    b"\x1f\x8b": lambda raw, _: gzip.GzipFile(fileobj=raw),
    **{b"BZh%d1AY&SY" % level: lambda raw, _: bz2.BZ2File(raw) for level in range(1, 10)},
    b"\xfd7zXZ\0": lambda raw, _: lzma.LZMAFile(raw),  # noqa: SIM115 - the caller closes it
    b"PK\3\4": _zip,
    b"\x28\xb5\x2f\xfd": _zstandard,
}
"""Openers of decompressed streams, by a file's first bytes."""
