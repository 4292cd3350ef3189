"""Folders of idx files, the format of MNIST and Fashion-MNIST.

A file consists of four bytes (0, 0, type, number of dimensions), the size of each dimension as a
big-endian 32-bit number, and the values, C-ordered and big-endian:
http://yann.lecun.com/exdb/mnist
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from fusednn.command.terminal.errors import UserError

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
PARTS = {"train": ("train",), "test": ("t10k", "test")}
GZIP_MAGIC = b"\x1f\x8b"


def read_bytes(path: Path) -> bytes:
    """
    Read a file, and decompress it if its first bytes are gzip's.

    Parameters
    ----------
    path : Path

    Returns
    -------
    bytes

    Raises
    ------
    UserError
        If the file is unreadable or damaged.
    """
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data.startswith(GZIP_MAGIC) else data
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise UserError(f"{path} is damaged or incomplete: get the file again") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None


def read_idx(path: Path) -> np.ndarray:
    """
    Read the array in an idx file, plain or compressed by gzip.

    Parameters
    ----------
    path : Path

    Returns
    -------
    ndarray

    Raises
    ------
    UserError
        If the file is not an idx file, or is truncated.
    """
    data = read_bytes(path)
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in TYPES or data[3] == 0:
        start = data[:4].hex(" ") or "nothing"
        raise UserError(
            f"{path} is not an idx file (it begins with {start}); get the original file again"
        )
    dtype, dimensions = np.dtype(TYPES[data[2]]), data[3]
    begin = 4 + 4 * dimensions
    if len(data) < begin:
        raise UserError(f"{path} ends inside its header: get the file again")
    shape = [int(size) for size in np.frombuffer(data, ">u4", dimensions, 4)]
    expected = begin + math.prod(shape) * dtype.itemsize
    if len(data) != expected:
        raise UserError(
            f"{path} has {len(data)} bytes, but its header says {expected}: get the file again"
        )
    return np.frombuffer(data, dtype, offset=begin).reshape(shape)


def read_part(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray] | None:
    """
    Read the images and labels of one part of a folder.

    Parameters
    ----------
    folder : Path
    part : {"train", "test"}

    Returns
    -------
    tuple of ndarray, or None
        Images of shape (n_images, ...) and labels of shape (n_images,); None if the folder has
        neither.

    Raises
    ------
    UserError
        If one file is missing or damaged, or does not match the other.
    """
    images, labels = (_find(folder, part, kind) for kind in ("images", "labels"))
    if images is None and labels is None:
        return None
    if images is None or labels is None:
        present, missing = (images, "labels") if images else (labels, "images")
        raise UserError(f"{present} has no file of {missing} beside it: put it into the folder")
    X, y = read_idx(images), read_idx(labels)
    if X.ndim < 2 or y.ndim != 1:
        raise UserError(f"{images.name} and {labels.name} do not hold images and labels")
    if len(X) != len(y):
        raise UserError(f"{images} has {len(X)} images, but {labels.name} has {len(y)} labels")
    return X, y


def _find(folder: Path, part: str, kind: str) -> Path | None:
    """The file of one part and kind; prefers an uncompressed file to a compressed one."""
    order = "3" if kind == "images" else "1"
    for name in PARTS[part]:
        for separator in "-.":
            for end in ("", ".gz"):
                found = folder / f"{name}-{kind}{separator}idx{order}-ubyte{end}"
                if found.is_file():
                    return found
    return None
