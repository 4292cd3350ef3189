"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import secrets

BINARY = getattr(os, "O_BINARY", 0)
"""Windows changes ends of lines without it."""


def write_atomically(path, data: bytes) -> None:
    """Writes a file under another name, to the disk, and then gives it its own.

    A file that was there stays until then, and if anything fails.

    Parameters
    ----------
    path : str or path-like
        A symbolic link stays one: what it points to is replaced.
    data : bytes

    Raises
    ------
    OSError
        If the directory is missing, cannot be written to, or has no room.
    """
    path = os.path.realpath(os.fspath(path))
    unfinished = f"{path}.{secrets.token_hex(8)}.tmp"
    file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY, 0o666)
    try:
        with open(file, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(unfinished, path)
    except BaseException:
        os.unlink(unfinished)
        raise
    _sync_directory(os.path.dirname(path))


def _sync_directory(directory: str) -> None:
    """The new name to the disk too, where directories can be opened."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
