"""Files that a command writes: checked before the work, there whole or not at all after it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fusednn.serving import replacing as serving

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
    try:
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
