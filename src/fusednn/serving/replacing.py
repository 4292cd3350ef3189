"""Files that are there whole or not at all: written beside their place, then put there."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Mapping

import numpy as np


def write_tensors(path, arrays: Mapping[str, np.ndarray], metadata: dict[str, str]) -> None:
    """Writes a safetensors file; whatever happens, `path` is the old file or the whole new one.

    Parameters
    ----------
    path : str or os.PathLike
        A link is followed. The new file has the permissions of any new file.
    arrays : mapping of str to ndarray
    metadata : dict of str to str

    Raises
    ------
    OSError
        If it cannot be written; then nothing is left of it.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    path = os.path.realpath(os.fsdecode(path))
    if os.path.exists(path) and not os.path.isfile(path):
        code = errno.EISDIR if os.path.isdir(path) else errno.EINVAL
        raise OSError(code, "a model can only be saved as a regular file", path)
    folder = os.path.dirname(path)
    beside = os.path.join(folder, f".fusednn-{secrets.token_hex(8)}.tmp")
    found = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    mode = os.fstat(found).st_mode & 0o777  # as the user's mask leaves it
    os.close(found)
    try:
        # C-contiguous, and not of another shape where they have none, as ascontiguousarray has
        save_file(
            {name: np.array(part, order="C") for name, part in arrays.items()}, beside, metadata
        )
        os.chmod(beside, mode)  # the library's own files are for their owner only
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(beside, path)
    except SafetensorError as error:
        raise OSError(f"{path} could not be written: {error}") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    """Makes the new name last, where folders can be opened."""
    with contextlib.suppress(OSError):
        found = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(found)
        finally:
            os.close(found)
