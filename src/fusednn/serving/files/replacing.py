"""Files that are there whole or not at all: written beside their place, then put there."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator, Mapping

import numpy as np

from .paths import path_of


@contextlib.contextmanager
def replacing(path) -> Iterator[str]:
    """A place to write to, beside a file, that takes its name when all has gone well.

    Whatever happens, `path` is the old file or the whole new one.

    Parameters
    ----------
    path : str, bytes or os.PathLike
        A link is followed. A file that was there gives the new one its permissions, and else it
        has those of any new file.

    Yields
    ------
    str
        The path of an empty file, which is removed after an exception.

    Raises
    ------
    OSError
        If it cannot be written, or what is there is no regular file.
    """
    path = os.path.realpath(path_of(path))
    if os.path.exists(path) and not os.path.isfile(path):
        code = errno.EISDIR if os.path.isdir(path) else errno.EINVAL
        raise OSError(code, "only regular files are replaced", path)
    folder = os.path.dirname(path)
    beside = os.path.join(folder, f".fusednn-{secrets.token_hex(8)}.tmp")
    try:
        found = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    except OSError as error:  # of the name that the caller knows
        raise OSError(error.errno, error.strerror, path) from None
    mode = os.stat(path if os.path.exists(path) else beside).st_mode & 0o777
    os.close(found)
    try:
        yield beside
        os.chmod(beside, mode)  # some libraries' files are for their owner only
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)
    _sync_folder(folder)


def write_tensors(path, arrays: Mapping[str, np.ndarray], metadata: dict[str, str]) -> None:
    """Writes a safetensors file, as `replacing` does.

    Parameters
    ----------
    path : str, bytes or os.PathLike
    arrays : mapping of str to ndarray
    metadata : dict of str to str

    Raises
    ------
    OSError
        As `replacing` does.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    # C-contiguous, and not of another shape where they have none, as ascontiguousarray has
    tensors = {name: np.array(part, order="C") for name, part in arrays.items()}
    with replacing(path) as beside:
        try:
            save_file(tensors, beside, metadata)
        except SafetensorError as error:
            raise OSError(f"{path_of(path)} could not be written: {error}") from error


def _sync_folder(folder: str) -> None:
    """Makes the new name last, where folders can be opened."""
    with contextlib.suppress(OSError):
        found = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(found)
        finally:
            os.close(found)
