"""Writes files atomically: to a temporary file in the same folder, which is then renamed."""

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
    """Write to a temporary file in the same folder, which replaces `path` on success.

    Whatever happens, `path` is either the old file or the complete new one.

    Parameters
    ----------
    path : str, bytes or os.PathLike
        If it is a link, the file that it points to is replaced. The new file gets the old one's
        permissions, or those of any new file.

    Yields
    ------
    str
        The path of an empty file, which is removed after an exception.

    Raises
    ------
    OSError
        If the file cannot be written, or `path` is not a regular file.
    """
    path = os.path.realpath(path_of(path))
    if os.path.exists(path) and not os.path.isfile(path):
        code = errno.EISDIR if os.path.isdir(path) else errno.EINVAL
        raise OSError(code, "only regular files are replaced", path)
    folder = os.path.dirname(path)
    beside = os.path.join(folder, f".fusednn-{secrets.token_hex(8)}.tmp")
    try:
        found = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    except OSError as error:  # the error must name the caller's path
        raise OSError(error.errno, error.strerror, path) from None
    mode = os.stat(path if os.path.exists(path) else beside).st_mode & 0o777
    os.close(found)
    try:
        yield beside
        os.chmod(beside, mode)  # some libraries create files that only their owner can read
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)
    _sync_folder(folder)


def write_tensors(path, arrays: Mapping[str, np.ndarray], metadata: dict[str, str]) -> None:
    """Writes a safetensors file atomically, by `replacing`.

    Parameters
    ----------
    path : str, bytes or os.PathLike
    arrays : mapping of str to ndarray
    metadata : dict of str to str

    Raises
    ------
    OSError
        See `replacing`.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    # C-contiguous; ascontiguousarray would give arrays without axes one axis
    tensors = {name: np.array(part, order="C") for name, part in arrays.items()}
    with replacing(path) as beside:
        try:
            save_file(tensors, beside, metadata)
        except SafetensorError as error:
            raise OSError(f"{path_of(path)} could not be written: {error}") from error


def _sync_folder(folder: str) -> None:
    """Writes the new name to the disk, on systems that can open folders."""
    with contextlib.suppress(OSError):
        found = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(found)
        finally:
            os.close(found)
