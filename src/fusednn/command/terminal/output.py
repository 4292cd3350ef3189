"""Files that a command writes: checked before the work, there whole or not at all after it."""

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
    Refuse a place that nothing can be written to, before long work is lost.

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
        raise UserError("- is standard output, where only predict writes: give the name of a file")
    try:
        with suppress(FileNotFoundError, NotADirectoryError):
            path.stat()  # links in a circle are told by it alone
        if path.is_dir():
            raise UserError(f"{path} is a folder: give the name of a file")
        if path.exists() and not path.is_file():
            raise UserError(f"{path} is no ordinary file: give the name of one")
        for given in inputs:
            if given is not None and path.exists() and given.exists() and path.samefile(given):
                raise UserError(f"{path} is read: give another name to what is written")
        folder = path.resolve().parent
        if not folder.is_dir():
            raise UserError(f"there is no folder {folder}: make it, or write to another")
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from None
    if not os.access(folder, os.W_OK):
        raise UserError(f"{path} cannot be written: no permission to write in {folder}")


COMPRESSIONS: dict[str, Callable[[BinaryIO], Any]] = {
    ".gz": lambda raw: gzip.GzipFile("", "wb", fileobj=raw, mtime=0),  # the same bytes every time
    ".bz2": lambda raw: bz2.BZ2File(raw, "wb"),
    ".xz": lambda raw: lzma.LZMAFile(raw, "wb"),  # noqa: SIM115 - the caller closes it
}
"""What compresses text, by how a name ends."""
OTHER_FORMS = ".zip", ".zst", ".xlsx", ".xls", ".ods", ".feather", ".arrow"


def check_form(path: Path) -> None:
    """
    Refuse a name for rows that says what is not written.

    Raises
    ------
    UserError
    """
    end = path.suffix.lower()
    inner = Path(path.stem).suffix.lower()
    if end in OTHER_FORMS or (end in COMPRESSIONS and inner in (*SUFFIXES, *OTHER_FORMS)):
        compressed = ", ".join(f".csv{suffix}" for suffix in COMPRESSIONS)
        raise UserError(
            f"{path} has a name for what is not written: end it in .csv, {compressed} or .parquet"
        )


@contextmanager
def text_file(path: Path, suffix: str, **options: Any) -> Iterator[TextIO]:
    """
    Open a file to write text to, compressed if a suffix says so.

    Parameters
    ----------
    path : Path
    suffix : str
        That of the name which the file is going to have.
    **options
        Those of `io.TextIOWrapper`.
    """
    compressing = COMPRESSIONS.get(suffix.lower(), lambda raw: raw)
    with path.open("wb") as raw, io.TextIOWrapper(compressing(raw), **options) as text:
        yield text


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """
    A place to write to, beside a file, that takes its name when all has gone well.

    Parameters
    ----------
    path : Path
        A link is followed.

    Yields
    ------
    Path
        An empty file. It is removed after any exception, and what was at `path` is as it was.

    Raises
    ------
    UserError
        In place of an OSError.
    """
    try:
        with serving.replacing(path) as beside:
            yield Path(beside)
    except BrokenPipeError:  # of a stream, not of the file
        raise
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}") from error
