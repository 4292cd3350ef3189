"""Output files: checked before the work; afterwards complete, or not there at all."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from fusednn.serving.files import replacing as serving
from fusednn.tables.reading.parquet import SUFFIXES

from .errors import UserError


def check_output(path: Path, *inputs: Path | None) -> None:
    """
    Refuse a path that cannot be written to, before long work is lost.

    Parameters
    ----------
    path : Path
    *inputs : Path or None
        Files that must not be overwritten.

    Raises
    ------
    UserError
    """
    if path == Path("-"):
        raise UserError("only predict can write to standard output (-): give the name of a file")
    try:
        with suppress(FileNotFoundError, NotADirectoryError):
            path.stat()  # only stat reports circular links
        if path.is_dir():
            raise UserError(f"{path} is a folder: give the name of a file")
        if path.exists() and not path.is_file():
            raise UserError(f"{path} is not a regular file: give the name of one")
        for given in inputs:
            if given is not None and path.exists() and given.exists() and path.samefile(given):
                raise UserError(f"{path} is an input: give another name for the output")
        folder = path.resolve().parent
        if not folder.is_dir():
            raise UserError(f"there is no folder {folder}: create it, or write to another")
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from None
    if not os.access(folder, os.W_OK):
        raise UserError(f"{path} cannot be written: no permission to write in {folder}")


COMPRESSIONS: dict[str, Callable[[BinaryIO], Any]] = {
    ".gz": lambda raw: gzip.GzipFile("", "wb", fileobj=raw, mtime=0),  # the same bytes every time
    ".bz2": lambda raw: bz2.BZ2File(raw, "wb"),
    ".xz": lambda raw: lzma.LZMAFile(raw, "wb"),  # noqa: SIM115 - the caller closes it
}
"""Compressors by file suffix."""
OTHER_FORMS = ".zip", ".zst", ".xlsx", ".xls", ".ods", ".feather", ".arrow"


def check_form(path: Path) -> None:
    """
    Refuse a file name whose suffix names a format that is not written.

    Raises
    ------
    UserError
    """
    end = path.suffix.lower()
    inner = Path(path.stem).suffix.lower()
    if end in OTHER_FORMS or (end in COMPRESSIONS and inner in (*SUFFIXES, *OTHER_FORMS)):
        compressed = ", ".join(f".csv{suffix}" for suffix in COMPRESSIONS)
        raise UserError(
            f"{path} names a format that is not written: end it in .csv, {compressed} or .parquet"
        )


@contextmanager
def text_file(path: Path, suffix: str, **options: Any) -> Iterator[TextIO]:
    """
    Open a text file for writing, compressed according to `suffix`.

    Parameters
    ----------
    path : Path
    suffix : str
        Suffix of the final file name; `path` is a temporary one.
    **options
        Keyword arguments for `io.TextIOWrapper`.
    """
    compressing = COMPRESSIONS.get(suffix.lower(), lambda raw: raw)
    with path.open("wb") as raw, io.TextIOWrapper(compressing(raw), **options) as text:
        yield text


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """
    Write to a temporary file in the same folder, which replaces `path` on success.

    Parameters
    ----------
    path : Path
        If it is a link, the file that it points to is replaced.

    Yields
    ------
    Path
        The temporary file, empty. After an exception it is removed, and `path` is unchanged.

    Raises
    ------
    UserError
        Instead of an OSError.
    """
    try:
        with serving.replacing(path) as beside:
            yield Path(beside)
    except BrokenPipeError:  # from standard output, not from the file
        raise
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}") from error
