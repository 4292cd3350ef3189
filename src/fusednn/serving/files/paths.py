"""Converts paths that users give."""

from __future__ import annotations

import os


def path_of(path) -> str:
    """Converts a path to a str.

    Parameters
    ----------
    path : str, bytes or os.PathLike

    Raises
    ------
    TypeError
        If it is something else. File descriptors are not accepted.
    """
    try:
        return os.fsdecode(path)
    except TypeError:
        raise TypeError(f"a path must be a str, bytes or an os.PathLike; got {path!r}.") from None
