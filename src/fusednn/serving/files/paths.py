"""How a path is read, wherever one is taken."""

from __future__ import annotations

import os


def path_of(path) -> str:
    """A path as a str.

    Parameters
    ----------
    path : str, bytes or os.PathLike

    Raises
    ------
    TypeError
        If it is something else; a number is no descriptor here.
    """
    try:
        return os.fsdecode(path)
    except TypeError:
        raise TypeError(f"a path must be a str, bytes or an os.PathLike; got {path!r}.") from None
